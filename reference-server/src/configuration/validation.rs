//! What a model configuration must fulfil on its own, before the model itself is known.

use std::collections::BTreeSet;

use proto::inference::{
    ModelConfig, ModelDynamicBatching, ModelTensorReshape, model_config::SchedulingChoice,
    model_queue_policy::TimeoutAction,
};

use super::{ConfigurationError, devices};
use crate::protocol::DataType;

type Check = Result<(), ConfigurationError>;

/// Whether tensors may still lack what the model itself will tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completeness {
    /// Data types and dimensions may be left out.
    Partial,
    /// Nothing may be left out.
    Complete,
}

/// Checks everything that does not need the model. Wording as Triton's where Triton has the check.
pub(super) fn check(config: &ModelConfig, completeness: Completeness) -> Check {
    let name = &config.name;
    if config.max_batch_size < 0 {
        return invalid(format!(
            "'max_batch_size' must be non-negative value for {name}"
        ));
    }
    check_supported(config)?;
    check_tensors(config, completeness)?;
    check_instance_groups(config)?;
    if let Some(SchedulingChoice::DynamicBatching(batching)) = &config.scheduling_choice {
        check_dynamic_batching(config, batching)?;
    }
    Ok(())
}

/// The name in the configuration is the folder's, or is left out.
pub(super) fn check_name(config: &ModelConfig, folder: &str) -> Check {
    if config.name.is_empty() || config.name == folder {
        Ok(())
    } else {
        invalid(format!(
            "unexpected directory name '{folder}' for model '{}', directory name must equal model \
             name",
            config.name
        ))
    }
}

/// Refuses what would otherwise be ignored without a word.
fn check_supported(config: &ModelConfig) -> Check {
    let sequence = matches!(
        config.scheduling_choice,
        Some(SchedulingChoice::SequenceBatching(_))
    );
    let ensemble = matches!(
        config.scheduling_choice,
        Some(SchedulingChoice::EnsembleScheduling(_))
    );
    let decoupled = config
        .model_transaction_policy
        .is_some_and(|policy| policy.decoupled);
    let cached = config.response_cache.is_some_and(|cache| cache.enable);
    let agents = config
        .model_repository_agents
        .as_ref()
        .is_some_and(|agents| !agents.agents.is_empty());
    let accelerated = config.optimization.as_ref().is_some_and(|optimization| {
        optimization
            .execution_accelerators
            .as_ref()
            .is_some_and(|accelerators| {
                !accelerators.gpu_execution_accelerator.is_empty()
                    || !accelerators.cpu_execution_accelerator.is_empty()
            })
    });
    let ragged = config.input.iter().any(|input| input.allow_ragged_batch);
    for (present, feature) in [
        (sequence, "sequence_batching"),
        (ensemble, "ensemble_scheduling"),
        (decoupled, "model_transaction_policy { decoupled: true }"),
        (cached, "response_cache { enable: true }"),
        (agents, "model_repository_agents"),
        (accelerated, "optimization { execution_accelerators }"),
        (ragged, "allow_ragged_batch"),
        (!config.batch_input.is_empty(), "batch_input"),
        (!config.batch_output.is_empty(), "batch_output"),
        (!config.model_warmup.is_empty(), "model_warmup"),
        (!config.cc_model_filenames.is_empty(), "cc_model_filenames"),
        (!config.runtime.is_empty(), "runtime"),
    ] {
        if present {
            return Err(unsupported(config, feature));
        }
    }
    Ok(())
}

/// An error for a part of the configuration that Triton knows and this server does not act on.
pub(super) fn unsupported(config: &ModelConfig, feature: &str) -> ConfigurationError {
    ConfigurationError::invalid(format!(
        "model '{}' asks for {feature}, which is not supported by this server; remove it from the \
         model configuration to serve the model without it",
        config.name
    ))
}

fn check_tensors(config: &ModelConfig, completeness: Completeness) -> Check {
    let name = &config.name;
    let mut names = BTreeSet::new();
    for input in &config.input {
        let tensor = Tensor {
            kind: "input",
            name: &input.name,
            data_type: input.data_type,
            dims: &input.dims,
            reshape: input.reshape.as_ref(),
        };
        tensor.check(config, completeness)?;
        if input.format != 0 && input.dims.len() != 3 {
            return invalid(format!("model input NHWC/NCHW require 3 dims for {name}"));
        }
        if input.is_shape_tensor {
            return invalid(format!(
                "shape tensors are only supported for TensorRT platform for {name}"
            ));
        }
        if input.is_non_linear_format_io {
            return invalid(format!(
                "Non-linear IO format is only supported for the TensorRT platform for {name}"
            ));
        }
        if input.optional && config.max_batch_size > 0 {
            return invalid(format!(
                "unable to load model '{name}', optional input '{}' is not supported for models \
                 that support batching",
                input.name
            ));
        }
        if !names.insert(input.name.as_str()) {
            return invalid(format!(
                "model input '{}' is listed twice for {name}",
                input.name
            ));
        }
    }
    names.clear();
    for output in &config.output {
        let tensor = Tensor {
            kind: "output",
            name: &output.name,
            data_type: output.data_type,
            dims: &output.dims,
            reshape: output.reshape.as_ref(),
        };
        tensor.check(config, completeness)?;
        if output.is_shape_tensor {
            return invalid(format!(
                "shape tensors are only supported for TensorRT platform for {name}"
            ));
        }
        if output.is_non_linear_format_io {
            return invalid(format!(
                "Non-linear IO format is only supported for the TensorRT platform for {name}"
            ));
        }
        if !names.insert(output.name.as_str()) {
            return invalid(format!(
                "model output '{}' is listed twice for {name}",
                output.name
            ));
        }
    }
    Ok(())
}

/// What inputs and outputs have in common.
struct Tensor<'a> {
    kind: &'static str,
    name: &'a str,
    data_type: i32,
    dims: &'a [i64],
    reshape: Option<&'a ModelTensorReshape>,
}

impl Tensor<'_> {
    fn check(&self, config: &ModelConfig, completeness: Completeness) -> Check {
        let model = &config.name;
        let fail = |what: &str| {
            invalid(format!(
                "model {} '{}' {what} for {model}",
                self.kind, self.name
            ))
        };
        if self.name.is_empty() {
            return invalid(format!(
                "model {} must specify 'name' for {model}",
                self.kind
            ));
        }
        let complete = completeness == Completeness::Complete;
        let no_type = DataType::from_config(self.data_type).is_none();
        if no_type && (complete || self.data_type != 0) {
            return fail("must specify 'data_type'");
        }
        if self.dims.is_empty() && complete {
            return fail("must specify 'dims'");
        }
        if self.dims.iter().any(|dim| *dim < 1 && *dim != -1) {
            return fail(
                "dimension must be integer >= 1, or -1 to indicate a variable-size dimension",
            );
        }
        let Some(reshape) = self.reshape.filter(|_| !self.dims.is_empty()) else {
            return Ok(());
        };
        if reshape.shape.is_empty() && config.max_batch_size == 0 {
            return fail(
                "cannot have empty reshape for non-batching model as scalar tensors are not \
                 supported",
            );
        }
        if reshape.shape.iter().any(|dim| *dim < 1 && *dim != -1) {
            return fail(
                "reshape dimensions must be integer >= 1, or -1 to indicate a variable-size \
                 dimension",
            );
        }
        let (dims, reshaped) = (stretches(self.dims), stretches(&reshape.shape));
        if dims.len() != reshaped.len() {
            return fail("has different number of variable-size dimensions for dims and reshape");
        }
        if dims != reshaped || dims.contains(&None) {
            return fail("has different size for dims and reshape");
        }
        Ok(())
    }
}

/// Number of elements in each stretch of dimensions between open ones; `None` where it overflows.
fn stretches(dims: &[i64]) -> Vec<Option<i64>> {
    dims.split(|dim| *dim == -1)
        .map(|stretch| {
            stretch
                .iter()
                .try_fold(1_i64, |product, dim| product.checked_mul(*dim))
        })
        .collect()
}

fn check_instance_groups(config: &ModelConfig) -> Check {
    let model = &config.name;
    for (index, group) in config.instance_group.iter().enumerate() {
        let name = if group.name.is_empty() {
            format!("{model}_{index}")
        } else {
            group.name.clone()
        };
        let fail = |what: String| invalid(format!("instance group {name} of model {model} {what}"));
        if let Some(what) = devices::fault(group, op_library::gpu_count()) {
            return fail(what);
        }
        if group.count < 0 {
            return fail(format!(
                "has count {}, which must be at least 1",
                group.count
            ));
        }
        if !group.profile.is_empty() {
            return fail(
                "specifies profile field which is only supported for TensorRT models".to_owned(),
            );
        }
        if group.rate_limiter.is_some() {
            return Err(unsupported(config, "instance_group { rate_limiter }"));
        }
        if group.passive {
            return Err(unsupported(config, "instance_group { passive: true }"));
        }
        if !group.secondary_devices.is_empty() {
            return Err(unsupported(config, "instance_group { secondary_devices }"));
        }
    }
    Ok(())
}

fn check_dynamic_batching(config: &ModelConfig, batching: &ModelDynamicBatching) -> Check {
    let name = &config.name;
    for size in &batching.preferred_batch_size {
        if *size <= 0 {
            return invalid(format!(
                "dynamic batching preferred size must be positive for {name}"
            ));
        }
        if *size > config.max_batch_size {
            return invalid(format!(
                "dynamic batching preferred size must be <= max batch size for {name}"
            ));
        }
    }
    let levels = batching.priority_levels;
    if levels != 0 {
        if !(1..=levels).contains(&batching.default_priority_level) {
            return invalid(format!(
                "default priority level must be in range [1, {levels}] for {name}"
            ));
        }
        if batching
            .priority_queue_policy
            .keys()
            .any(|level| !(1..=levels).contains(level))
        {
            return invalid(format!(
                "priority queue policy must have priority level in range [1, {levels}] for {name}"
            ));
        }
    }
    if batching.preserve_ordering {
        if levels > 1 {
            return invalid(format!(
                "Only one priority level is allowed when 'preserve_ordering' is true for {name}"
            ));
        }
        let delays = batching
            .default_queue_policy
            .iter()
            .chain(batching.priority_queue_policy.values())
            .any(|policy| {
                policy.default_timeout_microseconds != 0
                    && policy.timeout_action == TimeoutAction::Delay as i32
            });
        if delays {
            return invalid(format!(
                "Queue policy can not have DELAY as timeout action when 'preserve_ordering' is \
                 true for {name}"
            ));
        }
    }
    Ok(())
}

fn invalid(message: String) -> Check {
    Err(ConfigurationError::Invalid(message))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{super::text_format, *};

    fn message(text: &str) -> String {
        let text = format!("name: \"m\" {text}");
        let config = text_format::parse(&text, Path::new("m")).unwrap();
        check(&config, Completeness::Complete)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn contradictions_are_told_in_tritons_words() {
        for (text, expected) in [
            (
                "max_batch_size: -1",
                "'max_batch_size' must be non-negative value for m",
            ),
            (
                "input { data_type: TYPE_FP32 dims: 1 }",
                "model input must specify 'name' for m",
            ),
            (
                "input { name: \"X\" dims: 1 }",
                "model input 'X' must specify 'data_type' for m",
            ),
            (
                "output { name: \"Y\" data_type: TYPE_FP32 }",
                "model output 'Y' must specify 'dims' for m",
            ),
            (
                "input { name: \"X\" data_type: TYPE_FP32 dims: [ 2, 0 ] }",
                "model input 'X' dimension must be integer >= 1, or -1",
            ),
            (
                "input { name: \"X\" data_type: TYPE_FP32 dims: [ -2 ] }",
                "dimension must be integer >= 1, or -1",
            ),
            (
                "input [ { name: \"X\" data_type: TYPE_FP32 dims: 1 }, { name: \"X\" data_type: TYPE_FP32 dims: 1 } ]",
                "model input 'X' is listed twice for m",
            ),
            (
                "input { name: \"X\" data_type: TYPE_FP32 dims: [ 2, 3 ] reshape { shape: 5 } }",
                "has different size for dims and reshape",
            ),
            (
                "input { name: \"X\" data_type: TYPE_FP32 dims: [ 2, -1 ] reshape { shape: 2 } }",
                "has different number of variable-size dimensions",
            ),
            (
                "input { name: \"X\" data_type: TYPE_FP32 dims: 1 reshape { } }",
                "cannot have empty reshape for non-batching model",
            ),
            (
                "input { name: \"X\" data_type: TYPE_FP32 dims: 1 format: FORMAT_NCHW }",
                "model input NHWC/NCHW require 3 dims",
            ),
            (
                "instance_group { kind: KIND_GPU gpus: -1 }",
                "instance group m_0 of model m specifies invalid or unsupported gpu id -1",
            ),
            (
                "instance_group { kind: KIND_CPU gpus: 0 }",
                "has kind KIND_CPU but specifies one or more GPUs",
            ),
            ("instance_group { count: -1 }", "which must be at least 1"),
            ("instance_group { kind: 9 }", "has unexpected kind 9"),
            (
                "max_batch_size: 4 dynamic_batching { preferred_batch_size: 8 }",
                "dynamic batching preferred size must be <= max batch size for m",
            ),
            (
                "max_batch_size: 4 dynamic_batching { preferred_batch_size: 0 }",
                "dynamic batching preferred size must be positive for m",
            ),
            (
                "dynamic_batching { priority_levels: 2 }",
                "default priority level must be in range [1, 2] for m",
            ),
            (
                "dynamic_batching { priority_levels: 2 default_priority_level: 1 preserve_ordering: true }",
                "Only one priority level is allowed",
            ),
            (
                "sequence_batching { }",
                "asks for sequence_batching, which is not supported",
            ),
            ("ensemble_scheduling { }", "asks for ensemble_scheduling"),
            (
                "model_transaction_policy { decoupled: true }",
                "decoupled: true",
            ),
            ("response_cache { enable: true }", "response_cache"),
            ("model_warmup { name: \"w\" }", "model_warmup"),
        ] {
            let message = message(text);
            assert!(message.contains(expected), "{text}\n{message}");
        }
    }

    #[test]
    fn a_reshape_of_the_same_elements_is_accepted() {
        let text = "name: \"m\" input { name: \"X\" data_type: TYPE_FP32 dims: [ 2, 4, -1, 6 ] \
                    reshape { shape: [ 8, -1, 1, 6 ] } }";
        let config = text_format::parse(text, Path::new("m")).unwrap();
        assert!(check(&config, Completeness::Complete).is_ok());
    }

    #[test]
    fn a_partial_configuration_may_leave_out_what_the_model_tells() {
        let text = "name: \"m\" input { name: \"X\" } output { name: \"Y\" dims: 3 }";
        let config = text_format::parse(text, Path::new("m")).unwrap();
        assert!(check(&config, Completeness::Partial).is_ok());
        assert!(check(&config, Completeness::Complete).is_err());
    }

    #[test]
    fn the_name_is_the_folders() {
        let config = ModelConfig {
            name: "m".into(),
            ..ModelConfig::default()
        };
        assert!(check_name(&config, "m").is_ok());
        let message = check_name(&config, "n").unwrap_err().to_string();
        assert!(
            message.contains("'n'") && message.contains("'m'"),
            "{message}"
        );
        assert!(check_name(&ModelConfig::default(), "n").is_ok());
    }
}
