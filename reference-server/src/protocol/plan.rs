//! A request held against the model it is for: which tensor is where, how large, of which shape.

use std::{borrow::Cow, ops::Range};

use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::{
    DataType, InferenceRequest, RequestError, Shape, Signature, TensorSpecification, byte_strings,
    json_tensor,
    request::{RequestInput, TensorParameters},
    shape,
};

/// A request that fits its model.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The inputs in the request's order.
    pub inputs: SmallVec<[PlannedInput<'a>; 2]>,
    /// The wanted outputs in the order in which the response lists them.
    pub outputs: SmallVec<[PlannedOutput<'a>; 2]>,
    /// Size of the batch; 0 where the model does not batch.
    pub batch_size: u32,
}

/// One input of a request that fits its model.
#[derive(Debug)]
pub struct PlannedInput<'a> {
    /// Position in [`Signature::inputs`].
    pub index: usize,
    /// Element type.
    pub data_type: DataType,
    /// Shape as the framework gets it: batch dimension first, reshaped.
    pub shape: Shape,
    /// Size of the tensor in bytes.
    pub byte_size: usize,
    /// Where the bytes come from.
    pub source: Source<'a>,
}

/// Where the bytes of an input come from.
#[derive(Debug)]
pub enum Source<'a> {
    /// This range of the binary section of the body.
    Section(Range<usize>),
    /// Numbers in JSON, to be decoded straight into the tensor's memory.
    Json(&'a RawValue),
    /// Byte strings that were decoded while planning, because only that tells their size.
    Decoded(Vec<u8>),
    /// A registered shared-memory region.
    SharedMemory(SharedMemory<'a>),
}

/// A tensor's place in a registered shared-memory region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedMemory<'a> {
    /// Name of the region.
    pub region: Cow<'a, str>,
    /// Offset in the region in bytes.
    pub offset: u64,
    /// Size in bytes.
    pub byte_size: u64,
}

/// One wanted output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedOutput<'a> {
    /// Position in [`Signature::outputs`].
    pub index: usize,
    /// How it is sent.
    pub form: OutputForm<'a>,
    /// Number of classes to send in place of the tensor; 0 for the tensor itself.
    pub classification: u64,
}

/// How an output is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputForm<'a> {
    /// In the JSON part.
    Json,
    /// In the binary section.
    Binary,
    /// Not at all: it is written into a registered shared-memory region.
    SharedMemory(SharedMemory<'a>),
}

impl PlannedInput<'_> {
    /// Checks bytes that came from the binary section: those of a tensor of byte strings have to
    /// add up. Planning knows only how many bytes there are, so that they can be read straight to
    /// where they belong; whoever does so calls this afterwards. [`write`](Self::write) does it
    /// by itself.
    ///
    /// # Errors
    /// 400 naming the input and where the lengths do not add up.
    pub fn check(&self, bytes: &[u8], input: &str, model: &str) -> Result<(), RequestError> {
        if self.data_type != DataType::Bytes {
            return Ok(());
        }
        // The shape was counted when the plan was made.
        let count = shape::element_count(&self.shape).unwrap_or(usize::MAX);
        byte_strings::validate(bytes, count).map_err(|error| error.refusal(input, model))
    }

    /// Writes the tensor into `target`, which has exactly [`byte_size`](Self::byte_size) bytes.
    ///
    /// `section` is the binary section of the body that was planned; `input` is the tensor's name
    /// and `model` the model's, for messages.
    ///
    /// # Errors
    /// 400 where the data does not fit the data type or the shape; 501 for shared memory, which
    /// is not bytes of the request.
    pub fn write(
        &self,
        section: &[u8],
        target: &mut [u8],
        input: &str,
        model: &str,
    ) -> Result<(), RequestError> {
        match &self.source {
            Source::Section(range) => {
                target.copy_from_slice(&section[range.clone()]);
                return self.check(target, input, model);
            }
            Source::Decoded(bytes) => target.copy_from_slice(bytes),
            Source::Json(data) => return json_tensor::decode(data, self.data_type, target, input),
            Source::SharedMemory(memory) => {
                return Err(RequestError::unsupported(format!(
                    "input '{input}' is in the shared memory region '{}', not in the request",
                    memory.region
                )));
            }
        }
        Ok(())
    }
}

/// Holds `request` against `signature`. `section_length` is the size of the binary section that
/// follows the JSON part; it need not have arrived.
///
/// The checks and their wording are Triton's: every tensor that the model needs is there, no
/// other, of the right type and shape, with as many bytes as the shape says; the batch is not
/// larger than the model allows; the wanted outputs exist.
///
/// # Errors
/// 400 naming the tensor, what was expected and what was given.
pub fn plan<'a>(
    request: &InferenceRequest<'a>,
    signature: &Signature,
    section_length: usize,
) -> Result<Plan<'a>, RequestError> {
    let labelled = |error: RequestError| error.about_request(request.id());
    let sections = sections(request, signature, section_length)?;
    check_names(request, signature).map_err(labelled)?;
    let batch_size = batch_size(request, signature).map_err(labelled)?;
    let inputs = request
        .inputs
        .iter()
        .zip(sections)
        .map(|(input, range)| plan_input(input, range, signature).map_err(labelled))
        .collect::<Result<_, _>>()?;
    let outputs = plan_outputs(request, signature).map_err(labelled)?;
    Ok(Plan {
        inputs,
        outputs,
        batch_size,
    })
}

/// Plans a request without a JSON part: `body` is the data of the model's only input, and all
/// outputs come in binary.
///
/// The shape is the model's, with batch size 1 and at most one open dimension, which the size
/// decides. A model with an input of one byte string gets the body as that string.
///
/// # Errors
/// 400 where the model has several inputs or the shape cannot be told.
pub fn plan_raw(signature: &Signature, body: &[u8]) -> Result<Plan<'static>, RequestError> {
    raw_input(signature, body)
        .map(|input| Plan {
            inputs: SmallVec::from_iter([input]),
            outputs: all_outputs(signature, true).collect(),
            batch_size: u32::from(signature.max_batch_size > 0),
        })
        .map_err(|error| error.about_request(None))
}

fn raw_input(signature: &Signature, body: &[u8]) -> Result<PlannedInput<'static>, RequestError> {
    let [tensor] = signature.inputs.as_slice() else {
        return Err(RequestError::invalid(format!(
            "Raw request must only have 1 input (found 1) to be deduced but got {} inputs in '{}' \
             model configuration",
            signature.inputs.len(),
            signature.model
        )));
    };
    let mut client_shape = Shape::new();
    if signature.max_batch_size > 0 {
        client_shape.push(1);
    }
    let batch_dims = client_shape.len();
    client_shape.extend_from_slice(&tensor.dims);
    let mut open = (batch_dims..client_shape.len()).filter(|&index| client_shape[index] == -1);
    let open = (open.next(), open.next());

    let source = if tensor.data_type == DataType::Bytes {
        if open.0.is_some() || shape::element_count(&client_shape) != Ok(1) {
            return Err(RequestError::invalid(format!(
                "For BYTE datatype raw input '{}', the model must have input shape [1]",
                tensor.name
            )));
        }
        let mut element = Vec::with_capacity(byte_strings::LENGTH_SIZE + body.len());
        byte_strings::append(&mut element, body)?;
        Source::Decoded(element)
    } else {
        match open {
            (Some(_), Some(_)) => {
                return Err(RequestError::invalid(format!(
                    "The shape of the raw input '{}' can not be deduced because there are more \
                     than one variable-sized dimension",
                    tensor.name
                )));
            }
            (Some(index), None) => {
                client_shape[index] = 1;
                let step = shape::byte_size(tensor.data_type, &client_shape)
                    .map_err(|error| bad_shape(tensor, &client_shape, error))?
                    .unwrap_or(0)
                    .max(1);
                client_shape[index] = i64::try_from(body.len() / step)
                    .map_err(|_| bad_shape(tensor, &client_shape, shape::ShapeError::Overflow))?;
            }
            (None, _) => {}
        }
        Source::Section(0..body.len())
    };
    let byte_size = match &source {
        Source::Decoded(element) => element.len(),
        _ => expected_size(tensor, &client_shape, body.len() as u64, signature)?,
    };
    Ok(PlannedInput {
        index: 0,
        data_type: tensor.data_type,
        shape: signature.framework_shape(tensor, &client_shape),
        byte_size,
        source,
    })
}

/// The range of the binary section that each input takes, in order; empty for inputs whose data is
/// elsewhere.
fn sections(
    request: &InferenceRequest<'_>,
    signature: &Signature,
    length: usize,
) -> Result<SmallVec<[Range<usize>; 2]>, RequestError> {
    let mut start = 0;
    let mut ranges = SmallVec::new();
    for input in &request.inputs {
        let size = input.parameters.binary_data_size.unwrap_or(0);
        let available = (length - start) as u64;
        if size > available {
            return Err(RequestError::invalid(format!(
                "unexpected size for input '{}', expecting {} additional bytes for model '{}'",
                input.name,
                size - available,
                signature.model
            )));
        }
        let end = start + size as usize;
        ranges.push(start..end);
        start = end;
    }
    if start < length {
        return Err(RequestError::invalid(format!(
            "unexpected additional input data for model '{}': {} bytes follow the last input",
            signature.model,
            length - start
        )));
    }
    Ok(ranges)
}

/// Every required input is there, once, and no other.
fn check_names(request: &InferenceRequest<'_>, signature: &Signature) -> Result<(), RequestError> {
    let given = request.inputs.len();
    for (index, input) in request.inputs.iter().enumerate() {
        if request.inputs[..index]
            .iter()
            .any(|other| other.name == input.name)
        {
            return Err(RequestError::invalid(format!(
                "input '{}' already exists in request",
                input.name
            )));
        }
    }
    let all = signature.inputs.len();
    let required = signature
        .inputs
        .iter()
        .filter(|input| !input.optional)
        .count();
    let complete = (required..=all).contains(&given);
    if complete {
        for input in &request.inputs {
            if signature.input(&input.name).is_none() {
                return Err(RequestError::invalid(format!(
                    "unexpected inference input '{}' for model '{}'",
                    input.name, signature.model
                )));
            }
        }
    }
    let missing: Vec<&str> = signature
        .inputs
        .iter()
        .filter(|wanted| {
            !wanted.optional && !request.inputs.iter().any(|input| input.name == wanted.name)
        })
        .map(|wanted| wanted.name.as_str())
        .collect();
    if complete && missing.is_empty() {
        return Ok(());
    }
    let expected = if required == all {
        format!("expected {all} inputs")
    } else {
        format!("expected number of inputs between {required} and {all}")
    };
    Err(RequestError::invalid(format!(
        "{expected} but got {given} inputs for model '{}'. Got input(s) {}, but missing required \
         input(s) {}. Please provide all required input(s).",
        signature.model,
        quoted(request.inputs.iter().map(|input| &*input.name)),
        quoted(missing.into_iter()),
    )))
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
    format!("[{}]", names.join(","))
}

fn batch_size(request: &InferenceRequest<'_>, signature: &Signature) -> Result<u32, RequestError> {
    let model = &signature.model;
    if signature.max_batch_size == 0 {
        return Ok(0);
    }
    let mut batch = None;
    for input in &request.inputs {
        let Some(&first) = input.shape.first() else {
            return Err(RequestError::invalid(format!(
                "input '{}' has no shape but model requires batch dimension for '{model}'",
                input.name
            )));
        };
        if *batch.get_or_insert(first) != first {
            return Err(RequestError::invalid(format!(
                "input '{}' batch size does not match other inputs for '{model}'",
                input.name
            )));
        }
    }
    match u32::try_from(batch.unwrap_or(1)) {
        Ok(0) => Err(RequestError::invalid(format!(
            "inference request batch-size must be >= 1 for '{model}'"
        ))),
        Ok(size) if size <= signature.max_batch_size => Ok(size),
        _ => Err(RequestError::invalid(format!(
            "inference request batch-size must be <= {} for '{model}'",
            signature.max_batch_size
        ))),
    }
}

fn plan_input<'a>(
    input: &RequestInput<'a>,
    range: Range<usize>,
    signature: &Signature,
) -> Result<PlannedInput<'a>, RequestError> {
    // The names were checked before.
    let Some((index, tensor)) = signature.input(&input.name) else {
        return Err(RequestError::invalid(format!(
            "unexpected inference input '{}' for model '{}'",
            input.name, signature.model
        )));
    };
    check_data_type(input, tensor, signature)?;
    check_shape(input, tensor, signature)?;
    let size_of = |given: u64| expected_size(tensor, &input.shape, given, signature);
    let elements = || {
        shape::element_count(&input.shape).map_err(|error| bad_shape(tensor, &input.shape, error))
    };
    let strings = tensor.data_type == DataType::Bytes;

    let (byte_size, source) = if let Some(data) = input.data {
        match elements()? {
            // As Triton: an empty tensor takes nothing from 'data'.
            0 => (0, Source::Decoded(Vec::new())),
            count if strings => {
                let bytes = json_tensor::decode_byte_strings(data, count, &tensor.name)?;
                (bytes.len(), Source::Decoded(bytes))
            }
            _ => {
                let size = shape::byte_size(tensor.data_type, &input.shape)
                    .map_err(|error| bad_shape(tensor, &input.shape, error))?
                    .unwrap_or(0);
                // An element takes a digit and a separator at least. A shape that promises more
                // than the text can hold must not make anyone allocate for it.
                if elements()? > data.get().len() {
                    json_tensor::decode(data, tensor.data_type, &mut [], &tensor.name)?;
                }
                (size, Source::Json(data))
            }
        }
    } else if let Some(memory) = shared_memory(&input.parameters) {
        (size_of(memory.byte_size)?, Source::SharedMemory(memory))
    } else {
        elements()?;
        (size_of(range.len() as u64)?, Source::Section(range))
    };
    Ok(PlannedInput {
        index,
        data_type: tensor.data_type,
        shape: signature.framework_shape(tensor, &input.shape),
        byte_size,
        source,
    })
}

fn check_data_type(
    input: &RequestInput<'_>,
    tensor: &TensorSpecification,
    signature: &Signature,
) -> Result<(), RequestError> {
    if input.datatype == tensor.data_type.name() {
        return Ok(());
    }
    let expectation = format!("model '{}' expects '{}'", signature.model, tensor.data_type);
    // Only the protocol's own names count here, not those of the model configuration.
    let message = match input.datatype.parse::<DataType>() {
        Ok(given) if given.name() == input.datatype => format!(
            "inference input '{}' data-type is '{given}', but {expectation}",
            input.name
        ),
        Ok(given) => format!(
            "inference input '{}' has unknown data type '{}'; did you mean '{given}'? \
             {expectation}",
            input.name, input.datatype
        ),
        Err(unknown) => format!(
            "inference input '{}' has {unknown} {expectation}",
            input.name
        ),
    };
    Err(RequestError::invalid(message))
}

fn check_shape(
    input: &RequestInput<'_>,
    tensor: &TensorSpecification,
    signature: &Signature,
) -> Result<(), RequestError> {
    let batch_dims = usize::from(signature.max_batch_size > 0);
    let matches = input.shape.len() == tensor.dims.len() + batch_dims
        && tensor
            .dims
            .iter()
            .zip(&input.shape[batch_dims..])
            .all(|(expected, given)| *expected == -1 || expected == given);
    if matches {
        return Ok(());
    }
    let note = if batch_dims > 0 {
        " NOTE: max_batch_size of the model configuration is above 0, so each input has a batch \
         dimension in front of the dimensions that the configuration lists."
    } else {
        ""
    };
    Err(RequestError::invalid(format!(
        "unexpected shape for input '{}' for model '{}'. Expected {}, got {}.{note}",
        input.name,
        signature.model,
        shape::display(&signature.full_dims(tensor)),
        shape::display(&input.shape)
    )))
}

/// The size of `tensor` with shape `client_shape`, which must be `given`; for byte strings `given`
/// itself.
fn expected_size(
    tensor: &TensorSpecification,
    client_shape: &[i64],
    given: u64,
    signature: &Signature,
) -> Result<usize, RequestError> {
    let expected = shape::byte_size(tensor.data_type, client_shape)
        .map_err(|error| bad_shape(tensor, client_shape, error))?;
    match expected {
        Some(expected) if expected as u64 != given => Err(RequestError::invalid(format!(
            "input byte size mismatch for input '{}' for model '{}'. Expected {expected}, got \
             {given}",
            tensor.name, signature.model
        ))),
        Some(expected) => Ok(expected),
        None => usize::try_from(given)
            .map_err(|_| bad_shape(tensor, client_shape, shape::ShapeError::Overflow)),
    }
}

#[cold]
fn bad_shape(
    tensor: &TensorSpecification,
    client_shape: &[i64],
    error: shape::ShapeError,
) -> RequestError {
    RequestError::invalid(format!(
        "invalid shape {} of input '{}': {error}",
        shape::display(client_shape),
        tensor.name
    ))
}

fn shared_memory<'a>(parameters: &TensorParameters<'a>) -> Option<SharedMemory<'a>> {
    parameters
        .shared_memory_region
        .as_ref()
        .map(|region| SharedMemory {
            region: region.clone(),
            offset: parameters.shared_memory_offset,
            byte_size: parameters.shared_memory_byte_size,
        })
}

fn plan_outputs<'a>(
    request: &InferenceRequest<'a>,
    signature: &Signature,
) -> Result<SmallVec<[PlannedOutput<'a>; 2]>, RequestError> {
    let binary = request.parameters.binary_data_output;
    let mut outputs: SmallVec<[PlannedOutput<'a>; 2]> = SmallVec::new();
    if request.outputs.is_empty() {
        outputs.extend(all_outputs(signature, binary));
    }
    for wanted in &request.outputs {
        let Some((index, _)) = signature.output(&wanted.name) else {
            return Err(RequestError::invalid(format!(
                "unexpected inference output '{}' for model '{}'",
                wanted.name, signature.model
            )));
        };
        if outputs.iter().any(|output| output.index == index) {
            continue;
        }
        let form = if let Some(memory) = shared_memory(&wanted.parameters) {
            OutputForm::SharedMemory(memory)
        } else if wanted.parameters.binary_data.unwrap_or(binary) {
            OutputForm::Binary
        } else {
            OutputForm::Json
        };
        outputs.push(PlannedOutput {
            index,
            form,
            classification: wanted.parameters.classification,
        });
    }
    for output in &outputs {
        let tensor = &signature.outputs[output.index];
        let halves = matches!(tensor.data_type, DataType::Fp16 | DataType::Bf16);
        if halves && output.form == OutputForm::Json && output.classification == 0 {
            return Err(json_tensor::json_refused(tensor.data_type, &tensor.name));
        }
    }
    Ok(outputs)
}

fn all_outputs<'a>(signature: &Signature, binary: bool) -> impl Iterator<Item = PlannedOutput<'a>> {
    let form = if binary {
        OutputForm::Binary
    } else {
        OutputForm::Json
    };
    (0..signature.outputs.len()).map(move |index| PlannedOutput {
        index,
        form: form.clone(),
        classification: 0,
    })
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
