//! An inference, whichever protocol it came with: a request that was held against its model is written
//! into shared memory, executed, and its outputs are what the client asked for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;

use super::scheduler::{InferenceError, InferenceJob, OutputTensor};
use super::served_model::ServedVersion;
use super::shared_memory::registration::Registration;
use super::shared_memory::registry::{RegionPart, SharedMemory};
use crate::ipc::arena::InputBlock;
use crate::ipc::descriptor::{Target, TensorPlace};
use crate::ipc::heap::ALIGNMENT;
use crate::protocol::classification::classify;
use crate::protocol::plan::{self, OutputForm, Plan, Source};
use crate::protocol::request::RequestParameters;
use crate::protocol::{DataType, ErrorKind, RequestError, Shape};

/// Gives the bytes of the inputs that come as they are, one input after the other.
pub trait InputBytes {
    /// Fills `target` with the next bytes.
    ///
    /// # Errors
    /// There are no more, or they do not arrive.
    fn fill(&mut self, target: &mut [u8]) -> impl Future<Output = Result<(), RequestError>> + Send;
}

/// When a request came and how long it may wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Urgency {
    /// Monotonic ns.
    pub arrived: u64,
    /// 1 is the most urgent, 0 the model's default.
    pub priority: u64,
    /// How long the request is willing to wait.
    pub timeout: Option<Duration>,
}

impl Urgency {
    /// The urgency of a request that arrived then and has these parameters.
    pub fn new(arrived: u64, parameters: &RequestParameters<'_>) -> Self {
        Self {
            arrived,
            priority: parameters.priority,
            timeout: (parameters.timeout > 0).then(|| Duration::from_micros(parameters.timeout)),
        }
    }
}

/// One output as the client gets it.
#[derive(Debug)]
pub struct Inferred {
    /// Position in the model's signature.
    pub index: usize,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions as the client sees them.
    pub shape: Shape,
    /// Elements; `BYTES` length-prefixed. Empty where the output is in a region of the client.
    pub data: Bytes,
}

/// Executes a request and gives the outputs that it wants, in its order. Tensors that the client has
/// in regions of `shared_memory` are read and written there, by the worker.
///
/// # Errors
/// What the client gets instead.
pub async fn infer(
    served: &ServedVersion,
    shared_memory: &SharedMemory,
    plan: &Plan<'_>,
    bytes: &mut impl InputBytes,
    urgency: Urgency,
) -> Result<SmallVec<[Inferred; 2]>, RequestError> {
    // Before memory is taken for a size that only the client's word stands for.
    let regions = Regions::find(served, shared_memory, plan)?;
    let outputs = execute(served, plan, regions, bytes, urgency).await?;
    plan.outputs
        .iter()
        .map(|wanted| {
            let number = served.output_number(wanted.index);
            let specification = &served.signature().outputs[wanted.index];
            let tensor = outputs
                .iter()
                .find(|tensor| tensor.number == number)
                .ok_or_else(|| {
                    RequestError::internal(format!(
                        "the worker did not return output '{}'",
                        specification.name
                    ))
                })?;
            if let OutputForm::SharedMemory(memory) = &wanted.form
                && !tensor.in_client_memory
            {
                return Err(RequestError::internal(format!(
                    "shared memory size specified with the request for output '{}' ({} bytes) should \
                     be at least {} bytes to hold the results",
                    specification.name,
                    memory.byte_size,
                    tensor.data.len()
                )));
            }
            if wanted.classification > 0 {
                return classified(served, wanted.index, wanted.classification, tensor);
            }
            Ok(Inferred {
                index: wanted.index,
                data_type: tensor.data_type,
                shape: served
                    .signature()
                    .client_shape(specification, &tensor.shape)?,
                data: tensor.data.clone(),
            })
        })
        .collect()
}

/// The largest elements of each row of an output; a model that does not batch has one row.
fn classified(
    served: &ServedVersion,
    index: usize,
    most: u64,
    tensor: &OutputTensor,
) -> Result<Inferred, RequestError> {
    let signature = served.signature();
    let batch = tensor
        .shape
        .first()
        .filter(|_| signature.max_batch_size > 0);
    let (classes, count) = classify(
        tensor.data_type,
        &tensor.data,
        batch.map_or(1, |batch| *batch as usize),
        most,
        served.labels(index),
        &signature.outputs[index].name,
    )?;
    Ok(Inferred {
        index,
        data_type: DataType::Bytes,
        shape: batch.copied().into_iter().chain([count as i64]).collect(),
        data: classes.into(),
    })
}

/// The regions that a request uses.
struct Regions {
    /// Of each input, in the order of the plan; `None` where its data comes with the request.
    inputs: SmallVec<[Option<RegionPart>; 2]>,
    /// Where outputs go.
    targets: SmallVec<[Target; 2]>,
    /// Each region that is used, so that it stays.
    used: SmallVec<[Arc<Registration>; 2]>,
}

impl Regions {
    fn find(
        served: &ServedVersion,
        shared_memory: &SharedMemory,
        plan: &Plan<'_>,
    ) -> Result<Self, RequestError> {
        let mut regions = Self {
            inputs: SmallVec::new(),
            targets: SmallVec::new(),
            used: SmallVec::new(),
        };
        let part = |memory: &plan::SharedMemory<'_>| {
            shared_memory.part(&memory.region, memory.offset, memory.byte_size)
        };
        for input in &plan.inputs {
            let place = match &input.source {
                Source::SharedMemory(memory) => Some(part(memory)?),
                Source::Section(_) | Source::Json(_) | Source::Decoded(_) => None,
            };
            regions
                .used
                .extend(place.as_ref().map(|part| part.registration.clone()));
            regions.inputs.push(place);
        }
        for output in &plan.outputs {
            let OutputForm::SharedMemory(memory) = &output.form else {
                continue;
            };
            let part = part(memory)?;
            regions.targets.push(Target {
                output: served.output_number(output.index),
                memory: part.registration.id(),
                offset: part.offset,
                bytes: part.byte_size,
            });
            regions.used.push(part.registration);
        }
        Ok(regions)
    }
}

/// Writes the inputs into shared memory and has the request executed.
async fn execute(
    served: &ServedVersion,
    plan: &Plan<'_>,
    regions: Regions,
    bytes: &mut impl InputBytes,
    urgency: Urgency,
) -> Result<Vec<OutputTensor>, RequestError> {
    let (block, inputs) = write_inputs(served, plan, &regions, bytes).await?;
    let mut outputs: SmallVec<[u32; 4]> = plan
        .outputs
        .iter()
        .map(|output| served.output_number(output.index))
        .collect();
    outputs.sort_unstable();
    outputs.dedup();
    let job = InferenceJob {
        block,
        inputs,
        outputs,
        targets: regions.targets,
        client_memory: regions.used,
        batch_size: u64::from(plan.batch_size.max(1)),
        arrived: urgency.arrived,
        priority: urgency.priority,
        timeout: urgency.timeout,
    };
    let outcome = served.scheduler().submit(job)?;
    let outcome = outcome.await.unwrap_or_else(|_| {
        Err(InferenceError::Unavailable(
            "the model was unloaded".to_owned(),
        ))
    });
    outcome.map_err(|error| match error {
        InferenceError::Refused(refused) => {
            let inputs = served.signature().inputs.iter().enumerate();
            let name = inputs
                .filter(|(index, _)| served.input_number(*index) == refused.input)
                .map(|(_, input)| &*input.name)
                .next();
            let name = name.unwrap_or_default();
            refused.unbalanced.refusal(name, served.name())
        }
        other => other.into(),
    })
}

/// Puts every input where the worker reads it, unless the client has it there.
async fn write_inputs(
    served: &ServedVersion,
    plan: &Plan<'_>,
    regions: &Regions,
    bytes: &mut impl InputBytes,
) -> Result<(InputBlock, SmallVec<[TensorPlace; 4]>), RequestError> {
    let mut places: SmallVec<[TensorPlace; 4]> = SmallVec::with_capacity(plan.inputs.len());
    let mut total = 0u64;
    for (input, region) in plan.inputs.iter().zip(&regions.inputs) {
        places.push(TensorPlace {
            number: served.input_number(input.index),
            data_type: input.data_type,
            shape: input.shape.clone(),
            memory: region.as_ref().map(|part| part.registration.id()),
            offset: region.as_ref().map_or(total, |part| part.offset),
            bytes: input.byte_size as u64,
        });
        if region.is_some() {
            continue;
        }
        total = total
            .checked_add(input.byte_size as u64)
            .and_then(|end| end.checked_next_multiple_of(ALIGNMENT))
            .ok_or_else(exhausted)?;
    }
    let arena = served.scheduler().arena().ok_or_else(|| {
        InferenceError::Unavailable(format!("model '{}' has no worker", served.name()))
    })?;
    let mut block = usize::try_from(total)
        .ok()
        .and_then(|total| arena.allocate(total))
        .ok_or_else(exhausted)?;
    for (input, place) in plan.inputs.iter().zip(&mut places) {
        if place.memory.is_some() {
            continue;
        }
        let start = place.offset as usize;
        let target = &mut block.bytes_mut()[start..start + input.byte_size];
        let name = &served.signature().inputs[input.index].name;
        if let Source::Section(_) = input.source {
            bytes.fill(target).await?;
            input.check(target, name, served.name())?;
        } else {
            input.write(&[], target, name, served.name())?;
        }
        place.offset += block.offset();
    }
    // The model's order makes requests comparable, so that they can be batched.
    places.sort_unstable_by_key(|place| place.number);
    Ok((block, places))
}

fn exhausted() -> RequestError {
    RequestError::internal("no shared memory left for the request's inputs")
}

/// How a client is told that its request was not served.
impl From<InferenceError> for RequestError {
    fn from(error: InferenceError) -> Self {
        let kind = match &error {
            InferenceError::Refused(_) => ErrorKind::Invalid,
            InferenceError::Execution(_) | InferenceError::WorkerDied(_) => ErrorKind::Internal,
            InferenceError::Unavailable(_)
            | InferenceError::QueueFull
            | InferenceError::QueueTimeout => ErrorKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}
