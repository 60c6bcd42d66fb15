//! From a request to a response: routing, bodies, errors.

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::body::Parts;
use super::reader::stalled;
use super::route::{ModelAction, RegionAction, Route};
use super::{infer, model, repository, settings, shared_memory};
use crate::front::metrics;
use crate::front::options::Options;
use crate::front::restriction::missing_header;
use crate::front::service::Service;
use crate::protocol::encoding::{Encoding, SUPPORTED};
use crate::protocol::repository::NO_REPOSITORY_NAME;
use crate::protocol::{ErrorKind, RequestError};

/// The answer to a request that has one.
pub type Answer = Result<Response<Parts>, RequestError>;

/// Answers one request of the inference port. Nothing that a client sends makes it fail.
pub async fn answer(service: &Service, request: Request<Incoming>) -> Response<Parts> {
    route(service, request)
        .await
        .unwrap_or_else(|error| refusal(&error))
}

async fn route(service: &Service, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let Some(route) = Route::parse(head.uri.path()) else {
        return Err(RequestError::not_found(format!(
            "there is nothing at '{}'",
            head.uri.path()
        )));
    };
    let restrictions = &service.options.http_restricted_api;
    let header = |name: &str| head.headers.get(name).map(HeaderValue::as_bytes);
    if let Some(name) = missing_header(restrictions, route.api(), "", header) {
        return Err(RequestError::new(
            ErrorKind::Restricted,
            format!("This API is restricted, expecting header '{name}'"),
        ));
    }
    let is_change = head.method == Method::POST && route.can_be_changed();
    if head.method != route.method() && !is_change {
        return Err(RequestError::new(
            ErrorKind::WrongMethod,
            format!(
                "'{}' answers to {}, not to {}",
                head.uri.path(),
                route.method(),
                head.method
            ),
        ));
    }
    let options = &service.options;
    match route {
        Route::Model {
            name,
            version,
            action: ModelAction::Infer,
        } => infer::infer(service, &name, version.as_deref(), &head.headers, body).await,
        Route::Model {
            name,
            version,
            action,
        } => model::answer(service, &name, version.as_deref(), action),
        Route::ServerMetadata => Ok(json(&service.metadata())),
        Route::Live => Ok(empty(StatusCode::OK)),
        Route::Ready => Ok(empty(if service.ready() {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        })),
        Route::AllStatistics => model::statistics(service, None, None),
        Route::RepositoryIndex => {
            repository::index(service, &collect(body, &head.headers, options).await?)
        }
        Route::Load(name) => {
            let body = collect(body, &head.headers, options).await?;
            repository::load(service, &name, body).await
        }
        Route::Unload(name) => {
            let body = collect(body, &head.headers, options).await?;
            repository::unload(service, &name, &body).await
        }
        Route::InOneRepository => Err(RequestError::unsupported(NO_REPOSITORY_NAME)),
        Route::TraceSettings(_) | Route::Logging => {
            let body = match is_change {
                true => Some(collect(body, &head.headers, options).await?),
                false => None,
            };
            match route {
                Route::TraceSettings(name) => {
                    settings::trace(service, name.as_deref(), body.as_deref())
                }
                _ => settings::logging(service, body.as_deref()),
            }
        }
        Route::SharedMemory { kind, name, action } => {
            let body = match action {
                RegionAction::Register => collect(body, &head.headers, options).await?,
                RegionAction::Status | RegionAction::Unregister => Bytes::new(),
            };
            shared_memory::answer(service, kind, name.as_deref(), action, &body).await
        }
    }
}

/// Answers one request of the metrics port.
pub async fn answer_metrics(service: &Service, request: Request<Incoming>) -> Response<Parts> {
    if request.uri().path() != "/metrics" {
        return refusal(&RequestError::not_found("metrics are at '/metrics'"));
    }
    if request.method() != Method::GET {
        return refusal(&RequestError::new(
            ErrorKind::WrongMethod,
            "'/metrics' answers to GET",
        ));
    }
    let mut response = Response::new(Parts::from(metrics::render(&service.repository)));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

/// An error as the client sees it.
pub fn refusal(error: &RequestError) -> Response<Parts> {
    let mut response = Response::new(Parts::from(error.body()));
    *response.status_mut() = error.status();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    if error.kind == ErrorKind::Unsupported {
        response
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, HeaderValue::from_static(SUPPORTED));
    }
    response
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response<Parts> {
    let mut response = Response::new(Parts::default());
    *response.status_mut() = status;
    response
}

/// A value as a JSON response.
pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Response<Parts> {
    json_text(serde_json::to_vec(value).expect("response bodies are plain data"))
}

/// JSON text as a response.
pub fn json_text(text: Vec<u8>) -> Response<Parts> {
    let mut response = Response::new(Parts::from(text));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

/// Reads a whole body and undoes its encoding.
///
/// # Errors
/// The body is larger than the limit (400), is encoded in a way that is not known (501), does not
/// arrive whole (400), or stops coming (408).
pub async fn collect(
    body: Incoming,
    headers: &HeaderMap,
    options: &Options,
) -> Result<Bytes, RequestError> {
    let (limit, pause) = (options.http_max_input_size, options.client_timeout);
    let announced = body.size_hint();
    if announced.lower() > limit {
        return Err(too_large(limit));
    }
    let mut body = body;
    let mut collected = BytesMut::new();
    while let Some(frame) = tokio::time::timeout(pause, body.frame())
        .await
        .map_err(|_| stalled(pause))?
    {
        let frame = frame.map_err(|error| {
            RequestError::invalid(format!("the request body did not arrive whole: {error}"))
        })?;
        if let Ok(data) = frame.into_data() {
            if (collected.len() + data.len()) as u64 > limit {
                return Err(too_large(limit));
            }
            if data.len() > collected.capacity() - collected.len() {
                collected.reserve(room(collected.len(), announced.lower()));
            }
            collected.extend_from_slice(&data);
        }
    }
    let collected = collected.freeze();
    match Encoding::of_request(text(headers, &header::CONTENT_ENCODING))? {
        Encoding::Identity => Ok(collected),
        encoding => encoding.decode(&collected, limit as usize).map(Bytes::from),
    }
}

/// The room to make for the rest of a body of which `arrived` bytes are there. Once that is an eighth of what
/// was announced, all of it: a large body that grows in steps is copied at each, and has its memory twice
/// meanwhile. What is only announced takes no memory.
fn room(arrived: usize, announced: u64) -> usize {
    let announced = usize::try_from(announced).unwrap_or(0);
    match arrived >= announced / 8 {
        true => announced.saturating_sub(arrived),
        false => 0,
    }
}

/// The value of a header where it is text.
pub fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The answer to a body above the limit.
pub fn too_large(limit: u64) -> RequestError {
    RequestError::too_large(format_args!("more than {limit}"), limit as usize)
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn room_is_made_for_what_is_announced_when_enough_of_it_is_there() {
        assert_eq!(room(0, 1 << 30), 0);
        assert_eq!(room(100, 1000), 0);
        assert_eq!(room(125, 1000), 875);
        // Nothing is announced of a body in chunks.
        assert_eq!(room(125, 0), 0);
    }
}
