//! Inference requests for sample models, and the tensors of the responses.

use bytes::Bytes;
use proto::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use proto::inference::{
    InferParameter, InferTensorContents, ModelInferRequest, ModelInferResponse,
    infer_parameter::ParameterChoice,
};
use test_ops::{DataType, Model, Tensor};

/// A request for `model` with `inputs` in its order, as raw bytes.
pub fn raw(model: &Model, inputs: &[Tensor]) -> ModelInferRequest {
    let mut request = typed(model, inputs);
    for (input, tensor) in request.inputs.iter_mut().zip(inputs) {
        input.contents = None;
        request.raw_input_contents.push(tensor.to_bytes().into());
    }
    request
}

/// The same with the elements in typed fields.
pub fn typed(model: &Model, inputs: &[Tensor]) -> ModelInferRequest {
    let inputs = model
        .inputs()
        .into_iter()
        .zip(inputs)
        .map(|(specification, tensor)| InferInputTensor {
            name: specification.name,
            datatype: tensor.data_type.protocol_name().to_owned(),
            shape: tensor.shape.iter().map(|&dim| dim as i64).collect(),
            contents: Some(contents(tensor)),
            ..InferInputTensor::default()
        })
        .collect();
    ModelInferRequest {
        model_name: model.name.clone(),
        inputs,
        ..ModelInferRequest::default()
    }
}

/// The elements of a tensor in the field of their type; half precision as FP32.
fn contents(tensor: &Tensor) -> InferTensorContents {
    let values = &tensor.values;
    let mut contents = InferTensorContents::default();
    match tensor.data_type {
        DataType::Int32 => contents.int_contents = values.iter().map(|&v| v as i32).collect(),
        DataType::Int64 => contents.int64_contents = values.iter().map(|&v| v as i64).collect(),
        _ => contents.fp32_contents = values.iter().map(|&v| v as f32).collect(),
    }
    contents
}

/// A request for a model with one input `x`.
pub fn one_input(
    model: &str,
    data_type: &str,
    shape: &[i64],
    bytes: impl Into<Bytes>,
) -> ModelInferRequest {
    ModelInferRequest {
        model_name: model.to_owned(),
        inputs: vec![InferInputTensor {
            name: "x".to_owned(),
            datatype: data_type.to_owned(),
            shape: shape.to_vec(),
            ..InferInputTensor::default()
        }],
        raw_input_contents: vec![bytes.into()],
        ..ModelInferRequest::default()
    }
}

/// An output that is asked for by its name.
pub fn wanted(name: &str) -> InferRequestedOutputTensor {
    InferRequestedOutputTensor {
        name: name.to_owned(),
        ..InferRequestedOutputTensor::default()
    }
}

/// A parameter with this value.
pub fn parameter(value: ParameterChoice) -> InferParameter {
    InferParameter {
        parameter_choice: Some(value),
    }
}

/// Checks the outputs of a response against the reference maths.
#[track_caller]
pub fn assert_computed(response: &ModelInferResponse, model: &Model, inputs: &[Tensor]) {
    let expected = model.expected(inputs, &[]);
    let names: Vec<&str> = response
        .outputs
        .iter()
        .map(|output| output.name.as_str())
        .collect();
    let wanted: Vec<String> = model.outputs().into_iter().map(|spec| spec.name).collect();
    assert_eq!(names, wanted, "outputs of model '{}'", model.name);
    assert_eq!(response.raw_output_contents.len(), response.outputs.len());
    for ((output, bytes), expected) in response
        .outputs
        .iter()
        .zip(&response.raw_output_contents)
        .zip(&expected)
    {
        assert!(output.contents.is_none(), "{output:?}");
        let data_type = DataType::from_protocol_name(&output.datatype).expect("a sample's type");
        let shape: Vec<usize> = output.shape.iter().map(|&dim| dim as usize).collect();
        let tensor = Tensor::from_bytes(data_type, &shape, bytes)
            .unwrap_or_else(|| panic!("{} bytes do not fit {output:?}", bytes.len()));
        tensor
            .compare(expected)
            .unwrap_or_else(|error| panic!("model '{}': {error}", model.name));
    }
}
