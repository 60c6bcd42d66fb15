//! A client that waits for each answer.

use std::net::SocketAddr;

use futures_util::{StreamExt, stream};
use proto::health::health_client::HealthClient;
use proto::inference::grpc_inference_service_client::GrpcInferenceServiceClient;
use proto::inference::{ModelInferRequest, ModelInferResponse, ModelStreamInferResponse};
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

use crate::support::deadline::DEADLINE;
use crate::support::server::Server;

/// Larger than any message of these tests.
const LARGEST_MESSAGE: usize = 1 << 30;

/// The generated client of the inference service.
pub type Inference = GrpcInferenceServiceClient<Channel>;

/// One connection and what is needed to wait for it.
pub struct Client {
    runtime: Runtime,
    inference: Inference,
    health: HealthClient<Channel>,
}

impl Client {
    /// Connects to a server.
    #[track_caller]
    pub fn connect(server: &Server) -> Self {
        Self::connect_to(server.grpc())
    }

    /// Connects to an address.
    #[track_caller]
    pub fn connect_to(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = runtime
            .block_on(endpoint.connect_timeout(DEADLINE).connect())
            .expect("the server accepts connections");
        Self {
            runtime,
            inference: Inference::new(channel.clone()).max_decoding_message_size(LARGEST_MESSAGE),
            health: HealthClient::new(channel),
        }
    }

    /// The inference service's client, with other settings.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(Inference) -> Inference) -> Self {
        self.inference = change(self.inference);
        self
    }

    /// Waits for something that has to happen.
    #[track_caller]
    pub fn wait<T>(&self, something: impl Future<Output = T>) -> T {
        self.runtime
            .block_on(async { tokio::time::timeout(DEADLINE, something).await })
            .expect("it happens in time")
    }

    /// Calls the inference service.
    #[track_caller]
    pub fn call<T>(
        &self,
        call: impl AsyncFnOnce(&mut Inference) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let mut inference = self.inference.clone();
        self.wait(call(&mut inference)).map(Response::into_inner)
    }

    /// Calls the health service.
    #[track_caller]
    pub fn call_health<T>(
        &self,
        call: impl AsyncFnOnce(&mut HealthClient<Channel>) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let mut health = self.health.clone();
        self.wait(call(&mut health)).map(Response::into_inner)
    }

    /// One inference.
    #[track_caller]
    pub fn infer(&self, request: ModelInferRequest) -> Result<ModelInferResponse, Status> {
        self.call(async |service| service.model_infer(request).await)
    }

    /// One inference that must fail with this code and these texts in its message.
    #[track_caller]
    pub fn refused(&self, request: ModelInferRequest, code: Code, texts: &[&str]) {
        assert_refused(self.infer(request), code, texts);
    }

    /// Inferences over one call, all of them sent before an answer is read.
    #[track_caller]
    pub fn stream(
        &self,
        requests: Vec<ModelInferRequest>,
    ) -> Result<Vec<ModelStreamInferResponse>, Status> {
        let responses =
            self.call(async |service| service.model_stream_infer(stream::iter(requests)).await)?;
        let collected = self.wait(responses.collect::<Vec<_>>());
        collected.into_iter().collect()
    }
}

/// Checks that a call failed with this code and these texts in its message.
#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Status>, code: Code, texts: &[&str]) {
    let status = outcome.expect_err("the call is refused");
    assert_eq!(status.code(), code, "{}", status.message());
    for text in texts {
        assert!(
            status.message().contains(text),
            "no '{text}' in '{}'",
            status.message()
        );
    }
}
