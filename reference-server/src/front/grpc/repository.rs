//! The model repository extension over gRPC.

use std::collections::BTreeMap;

use proto::inference::model_repository_parameter::ParameterChoice;
use proto::inference::repository_index_response::ModelIndex;
use proto::inference::{
    ModelRepositoryParameter, RepositoryIndexRequest, RepositoryIndexResponse,
    RepositoryModelLoadRequest, RepositoryModelUnloadRequest,
};

use crate::front::service::Service;
use crate::protocol::RequestError;
use crate::protocol::repository::{FILE, LoadRequest, NO_REPOSITORY_NAME};

/// The models of the repositories and their states.
///
/// # Errors
/// The request names a single repository.
pub fn index(
    service: &Service,
    request: &RepositoryIndexRequest,
) -> Result<RepositoryIndexResponse, RequestError> {
    refuse_repository_name(&request.repository_name)?;
    let models = service
        .index(request.ready)
        .into_iter()
        .map(|entry| ModelIndex {
            name: entry.name,
            version: entry.version.unwrap_or_default(),
            state: entry
                .state
                .map_or_else(String::new, |state| state.name().to_owned()),
            reason: entry.reason.unwrap_or_default(),
        })
        .collect();
    Ok(RepositoryIndexResponse { models })
}

/// Loads a model.
///
/// # Errors
/// The request cannot be understood, or why the model could not be loaded.
pub async fn load(
    service: &Service,
    request: RepositoryModelLoadRequest,
) -> Result<(), RequestError> {
    refuse_repository_name(&request.repository_name)?;
    service
        .load(&request.model_name, load_request(request.parameters)?)
        .await
}

/// Unloads a model.
///
/// # Errors
/// The request cannot be understood, or there is no such model.
pub async fn unload(
    service: &Service,
    request: RepositoryModelUnloadRequest,
) -> Result<(), RequestError> {
    refuse_repository_name(&request.repository_name)?;
    if let Some(dependents) = request.parameters.get("unload_dependents")
        && !matches!(
            dependents.parameter_choice,
            Some(ParameterChoice::BoolParam(_))
        )
    {
        return Err(RequestError::invalid(
            "invalid value type for 'unload_dependents' parameter, expected bool_param.",
        ));
    }
    service.unload(&request.model_name).await
}

fn load_request(
    parameters: BTreeMap<String, ModelRepositoryParameter>,
) -> Result<LoadRequest, RequestError> {
    let mut request = LoadRequest::default();
    for (key, value) in parameters {
        if key == "config" {
            let Some(ParameterChoice::StringParam(text)) = value.parameter_choice else {
                return Err(wrong_type(&key, "string_param"));
            };
            request.config = Some(text);
        } else if let Some(path) = key.strip_prefix(FILE) {
            let Some(ParameterChoice::BytesParam(content)) = value.parameter_choice else {
                return Err(wrong_type(&key, "bytes_param"));
            };
            request.files.push((path.to_owned(), content));
        } else {
            return Err(RequestError::invalid(format!(
                "unrecognized load parameter '{key}'; a model load request may have the parameters \
                 'config' and '{FILE}<version>/<file-name>'"
            )));
        }
    }
    request.check()?;
    Ok(request)
}

/// Models have one name over all repositories.
fn refuse_repository_name(name: &str) -> Result<(), RequestError> {
    if name.is_empty() {
        return Ok(());
    }
    Err(RequestError::unsupported(NO_REPOSITORY_NAME))
}

fn wrong_type(key: &str, expected: &str) -> RequestError {
    RequestError::invalid(format!(
        "invalid value type for load parameter '{key}', expected {expected}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(
        given: Vec<(&str, ParameterChoice)>,
    ) -> BTreeMap<String, ModelRepositoryParameter> {
        given
            .into_iter()
            .map(|(key, choice)| {
                let parameter_choice = Some(choice);
                (
                    key.to_owned(),
                    ModelRepositoryParameter { parameter_choice },
                )
            })
            .collect()
    }

    #[test]
    fn a_load_carries_configuration_and_files() {
        let configuration = || ("config", ParameterChoice::StringParam("{}".into()));
        let file = || {
            (
                "file:1/model.onnx",
                ParameterChoice::BytesParam(vec![0, 1].into()),
            )
        };
        let request = load_request(parameters(vec![configuration(), file()])).unwrap();
        assert_eq!(request.config.as_deref(), Some("{}"));
        let (path, content) = &request.files[0];
        assert_eq!((&**path, &**content), ("1/model.onnx", &[0, 1][..]));
        for (given, expected) in [
            (vec![file()], "requires parameter 'config'"),
            (
                vec![("config", ParameterChoice::BoolParam(true))],
                "expected string_param",
            ),
            (
                vec![("file:a", ParameterChoice::StringParam("a".into()))],
                "expected bytes_param",
            ),
            (vec![("confg", ParameterChoice::BoolParam(true))], "'confg'"),
        ] {
            let message = load_request(parameters(given)).unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        }
    }
}
