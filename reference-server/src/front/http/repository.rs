//! The model repository extension: index, load, unload.

use bytes::Bytes;
use http::StatusCode;

use super::answer::{Answer, empty, json};
use crate::front::blocking::blocking;
use crate::front::service::Service;
use crate::protocol::repository::{IndexRequest, LoadRequest, UnloadRequest};

/// `POST /v2/repository/index`
///
/// # Errors
/// The body cannot be understood.
pub fn index(service: &Service, body: &[u8]) -> Answer {
    let request = IndexRequest::parse(body)?;
    Ok(json(&service.index(request.ready)))
}

/// `POST /v2/repository/models/{name}/load`
///
/// # Errors
/// 400 with the reason why the model could not be loaded.
pub async fn load(service: &Service, name: &str, body: Bytes) -> Answer {
    // With files it may be large; it is let go of before the model is loaded.
    let request = blocking(move || LoadRequest::parse(&body)).await?;
    service.load(name, request).await?;
    Ok(empty(StatusCode::OK))
}

/// `POST /v2/repository/models/{name}/unload`
///
/// # Errors
/// The body cannot be understood, or clients may not.
pub async fn unload(service: &Service, name: &str, body: &[u8]) -> Answer {
    UnloadRequest::parse(body)?;
    service.unload(name).await?;
    Ok(empty(StatusCode::OK))
}
