//! What a model tells about itself: metadata, readiness, configuration, statistics.

use http::StatusCode;

use super::answer::{Answer, empty, json, json_text};
use super::route::ModelAction;
use crate::front::service::Service;
use crate::protocol::statistics::Statistics;
use crate::protocol::{ErrorKind, RequestError};

/// Answers a request about a model, other than an inference.
///
/// # Errors
/// The model or its version is not served.
pub fn answer(service: &Service, name: &str, version: Option<&str>, action: ModelAction) -> Answer {
    Ok(match action {
        ModelAction::Ready => {
            let found = service.repository.find(name, version);
            found.map_err(|error| match error.kind {
                ErrorKind::NotFound => RequestError::invalid("Model version not ready"),
                _ => error,
            })?;
            empty(StatusCode::OK)
        }
        ModelAction::Configuration => {
            json_text(service.repository.find(name, version)?.configuration_json())
        }
        ModelAction::Statistics => return statistics(service, Some(name), version),
        ModelAction::Metadata | ModelAction::Infer => json(&service.model_metadata(name, version)?),
    })
}

/// Statistics of a model, or of all of them where no name is given.
///
/// # Errors
/// The model or its version is not served.
pub fn statistics(service: &Service, name: Option<&str>, version: Option<&str>) -> Answer {
    Ok(json(&Statistics {
        model_stats: service.statistics(name, version)?,
    }))
}
