//! From a model's configuration to what a backend loads.

use std::path::PathBuf;

use crate::configuration::{ConfigurationError, DeclaredTensor, ModelConfiguration, VersionFolder};
use crate::worker::backend::{ModelSpecification, TensorSignature};

/// What a backend needs to know to load `version` of the model that `configuration` describes, under
/// `key`, with `op_libraries` as they were found.
///
/// # Errors
/// The version has no model file.
pub fn specification(
    configuration: &ModelConfiguration,
    version: &VersionFolder,
    key: u64,
    op_libraries: Vec<PathBuf>,
) -> Result<ModelSpecification, ConfigurationError> {
    Ok(ModelSpecification {
        key,
        name: configuration.name.clone(),
        version: version.version,
        file: configuration.model_path(version)?,
        declared_inputs: signatures(configuration.declared_inputs()),
        declared_outputs: signatures(configuration.declared_outputs()),
        op_libraries,
        instances: configuration.instances.clone(),
        parameters: configuration.parameters.clone(),
    })
}

/// Declared tensors in the worker's terms.
fn signatures(tensors: Vec<DeclaredTensor>) -> Vec<TensorSignature> {
    tensors
        .into_iter()
        .map(|tensor| TensorSignature {
            name: tensor.name,
            data_type: tensor.data_type,
            dims: tensor.dims,
        })
        .collect()
}
