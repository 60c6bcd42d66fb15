//! What a model tells about itself: metadata, readiness, configuration, statistics.

use std::sync::Arc;

use http::{Response, StatusCode};

use super::body::Parts;
use super::route::ModelAction;
use super::service::{Answer, Service, empty, json, json_text};
use crate::front::served_model::ServedVersion;
use crate::protocol::metadata::ModelMetadata;
use crate::protocol::statistics::{ModelStatistics, Statistics};

/// Answers a request about a model, other than an inference.
///
/// # Errors
/// The model or its version is not served.
pub fn answer(service: &Service, name: &str, version: Option<&str>, action: ModelAction) -> Answer {
    let repository = &service.repository;
    if action == ModelAction::Ready {
        let ready = repository.find(name, version).is_ok();
        return Ok(empty(if ready {
            StatusCode::OK
        } else {
            StatusCode::BAD_REQUEST
        }));
    }
    let served = repository.find(name, version)?;
    Ok(match action {
        ModelAction::Configuration => json_text(served.configuration_json()),
        ModelAction::Statistics => match version {
            Some(_) => statistics(&[served]),
            None => statistics(&repository.versions_of(name)),
        },
        ModelAction::Metadata | ModelAction::Ready | ModelAction::Infer => {
            let versions: Vec<i64> = match version {
                Some(_) => vec![served.version()],
                None => repository
                    .versions_of(name)
                    .iter()
                    .map(|served| served.version())
                    .collect(),
            };
            json(&ModelMetadata::new(
                served.signature(),
                &versions,
                served.platform(),
            ))
        }
    })
}

/// Statistics of some model versions.
pub fn statistics(served: &[Arc<ServedVersion>]) -> Response<Parts> {
    let model_stats = served
        .iter()
        .map(|served| {
            let snapshot = served.statistics().snapshot();
            ModelStatistics {
                name: served.name().to_owned(),
                version: served.version().to_string(),
                last_inference: snapshot.last_inference_ms,
                inference_count: snapshot.inference_count,
                execution_count: snapshot.execution_count,
                inference_stats: snapshot.inference,
                batch_stats: snapshot.batches.into_values().collect(),
                reference_server: Some(served.service()),
                ..ModelStatistics::default()
            }
        })
        .collect();
    json(&Statistics { model_stats })
}
