//! What a model tells about itself: metadata, readiness, configuration, statistics.

use http::StatusCode;

use super::answer::{Answer, empty, json, json_text};
use super::route::ModelAction;
use crate::front::service::Service;
use crate::protocol::statistics::Statistics;

/// Answers a request about a model, other than an inference.
///
/// # Errors
/// The model or its version is not served.
pub fn answer(service: &Service, name: &str, version: Option<&str>, action: ModelAction) -> Answer {
    Ok(match action {
        ModelAction::Ready => {
            let ready = service.repository.find(name, version).is_ok();
            empty(if ready {
                StatusCode::OK
            } else {
                StatusCode::BAD_REQUEST
            })
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
