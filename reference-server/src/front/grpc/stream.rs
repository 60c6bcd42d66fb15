//! Inferences one after the other over one call.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::{
    InferParameter, ModelInferRequest, ModelInferResponse, ModelStreamInferResponse,
};
use tonic::Status;

use super::infer::infer;
use super::status::refusal;
use crate::front::service::Service;
use crate::ipc::lane::monotonic_ns;
use crate::protocol::RequestError;

/// Requests of one call that are served at the same time; more wait to be read.
const UNDER_WAY: usize = 128;

/// Parameter of a response after which the request gets no other.
const FINAL_RESPONSE: &str = "triton_final_response";

/// The responses of a call.
pub type Responses = Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

/// Serves the requests of a call until there are no more or the server is told to stop. Responses
/// come in the order of the requests. A request that fails is answered with an error message, or ends
/// the call with the error's status where `ends_with_error`.
pub fn responses(
    service: Arc<Service>,
    requests: impl Stream<Item = Result<ModelInferRequest, Status>> + Send + 'static,
    ends_with_error: bool,
) -> Responses {
    let mut stopping = service.stopping.clone();
    let stopped = async move {
        stopping.wait_for(|stopping| *stopping).await.ok();
    };
    let answer = move |request: Result<ModelInferRequest, Status>| {
        let service = service.clone();
        async move {
            let request = request?;
            match infer(&service, &request, monotonic_ns()).await {
                Ok(response) => Ok(ModelStreamInferResponse {
                    error_message: String::new(),
                    infer_response: Some(finally(response)),
                }),
                Err(error) if ends_with_error => Err(refusal(error)),
                Err(error) => Ok(failure(request, error)),
            }
        }
    };
    Box::pin(requests.take_until(stopped).map(answer).buffered(UNDER_WAY))
}

/// How a request that failed is answered: the message, and which request it was.
fn failure(request: ModelInferRequest, error: RequestError) -> ModelStreamInferResponse {
    ModelStreamInferResponse {
        error_message: error.message,
        infer_response: Some(finally(ModelInferResponse {
            model_name: request.model_name,
            model_version: request.model_version,
            id: request.id,
            ..ModelInferResponse::default()
        })),
    }
}

/// `response` as the last one of its request.
fn finally(mut response: ModelInferResponse) -> ModelInferResponse {
    let yes = InferParameter {
        parameter_choice: Some(ParameterChoice::BoolParam(true)),
    };
    response.parameters.insert(FINAL_RESPONSE.to_owned(), yes);
    response
}
