//! The model repository extension: index, load, unload.

use http::StatusCode;

use super::service::{Answer, Service, empty, json};
use crate::front::repository::VersionState;
use crate::protocol::RequestError;
use crate::protocol::repository::{
    IndexEntry, IndexRequest, LoadRequest, ModelState, UnloadRequest,
};

/// `POST /v2/repository/index`
///
/// # Errors
/// The body cannot be understood.
pub fn index(service: &Service, body: &[u8]) -> Answer {
    let request = IndexRequest::parse(body)?;
    let entries: Vec<IndexEntry> = service
        .repository
        .index(request.ready)
        .into_iter()
        .map(|entry| {
            let (version, state) = entry.version.unzip();
            let (state, reason) = match state {
                None => (None, None),
                Some(VersionState::Loading) => (Some(ModelState::Loading), None),
                Some(VersionState::Ready) => (Some(ModelState::Ready), None),
                Some(VersionState::Unloading) => (Some(ModelState::Unloading), None),
                Some(VersionState::Unavailable(reason)) => {
                    (Some(ModelState::Unavailable), Some(reason))
                }
            };
            IndexEntry {
                name: entry.name,
                version: version.map(|version| version.to_string()),
                state,
                reason,
            }
        })
        .collect();
    Ok(json(&entries))
}

/// `POST /v2/repository/models/{name}/load`
///
/// # Errors
/// 400 with the reason why the model could not be loaded.
pub async fn load(service: &Service, name: &str, body: &[u8]) -> Answer {
    let request = LoadRequest::parse(body)?;
    if !request.files.is_empty() {
        return Err(RequestError::unsupported(
            "this server loads model files from its repositories only, not from a load request",
        ));
    }
    let (repository, name) = (service.repository.clone(), name.to_owned());
    finish(async move { repository.load(&name, request.config.as_deref()).await }).await
}

/// `POST /v2/repository/models/{name}/unload`
///
/// # Errors
/// 400 where there is no such model.
pub async fn unload(service: &Service, name: &str, body: &[u8]) -> Answer {
    // Models do not depend on each other here, so there are no dependents to unload.
    UnloadRequest::parse(body)?;
    let (repository, name) = (service.repository.clone(), name.to_owned());
    finish(async move { repository.unload(&name).await }).await
}

/// Runs a change to the repository to its end, whether or not the client waits for it: a
/// connection that closes must not leave a model half loaded.
async fn finish(change: impl Future<Output = Result<(), String>> + Send + 'static) -> Answer {
    match tokio::spawn(change).await {
        Ok(Ok(())) => Ok(empty(StatusCode::OK)),
        Ok(Err(reason)) => Err(RequestError::invalid(reason)),
        Err(error) => Err(RequestError::internal(format!(
            "the change to the model repository failed in an unexpected way: {error}"
        ))),
    }
}
