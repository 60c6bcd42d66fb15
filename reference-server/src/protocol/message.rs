//! An inference request as a protobuf message, which is how it comes over gRPC.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proto::inference::infer_parameter::ParameterChoice;
use proto::inference::model_infer_request::{InferInputTensor, InferRequestedOutputTensor};
use proto::inference::{InferParameter, ModelInferRequest};
use smallvec::SmallVec;

use super::request::{
    RequestInput, RequestOutput, RequestParameters, SequenceId, TensorParameters,
};
use super::{InferenceRequest, RequestError, Shape, tensor_contents};

/// The one parameter of Triton's own name space that a client may set.
const EMPTY_FINAL_RESPONSE: &str = "triton_enable_empty_final_response";

/// The data of the inputs that carry it in the message, in the order of the inputs.
pub type Sections<'a> = SmallVec<[Cow<'a, [u8]>; 2]>;

/// Reads a message. Each input that is not in shared memory gets a section, whose size stands in the
/// request as that of its binary data.
///
/// # Errors
/// 400 naming the parameter that has the wrong type, or the tensor that has no data, or more of it
/// than one.
pub fn read(
    message: &ModelInferRequest,
) -> Result<(InferenceRequest<'_>, Sections<'_>), RequestError> {
    let mut sections = Sections::new();
    let mut raw = message.raw_input_contents.iter();
    let inputs = message
        .inputs
        .iter()
        .map(|input| {
            let mut parameters = tensor_parameters(&input.parameters, &input.name)?;
            if parameters.shared_memory_region.is_none() {
                let section = match &input.contents {
                    Some(contents) if message.raw_input_contents.is_empty() => {
                        tensor_contents::bytes(contents, input, &message.model_name)?
                    }
                    Some(_) => return Err(contents_beside_raw(input, message)),
                    None => match raw.next() {
                        Some(bytes) => Cow::Borrowed(&bytes[..]),
                        None => return Err(no_data(input, message)),
                    },
                };
                parameters.binary_data_size = Some(section.len() as u64);
                sections.push(section);
            } else if input.contents.is_some() {
                return Err(RequestError::invalid(format!(
                    "unexpected 'content' provided when using shared memory for input tensor '{}' \
                     for model '{}'",
                    input.name, message.model_name
                )));
            }
            Ok(RequestInput {
                name: Cow::Borrowed(&input.name),
                shape: Shape::from_slice(&input.shape),
                datatype: Cow::Borrowed(&input.datatype),
                parameters,
                data: None,
            })
        })
        .collect::<Result<_, _>>()?;
    if raw.next().is_some() {
        return Err(RequestError::invalid(format!(
            "unexpected additional input data for model '{}': raw_input_contents has {} entries, \
             and {} inputs take one",
            message.model_name,
            message.raw_input_contents.len(),
            sections.len()
        )));
    }
    let request = InferenceRequest {
        id: Some(Cow::Borrowed(&message.id)),
        parameters: request_parameters(&message.parameters)?,
        inputs,
        outputs: message
            .outputs
            .iter()
            .map(output)
            .collect::<Result<_, _>>()?,
    };
    Ok((request, sections))
}

fn output(output: &InferRequestedOutputTensor) -> Result<RequestOutput<'_>, RequestError> {
    let parameters = tensor_parameters(&output.parameters, &output.name)?;
    if parameters.shared_memory_region.is_some() && parameters.classification > 0 {
        return Err(RequestError::invalid(format!(
            "output can't set both 'shared_memory_region' and 'classification' (output '{}')",
            output.name
        )));
    }
    Ok(RequestOutput {
        name: Cow::Borrowed(&output.name),
        parameters,
    })
}

fn request_parameters(
    given: &BTreeMap<String, InferParameter>,
) -> Result<RequestParameters<'_>, RequestError> {
    let mut parameters = RequestParameters {
        binary_data_output: true,
        ..RequestParameters::default()
    };
    for (key, value) in given {
        match key.as_str() {
            "priority" => parameters.priority = number(key, value)?,
            "timeout" => parameters.timeout = number(key, value)?,
            "sequence_id" => {
                parameters.sequence_id = Some(match &value.parameter_choice {
                    Some(ParameterChoice::StringParam(text)) => {
                        SequenceId::Text(Cow::Borrowed(text))
                    }
                    _ => SequenceId::Number(
                        number(key, value)
                            .map_err(|_| wrong_type(key, "int64_param or string_param"))?,
                    ),
                });
            }
            "sequence_start" => parameters.sequence_start = truth(key, value)?,
            "sequence_end" => parameters.sequence_end = truth(key, value)?,
            EMPTY_FINAL_RESPONSE => {
                // It is about models that may answer without a response, which there are none of.
                truth(key, value)?;
            }
            _ if key.starts_with("triton_") => {
                return Err(RequestError::invalid(format!(
                    "parameter keys starting with 'triton_' are reserved for Triton usage. Only the \
                     following keys starting with 'triton_' are allowed: {EMPTY_FINAL_RESPONSE}"
                )));
            }
            // Parameters for the model itself; the frameworks that are served have no use for them.
            _ => {}
        }
    }
    Ok(parameters)
}

fn tensor_parameters<'a>(
    given: &'a BTreeMap<String, InferParameter>,
    tensor: &str,
) -> Result<TensorParameters<'a>, RequestError> {
    let mut parameters = TensorParameters::default();
    let mut size = None;
    let mut offset = None;
    for (key, value) in given {
        let about_tensor = |mut error: RequestError| {
            error.message = format!("tensor '{tensor}': {}", error.message);
            error
        };
        match key.as_str() {
            "classification" => {
                parameters.classification = number(key, value).map_err(about_tensor)?;
            }
            "shared_memory_region" => {
                let Some(ParameterChoice::StringParam(region)) = &value.parameter_choice else {
                    return Err(about_tensor(wrong_type(key, "string_param")));
                };
                parameters.shared_memory_region = Some(Cow::Borrowed(region));
            }
            "shared_memory_offset" => offset = Some(number(key, value).map_err(about_tensor)?),
            "shared_memory_byte_size" => size = Some(number(key, value).map_err(about_tensor)?),
            _ => {}
        }
    }
    match (parameters.shared_memory_region.is_some(), offset, size) {
        (true, _, None) => Err(RequestError::invalid(format!(
            "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter \
             for tensor '{tensor}'"
        ))),
        (false, Some(_), _) => Err(without_region("shared_memory_offset", tensor)),
        (false, _, Some(_)) => Err(without_region("shared_memory_byte_size", tensor)),
        _ => {
            parameters.shared_memory_offset = offset.unwrap_or(0);
            parameters.shared_memory_byte_size = size.unwrap_or(0);
            Ok(parameters)
        }
    }
}

fn without_region(key: &str, tensor: &str) -> RequestError {
    RequestError::invalid(format!(
        "'{key}' can not be specified without 'shared_memory_region' parameter for tensor '{tensor}'"
    ))
}

fn number(key: &str, value: &InferParameter) -> Result<u64, RequestError> {
    match value.parameter_choice {
        Some(ParameterChoice::Int64Param(number)) => u64::try_from(number).map_err(|_| {
            RequestError::invalid(format!(
                "invalid value for '{key}' parameter, expected value >= 0, got {number}"
            ))
        }),
        Some(ParameterChoice::Uint64Param(number)) => Ok(number),
        _ => Err(wrong_type(key, "int64_param or uint64_param")),
    }
}

fn truth(key: &str, value: &InferParameter) -> Result<bool, RequestError> {
    match value.parameter_choice {
        Some(ParameterChoice::BoolParam(truth)) => Ok(truth),
        _ => Err(wrong_type(key, "bool_param")),
    }
}

fn wrong_type(key: &str, expected: &str) -> RequestError {
    RequestError::invalid(format!(
        "invalid value type for '{key}' parameter, expected {expected}."
    ))
}

fn contents_beside_raw(input: &InferInputTensor, message: &ModelInferRequest) -> RequestError {
    RequestError::invalid(format!(
        "contents field must not be specified when using raw_input_contents for '{}' for model '{}'",
        input.name, message.model_name
    ))
}

fn no_data(input: &InferInputTensor, message: &ModelInferRequest) -> RequestError {
    RequestError::invalid(format!(
        "unable to find data for input tensor '{}' for model '{}' in request.",
        input.name, message.model_name
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;
    use proto::inference::InferTensorContents;

    use super::*;

    fn parameter(choice: ParameterChoice) -> InferParameter {
        InferParameter {
            parameter_choice: Some(choice),
        }
    }

    fn input(name: &str) -> InferInputTensor {
        InferInputTensor {
            name: name.into(),
            datatype: "FP32".into(),
            shape: vec![1, 2],
            ..InferInputTensor::default()
        }
    }

    fn message() -> ModelInferRequest {
        ModelInferRequest {
            model_name: "m".into(),
            id: "7".into(),
            inputs: vec![input("a"), input("b")],
            raw_input_contents: vec![vec![1; 8].into(), vec![2; 8].into()],
            ..ModelInferRequest::default()
        }
    }

    #[track_caller]
    fn refused(message: &ModelInferRequest, expected: &[&str]) {
        let error = read(message).unwrap_err();
        assert_eq!(error.status(), 400);
        for text in expected {
            assert!(error.message.contains(text), "{}", error.message);
        }
    }

    #[test]
    fn raw_contents_go_to_the_inputs_in_their_order() {
        let mut message = message();
        message.parameters.insert(
            "priority".into(),
            parameter(ParameterChoice::Uint64Param(3)),
        );
        message
            .parameters
            .insert("timeout".into(), parameter(ParameterChoice::Int64Param(9)));
        message
            .parameters
            .insert("mine".into(), parameter(ParameterChoice::DoubleParam(0.5)));
        let (request, sections) = read(&message).unwrap();
        assert_eq!(request.id(), Some("7"));
        assert!(request.parameters.binary_data_output);
        assert_eq!(
            (request.parameters.priority, request.parameters.timeout),
            (3, 9)
        );
        assert_eq!(request.inputs[1].name, "b");
        assert_eq!(request.inputs[1].parameters.binary_data_size, Some(8));
        assert!(matches!(sections[0], Cow::Borrowed([1, ..])));
        assert!(matches!(sections[1], Cow::Borrowed([2, ..])));
    }

    #[test]
    fn an_input_in_shared_memory_takes_no_raw_contents() {
        let mut message = message();
        let region = [
            (
                "shared_memory_region",
                ParameterChoice::StringParam("r".into()),
            ),
            ("shared_memory_byte_size", ParameterChoice::Int64Param(8)),
            ("shared_memory_offset", ParameterChoice::Int64Param(4)),
        ];
        message.inputs[0].parameters = region
            .into_iter()
            .map(|(key, choice)| (key.to_owned(), parameter(choice)))
            .collect();
        refused(&message, &["2 entries", "1 inputs"]);
        message.raw_input_contents.pop();
        let (request, sections) = read(&message).unwrap();
        assert_eq!(sections.len(), 1);
        let parameters = &request.inputs[0].parameters;
        assert_eq!(parameters.shared_memory_region.as_deref(), Some("r"));
        assert_eq!(
            (
                parameters.shared_memory_offset,
                parameters.shared_memory_byte_size
            ),
            (4, 8)
        );
        drop((request, sections));
        message.inputs[0]
            .parameters
            .remove("shared_memory_byte_size");
        refused(&message, &["shared_memory_byte_size", "'a'"]);
        message.inputs[0].parameters.remove("shared_memory_region");
        refused(&message, &["'shared_memory_offset'", "'a'"]);
    }

    #[test]
    fn each_input_has_one_source_of_data() {
        let mut both = message();
        both.inputs[1].contents = Some(InferTensorContents::default());
        refused(&both, &["raw_input_contents", "'b'"]);
        let mut missing = message();
        missing.raw_input_contents.pop();
        refused(&missing, &["unable to find data", "'b'", "'m'"]);
        let mut typed = message();
        typed.raw_input_contents.clear();
        for input in &mut typed.inputs {
            input.contents = Some(InferTensorContents {
                fp32_contents: vec![1.0, 2.0],
                ..InferTensorContents::default()
            });
        }
        let (_, sections) = read(&typed).unwrap();
        assert_eq!(&sections[1][..4], 1.0_f32.to_le_bytes());
    }

    #[test]
    fn parameters_have_their_types() {
        for (key, choice, expected) in [
            (
                "priority",
                ParameterChoice::BoolParam(true),
                "expected int64_param or uint64_param",
            ),
            ("priority", ParameterChoice::Int64Param(-1), ">= 0"),
            (
                "timeout",
                ParameterChoice::StringParam("1".into()),
                "'timeout'",
            ),
            (
                "sequence_id",
                ParameterChoice::BoolParam(true),
                "int64_param or string_param",
            ),
            (
                "sequence_start",
                ParameterChoice::Int64Param(1),
                "expected bool_param",
            ),
            (
                "triton_mine",
                ParameterChoice::Int64Param(1),
                "reserved for Triton",
            ),
        ] {
            let mut message = message();
            message.parameters.insert(key.into(), parameter(choice));
            refused(&message, &[expected]);
        }
    }

    #[test]
    fn outputs_carry_their_parameters() {
        let mut message = message();
        let mut output = InferRequestedOutputTensor {
            name: "y".into(),
            ..InferRequestedOutputTensor::default()
        };
        output.parameters.insert(
            "classification".into(),
            parameter(ParameterChoice::Int64Param(3)),
        );
        message.outputs.push(output);
        let (request, _) = read(&message).unwrap();
        assert_eq!(request.outputs[0].parameters.classification, 3);
        drop(request);
        message.outputs[0].parameters.insert(
            "classification".into(),
            parameter(ParameterChoice::Int64Param(-3)),
        );
        refused(&message, &["'y'", "'classification'"]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            if let Ok(message) = ModelInferRequest::decode(&bytes[..]) {
                let _ = read(&message);
            }
        }
    }
}
