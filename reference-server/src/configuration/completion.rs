//! A model configuration and what the model itself reports: one completes the other, and where
//! both speak they must agree.

use proto::inference::{ModelConfig, ModelInput, ModelOutput, ModelTensorReshape};

use super::{
    ConfigurationError, ModelConfiguration,
    validation::{self, Completeness},
};
use crate::protocol::{DataType, Shape, Signature, TensorSpecification, shape};

/// Largest batch of a model that is found to batch while its configuration lists no tensors;
/// Triton's default.
const DEFAULT_MAX_BATCH_SIZE: i32 = 4;

/// One tensor as the model reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportedTensor<'a> {
    /// Tensor name.
    pub name: &'a str,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions, the batch dimension included; -1 where the model leaves one open.
    pub dims: &'a [i64],
}

/// One tensor as the configuration declares it to the framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredTensor {
    /// Tensor name.
    pub name: String,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions as the model gets them: reshaped where the configuration says so, the batch
    /// dimension in front where the model batches; -1 where one is open.
    pub dims: Vec<i64>,
}

impl ModelConfiguration {
    /// The inputs that the configuration lists with their element type, in its order.
    pub fn declared_inputs(&self) -> Vec<DeclaredTensor> {
        self.declared(self.message.input.iter().map(Listed::from))
    }

    /// The outputs that the configuration lists with their element type, in its order.
    pub fn declared_outputs(&self) -> Vec<DeclaredTensor> {
        self.declared(self.message.output.iter().map(Listed::from))
    }

    fn declared<'a>(&self, tensors: impl Iterator<Item = Listed<'a>>) -> Vec<DeclaredTensor> {
        let batch = (self.max_batch_size > 0).then_some(-1);
        tensors
            .filter_map(|tensor| {
                let dims = tensor.reshape.map_or(tensor.dims, |reshape| &reshape.shape);
                Some(DeclaredTensor {
                    name: tensor.name.to_owned(),
                    data_type: DataType::from_config(tensor.data_type)?,
                    dims: batch.into_iter().chain(dims.iter().copied()).collect(),
                })
            })
            .collect()
    }

    /// Completes the configuration by what the model reports, compares the two, and tells what
    /// the model takes and gives.
    ///
    /// Missing lists of inputs or outputs are taken from the model, as are missing data types and
    /// dimensions of listed tensors. Where the configuration lists neither inputs nor outputs and
    /// every tensor of the model has an open first dimension, the model is taken to batch: that
    /// dimension becomes the batch, of at most 4 where `max_batch_size` says nothing else. So does
    /// Triton. Unlike Triton, requests are put together only where the configuration asks for it:
    /// nothing shows that a custom op treats the rows of a batch independently of each other, and
    /// where one does not, the answers are wrong without a word. And a model is not taken to batch where a
    /// tensor has no dimension besides the open one: there it is the length of a vector far more
    /// often than a batch of scalars, and an output whose length depends on the data would be
    /// divided wrongly.
    ///
    /// # Errors
    /// The configuration lists a tensor that the model does not have, leaves an input out, or
    /// disagrees with the model about a data type or dimensions. The message names the tensor.
    pub fn with_model(
        &self,
        inputs: &[ReportedTensor<'_>],
        outputs: &[ReportedTensor<'_>],
    ) -> Result<(Self, Signature), ConfigurationError> {
        let mut message = self.message.clone();
        complete(&mut message, inputs, outputs)?;
        validation::check(&message, Completeness::Complete)?;
        agree(&message, inputs, outputs)?;
        let configuration = Self::from_valid(message)?;
        let signature = configuration.signature(inputs, outputs);
        Ok((configuration, signature))
    }

    fn signature(
        &self,
        inputs: &[ReportedTensor<'_>],
        outputs: &[ReportedTensor<'_>],
    ) -> Signature {
        let specification = |tensor: Listed<'_>, reported: &[ReportedTensor<'_>], optional| {
            let scalar = find(reported, tensor.name).is_some_and(|model| model.dims.is_empty());
            TensorSpecification {
                name: tensor.name.to_owned(),
                // Checked before.
                data_type: DataType::from_config(tensor.data_type).unwrap_or(DataType::Bytes),
                dims: Shape::from_slice(tensor.dims),
                reshape: match tensor.reshape {
                    Some(reshape) => Some(Shape::from_slice(&reshape.shape)),
                    None => scalar.then(Shape::new),
                },
                optional,
            }
        };
        let message = &self.message;
        Signature {
            model: self.name.clone(),
            max_batch_size: self.max_batch_size,
            inputs: message
                .input
                .iter()
                .map(|input| specification(input.into(), inputs, input.optional))
                .collect(),
            outputs: message
                .output
                .iter()
                .map(|output| specification(output.into(), outputs, false))
                .collect(),
        }
    }
}

/// What listed inputs and outputs have in common.
#[derive(Clone, Copy)]
struct Listed<'a> {
    name: &'a str,
    data_type: i32,
    dims: &'a [i64],
    reshape: Option<&'a ModelTensorReshape>,
}

impl<'a> From<&'a ModelInput> for Listed<'a> {
    fn from(input: &'a ModelInput) -> Self {
        Self {
            name: &input.name,
            data_type: input.data_type,
            dims: &input.dims,
            reshape: input.reshape.as_ref(),
        }
    }
}

impl<'a> From<&'a ModelOutput> for Listed<'a> {
    fn from(output: &'a ModelOutput) -> Self {
        Self {
            name: &output.name,
            data_type: output.data_type,
            dims: &output.dims,
            reshape: output.reshape.as_ref(),
        }
    }
}

fn find<'a>(tensors: &'a [ReportedTensor<'a>], name: &str) -> Option<&'a ReportedTensor<'a>> {
    tensors.iter().find(|tensor| tensor.name == name)
}

fn complete(
    config: &mut ModelConfig,
    inputs: &[ReportedTensor<'_>],
    outputs: &[ReportedTensor<'_>],
) -> Result<(), ConfigurationError> {
    let nothing_listed = config.input.is_empty() && config.output.is_empty();
    if nothing_listed {
        complete_batching(config, inputs, outputs)?;
    }
    let batching = config.max_batch_size > 0;
    if config.input.is_empty() {
        config.input = inputs
            .iter()
            .map(|tensor| {
                let (dims, reshape) = listed_dims(tensor, batching);
                ModelInput {
                    name: tensor.name.to_owned(),
                    data_type: tensor.data_type.config_number(),
                    dims,
                    reshape,
                    ..ModelInput::default()
                }
            })
            .collect();
    }
    if config.output.is_empty() {
        config.output = outputs
            .iter()
            .map(|tensor| {
                let (dims, reshape) = listed_dims(tensor, batching);
                ModelOutput {
                    name: tensor.name.to_owned(),
                    data_type: tensor.data_type.config_number(),
                    dims,
                    reshape,
                    ..ModelOutput::default()
                }
            })
            .collect();
    }
    for input in &mut config.input {
        if let Some(model) = find(inputs, &input.name) {
            complete_tensor(
                model,
                batching,
                &mut input.data_type,
                &mut input.dims,
                &mut input.reshape,
            );
        }
    }
    for output in &mut config.output {
        if let Some(model) = find(outputs, &output.name) {
            complete_tensor(
                model,
                batching,
                &mut output.data_type,
                &mut output.dims,
                &mut output.reshape,
            );
        }
    }
    Ok(())
}

fn complete_batching(
    config: &mut ModelConfig,
    inputs: &[ReportedTensor<'_>],
    outputs: &[ReportedTensor<'_>],
) -> Result<(), ConfigurationError> {
    let tensors = || inputs.iter().chain(outputs);
    let can_batch = tensors().all(|tensor| tensor.dims.first() == Some(&-1));
    if !can_batch {
        if config.max_batch_size > 0 {
            return Err(ConfigurationError::invalid(format!(
                "autofill failed for model '{}': model does not support batching while non-zero \
                 max_batch_size is specified",
                config.name
            )));
        }
        return Ok(());
    }
    if config.max_batch_size == 0 && tensors().all(|tensor| tensor.dims.len() > 1) {
        config.max_batch_size = DEFAULT_MAX_BATCH_SIZE;
    }
    Ok(())
}

/// Dimensions of a tensor as the configuration lists them: without the batch dimension, and 1 for a
/// scalar, which a reshape then takes away again where the model batches.
fn listed_dims(
    tensor: &ReportedTensor<'_>,
    batching: bool,
) -> (Vec<i64>, Option<ModelTensorReshape>) {
    let dims = tensor.dims.get(usize::from(batching)..).unwrap_or_default();
    if dims.is_empty() {
        (vec![1], batching.then(ModelTensorReshape::default))
    } else {
        (dims.to_vec(), None)
    }
}

fn complete_tensor(
    model: &ReportedTensor<'_>,
    batching: bool,
    data_type: &mut i32,
    dims: &mut Vec<i64>,
    reshape: &mut Option<ModelTensorReshape>,
) {
    if *data_type == 0 {
        *data_type = model.data_type.config_number();
    }
    if dims.is_empty() && reshape.is_none() {
        (*dims, *reshape) = listed_dims(model, batching);
    }
}

/// Compares what is listed with what the model reports. The rules are those of Triton's ONNX
/// Runtime backend: a listed input may be narrower than the model allows, an output must be exactly
/// what the model reports; outputs may be left out, inputs may not.
fn agree(
    config: &ModelConfig,
    inputs: &[ReportedTensor<'_>],
    outputs: &[ReportedTensor<'_>],
) -> Result<(), ConfigurationError> {
    for input in &config.input {
        compare(config, input.into(), inputs, "input")?;
    }
    let required = config.input.iter().filter(|input| !input.optional).count();
    if required != inputs.len() && config.input.len() != inputs.len() {
        let missing: Vec<&str> = inputs
            .iter()
            .map(|tensor| tensor.name)
            .filter(|name| !config.input.iter().any(|input| input.name == *name))
            .collect();
        return Err(ConfigurationError::invalid(format!(
            "unable to load model '{}', configuration expects {required} inputs, model provides \
             {}; not listed are: {}",
            config.name,
            inputs.len(),
            missing.join(", ")
        )));
    }
    for output in &config.output {
        compare(config, output.into(), outputs, "output")?;
    }
    Ok(())
}

fn compare(
    config: &ModelConfig,
    listed: Listed<'_>,
    reported: &[ReportedTensor<'_>],
    kind: &str,
) -> Result<(), ConfigurationError> {
    let (model_name, name) = (&config.name, listed.name);
    let Some(model) = find(reported, name) else {
        let allowed: Vec<&str> = reported.iter().map(|tensor| tensor.name).collect();
        return Err(ConfigurationError::invalid(format!(
            "unable to load model '{model_name}', unexpected inference {kind} '{name}', allowed \
             {kind}s are: {}",
            allowed.join(", ")
        )));
    };
    if listed.data_type != model.data_type.config_number() {
        let expected = DataType::from_config(listed.data_type).map_or("", DataType::config_name);
        return Err(ConfigurationError::invalid(format!(
            "unable to load model '{model_name}', configuration expects datatype {expected} for \
             {kind} '{name}', model provides {}",
            model.data_type.config_name()
        )));
    }
    let dims = listed.reshape.map_or(listed.dims, |reshape| &reshape.shape);
    let batching = config.max_batch_size > 0;
    if batching && model.dims.first() != Some(&-1) {
        return Err(ConfigurationError::invalid(format!(
            "model '{model_name}', tensor '{name}': for the model to support batching the shape \
             should have at least 1 dimension and the first dimension must be -1; but shape \
             expected by the model is {}",
            shape::display(model.dims)
        )));
    }
    if model.dims.is_empty() {
        return if dims.iter().all(|dim| *dim == 1) {
            Ok(())
        } else {
            Err(ConfigurationError::invalid(format!(
                "unable to load model '{model_name}', scalar tensor '{name}', should only provide \
                 1 in the model configuration when the model doesn't support batching. Model \
                 configuration provided: {}.",
                shape::display(dims)
            )))
        };
    }
    let mut full = Vec::with_capacity(dims.len() + 1);
    full.extend(batching.then_some(-1));
    full.extend_from_slice(dims);
    let exact = kind == "output";
    let same = full.len() == model.dims.len()
        && full
            .iter()
            .zip(model.dims)
            .all(|(listed, model)| listed == model || (*model == -1 && !exact));
    if same {
        return Ok(());
    }
    let explanation = if batching {
        format!(
            "(an initial batch dimension because max_batch_size > 0 followed by the explicit \
             tensor shape, making complete shape {})",
            shape::display(&full)
        )
    } else {
        format!("(shape {})", shape::display(&full))
    };
    Err(ConfigurationError::invalid(format!(
        "model '{model_name}', tensor '{name}': the model expects {} dimensions (shape {}) but the \
         model configuration specifies {} dimensions {explanation}",
        model.dims.len(),
        shape::display(model.dims),
        full.len()
    )))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const fn tensor<'a>(name: &'a str, data_type: DataType, dims: &'a [i64]) -> ReportedTensor<'a> {
        ReportedTensor {
            name,
            data_type,
            dims,
        }
    }

    const X: ReportedTensor<'_> = tensor("X", DataType::Fp32, &[-1, 16]);
    const Y: ReportedTensor<'_> = tensor("Y", DataType::Fp16, &[-1, 4]);

    fn read(config: &str) -> ModelConfiguration {
        let folder = tempfile::tempdir().unwrap();
        let config = format!("backend: \"onnxruntime\" {config}");
        std::fs::write(folder.path().join("config.pbtxt"), config).unwrap();
        ModelConfiguration::read(folder.path(), "m", true).unwrap()
    }

    fn refused(config: &str, x: ReportedTensor<'_>, y: ReportedTensor<'_>) -> String {
        read(config).with_model(&[x], &[y]).unwrap_err().to_string()
    }

    #[test]
    fn a_model_that_batches_is_completed_without_batching_its_requests() {
        let (model, signature) = read("").with_model(&[X], &[Y]).unwrap();
        assert_eq!(model.max_batch_size, 4);
        assert_eq!(model.batching, None);
        assert_eq!(signature.max_batch_size, 4);
        assert_eq!(signature.inputs[0].dims.as_slice(), [16]);
        assert_eq!(signature.outputs[0].data_type, DataType::Fp16);
        assert_eq!(
            signature.full_dims(&signature.inputs[0]).as_slice(),
            [-1, 16]
        );

        let (model, signature) = read("max_batch_size: 1").with_model(&[X], &[Y]).unwrap();
        assert_eq!((model.max_batch_size, model.batching), (1, None));
        assert_eq!(signature.max_batch_size, 1);
    }

    #[test]
    fn a_vector_of_open_length_is_not_a_batch_of_scalars() {
        let x = tensor("X", DataType::Fp32, &[-1]);
        let (model, signature) = read("").with_model(&[x], &[Y]).unwrap();
        assert_eq!((model.max_batch_size, model.batching), (0, None));
        assert_eq!(signature.inputs[0].dims.as_slice(), [-1]);
        // Where the configuration says that it is one, it is.
        let (_, signature) = read("max_batch_size: 8").with_model(&[x], &[Y]).unwrap();
        assert_eq!(signature.inputs[0].dims.as_slice(), [1]);
        let reshape = signature.inputs[0].reshape.clone();
        assert_eq!(reshape, Some(Shape::new()));
        assert_eq!(
            signature
                .framework_shape(&signature.inputs[0], &[3, 1])
                .as_slice(),
            [3]
        );
    }

    #[test]
    fn fixed_dimensions_and_scalars_are_completed_without_batching() {
        let x = tensor("X", DataType::Fp32, &[1, 16]);
        let y = tensor("Y", DataType::Fp32, &[]);
        let (model, signature) = read("").with_model(&[x], &[y]).unwrap();
        assert_eq!(model.max_batch_size, 0);
        assert_eq!(signature.inputs[0].dims.as_slice(), [1, 16]);
        assert_eq!(signature.outputs[0].dims.as_slice(), [1]);
        assert_eq!(
            signature
                .client_shape(&signature.outputs[0], &[])
                .unwrap()
                .as_slice(),
            [1]
        );
        let message = refused("max_batch_size: 2", x, y);
        assert!(
            message.contains("autofill failed for model 'm'"),
            "{message}"
        );
    }

    #[test]
    fn what_is_listed_in_part_is_completed() {
        let config = "input { name: \"X\" } output { name: \"Y\" data_type: TYPE_FP16 }";
        let (model, signature) = read(config).with_model(&[X], &[Y]).unwrap();
        assert_eq!(model.max_batch_size, 0);
        assert_eq!(signature.inputs[0].data_type, DataType::Fp32);
        assert_eq!(signature.inputs[0].dims.as_slice(), [-1, 16]);
        assert_eq!(signature.outputs[0].dims.as_slice(), [-1, 4]);

        let config = "max_batch_size: 8 input { name: \"X\" data_type: TYPE_FP32 dims: 16 }";
        let (_, signature) = read(config).with_model(&[X], &[Y]).unwrap();
        assert_eq!(signature.outputs[0].dims.as_slice(), [4]);
    }

    #[test]
    fn listed_inputs_may_be_narrower_and_outputs_fewer() {
        let config = "input { name: \"X\" data_type: TYPE_FP32 dims: [ 2, 16 ] } \
                      output { name: \"Y\" data_type: TYPE_FP16 dims: [ -1, 4 ] }";
        let second = tensor("Z", DataType::Fp32, &[1]);
        let (_, signature) = read(config).with_model(&[X], &[Y, second]).unwrap();
        assert_eq!(signature.inputs[0].dims.as_slice(), [2, 16]);
        assert_eq!(signature.outputs.len(), 1);

        let reshaped = "input { name: \"X\" data_type: TYPE_FP32 dims: [ 4, 4 ] \
                        reshape { shape: [ 1, 16 ] } }";
        let (_, signature) = read(reshaped).with_model(&[X], &[Y]).unwrap();
        let input = &signature.inputs[0];
        assert_eq!(
            signature.framework_shape(input, &[4, 4]).as_slice(),
            [1, 16]
        );
    }

    #[test]
    fn disagreement_names_the_tensor() {
        let y = "output { name: \"Y\" data_type: TYPE_FP16 dims: [ -1, 4 ] }";
        for (config, expected) in [
            (
                format!("input {{ name: \"Q\" data_type: TYPE_FP32 dims: 1 }} {y}"),
                "unexpected inference input 'Q', allowed inputs are: X",
            ),
            (
                format!("input {{ name: \"X\" data_type: TYPE_INT32 dims: [ -1, 16 ] }} {y}"),
                "unable to load model 'm', configuration expects datatype TYPE_INT32 for input \
                 'X', model provides TYPE_FP32",
            ),
            (
                format!("input {{ name: \"X\" data_type: TYPE_FP32 dims: [ 16 ] }} {y}"),
                "model 'm', tensor 'X': the model expects 2 dimensions (shape [-1,16]) but the \
                 model configuration specifies 1 dimensions (shape [16])",
            ),
            (
                format!(
                    "max_batch_size: 2 input {{ name: \"X\" data_type: TYPE_FP32 dims: [ -1, 16 ] }} {y}"
                ),
                "making complete shape [-1,-1,16])",
            ),
            (
                "input { name: \"X\" data_type: TYPE_FP32 dims: [ -1, 16 ] } \
                 output { name: \"Y\" data_type: TYPE_FP16 dims: [ 2, 4 ] }"
                    .to_owned(),
                "tensor 'Y': the model expects 2 dimensions (shape [-1,4])",
            ),
        ] {
            let message = refused(&config, X, Y);
            assert!(message.contains(expected), "{message}");
        }
        let fixed = tensor("X", DataType::Fp32, &[1, 16]);
        let config = "max_batch_size: 2 input { name: \"X\" data_type: TYPE_FP32 dims: 16 }";
        let message = refused(config, fixed, Y);
        assert!(
            message.contains("the first dimension must be -1"),
            "{message}"
        );
        let scalar = tensor("X", DataType::Fp32, &[]);
        let message = refused("input { name: \"X\" dims: 2 }", scalar, Y);
        assert!(message.contains("scalar tensor 'X'"), "{message}");
        let error = read("input { name: \"X\" }")
            .with_model(&[X, tensor("W", DataType::Fp32, &[1])], &[Y])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("expects 1 inputs, model provides 2; not listed are: W"),
            "{error}"
        );
    }

    #[test]
    fn the_completed_form_is_what_the_client_sees() {
        let (model, _) = read("").with_model(&[X], &[Y]).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&model.to_json()).unwrap();
        assert_eq!(json["input"][0]["dims"], serde_json::json!([16]));
        assert_eq!(json["instance_group"][0]["kind"], "KIND_CPU");
        assert_eq!(json["max_batch_size"], 4);
        let text = String::from_utf8(model.to_json()).unwrap();
        let again = ModelConfiguration::from_json(&text, Path::new("/nowhere"), "m", true).unwrap();
        assert_eq!(again, model);
    }
}
