//! `grpc.health.v1.Health`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use proto::health::health_check_response::ServingStatus;
use proto::health::health_server::Health;
use proto::health::{HealthCheckRequest, HealthCheckResponse};
use tonic::{Request, Response, Status};

use crate::front::service::Service;

/// The services that have a state; the empty name is the server as a whole. Their state is the same.
const SERVICES: [&str; 2] = ["", "inference.GRPCInferenceService"];
/// How long a change may stay unnoticed by those who watch.
const PAUSE: Duration = Duration::from_millis(250);

/// See the module.
pub struct HealthService {
    service: Arc<Service>,
}

impl HealthService {
    /// The health of `service`.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

/// The state of a service by its name.
fn state(service: &Service, name: &str) -> ServingStatus {
    match (SERVICES.contains(&name), service.ready()) {
        (false, _) => ServingStatus::ServiceUnknown,
        (true, true) => ServingStatus::Serving,
        (true, false) => ServingStatus::NotServing,
    }
}

/// What is needed to notice a change.
struct Watch {
    service: Arc<Service>,
    name: String,
    told: Option<ServingStatus>,
    stopping: tokio::sync::watch::Receiver<bool>,
}

impl Watch {
    /// The next state that differs from the last one that was told; `None` at the end of the server.
    async fn next(&mut self) -> Option<ServingStatus> {
        loop {
            let now = state(&self.service, &self.name);
            if self.told != Some(now) {
                self.told = Some(now);
                return Some(now);
            }
            if *self.stopping.borrow() {
                return None;
            }
            if let Ok(Err(_)) = tokio::time::timeout(PAUSE, self.stopping.changed()).await {
                return None;
            }
        }
    }
}

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let name = &request.get_ref().service;
        match state(&self.service, name) {
            ServingStatus::ServiceUnknown => Err(Status::not_found(format!(
                "there is no service '{name}'; this server has '{}'",
                SERVICES[1]
            ))),
            state => Ok(Response::new(HealthCheckResponse {
                status: state.into(),
            })),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watch = Watch {
            service: self.service.clone(),
            name: request.into_inner().service,
            told: None,
            stopping: self.service.stopping.clone(),
        };
        let states = stream::unfold(watch, |mut watch| async move {
            let status = watch.next().await?.into();
            Some((Ok::<_, Status>(HealthCheckResponse { status }), watch))
        });
        Ok(Response::new(Box::pin(states)))
    }
}
