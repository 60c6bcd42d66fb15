//! Calls that only clients with a header may make.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;

use crate::front::restriction::{Api, Restriction, missing_header};

/// What stands in front of the key of a restriction in the name of its header.
const PREFIX: &str = "triton-grpc-protocol-";

/// A service some of whose calls are restricted.
#[derive(Clone, Debug)]
pub struct Restricted<S> {
    service: S,
    restrictions: Arc<[Restriction]>,
}

impl<S> Restricted<S> {
    /// Restricts the calls of `service`.
    pub fn new(service: S, restrictions: Arc<[Restriction]>) -> Self {
        Self {
            service,
            restrictions,
        }
    }
}

impl<S: NamedService> NamedService for Restricted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<Request<B>> for Restricted<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
        let missing = api(request.uri().path())
            .and_then(|api| missing_header(&self.restrictions, api, PREFIX, header));
        match missing {
            None => Box::pin(self.service.call(request)),
            Some(name) => {
                let refusal = Status::unavailable(format!(
                    "This protocol is restricted, expecting header '{name}'"
                ));
                Box::pin(async move { Ok(refusal.into_http()) })
            }
        }
    }
}

/// The part of the protocol that a call belongs to, by its path; `None` for calls that do not exist.
fn api(path: &str) -> Option<Api> {
    let (service, call) = path.strip_prefix('/')?.split_once('/')?;
    if service == "grpc.health.v1.Health" {
        return Some(Api::Health);
    }
    Some(match call {
        "ServerLive" | "ServerReady" | "ModelReady" => Api::Health,
        "ServerMetadata" | "ModelMetadata" => Api::Metadata,
        "ModelInfer" | "ModelStreamInfer" => Api::Inference,
        "ModelConfig" => Api::ModelConfig,
        "ModelStatistics" => Api::Statistics,
        "RepositoryIndex" | "RepositoryModelLoad" | "RepositoryModelUnload" => Api::ModelRepository,
        "TraceSetting" => Api::Trace,
        "LogSettings" => Api::Logging,
        call if call.contains("SharedMemory") => Api::SharedMemory,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_belongs_to_a_part() {
        let pool = proto::descriptors();
        let calls: Vec<String> = pool
            .services()
            .flat_map(|service| {
                let name = service.full_name().to_owned();
                let methods: Vec<String> = service
                    .methods()
                    .map(|method| format!("/{name}/{}", method.name()))
                    .collect();
                methods
            })
            .collect();
        assert!(calls.len() > 20, "{calls:?}");
        for call in calls {
            assert!(api(&call).is_some(), "{call}");
        }
    }
}
