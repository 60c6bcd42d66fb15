//! `POST /v2/models/{name}[/versions/{version}]/infer`

use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Incoming};
use smallvec::SmallVec;

use super::body::Parts;
use super::reader::Reader;
use super::service::{Answer, Service, collect, text, too_large};
use crate::front::scheduler::{InferenceError, InferenceJob, OutputTensor};
use crate::front::served_model::ServedVersion;
use crate::ipc::arena::InputBlock;
use crate::ipc::descriptor::TensorPlace;
use crate::ipc::heap::ALIGNMENT;
use crate::ipc::lane::monotonic_ns;
use crate::protocol::body::{Form, INFERENCE_HEADER_CONTENT_LENGTH, split};
use crate::protocol::encoding::Encoding;
use crate::protocol::plan::{OutputForm, Plan, PlannedOutput, Source, plan, plan_raw};
use crate::protocol::response::{self, OutputData, ResponseOutput};
use crate::protocol::{ErrorKind, InferenceRequest, RequestError};

/// Answers an inference request.
///
/// # Errors
/// What the client gets instead.
pub async fn infer(
    service: &Service,
    name: &str,
    version: Option<&str>,
    headers: &HeaderMap,
    body: Incoming,
) -> Answer {
    let arrived = monotonic_ns();
    let served = service.repository.find(name, version)?;
    let limit = service.options.http_max_input_size;
    let encoding = Encoding::of_request(text(headers, &header::CONTENT_ENCODING))?;
    let (length, mut reader) = match body.size_hint().exact() {
        Some(length) if length > limit => return Err(too_large(limit)),
        Some(length) if encoding == Encoding::Identity => {
            (length as usize, Reader::streaming(body))
        }
        _ => {
            let whole = collect(body, headers, limit).await?;
            (whole.len(), Reader::complete(whole))
        }
    };
    let accepted = Encoding::of_response(text(headers, &header::ACCEPT_ENCODING));
    match split(text(headers, INFERENCE_HEADER_CONTENT_LENGTH), length)? {
        Form::Raw => {
            let section = reader.take(length).await?;
            let plan = plan_raw(served.signature(), &section)?;
            let mut reader = Reader::complete(section);
            let outputs = run(
                &served,
                &plan,
                &mut reader,
                Urgency {
                    arrived,
                    ..Urgency::default()
                },
            )
            .await?;
            respond(&served, None, &plan.outputs, outputs, accepted)
        }
        Form::Json(header_length) => {
            let json = reader.take(header_length).await?;
            let request = InferenceRequest::parse(&json)?;
            let plan = plan(&request, served.signature(), length - header_length)?;
            let urgency = Urgency {
                arrived,
                priority: request.parameters.priority,
                timeout: (request.parameters.timeout > 0)
                    .then(|| Duration::from_micros(request.parameters.timeout)),
            };
            let outputs = run(&served, &plan, &mut reader, urgency).await?;
            respond(&served, request.id(), &plan.outputs, outputs, accepted)
        }
    }
}

/// When a request came and how long it may wait.
#[derive(Clone, Copy, Default)]
struct Urgency {
    /// Monotonic ns.
    arrived: u64,
    /// 1 is the most urgent, 0 the model's default.
    priority: u64,
    timeout: Option<Duration>,
}

/// Writes the inputs into shared memory and has the request executed.
async fn run(
    served: &ServedVersion,
    plan: &Plan<'_>,
    reader: &mut Reader<Incoming>,
    urgency: Urgency,
) -> Result<Vec<OutputTensor>, RequestError> {
    if let Some(output) = plan.outputs.iter().find(|output| {
        output.classification > 0 || matches!(output.form, OutputForm::SharedMemory(_))
    }) {
        return Err(RequestError::unsupported(format!(
            "output '{}' is asked for as a classification or in shared memory, which this server \
             does not offer",
            served.signature().outputs[output.index].name
        )));
    }
    // Before memory is taken for a size that only the client's word stands for.
    for input in &plan.inputs {
        if let Source::SharedMemory(memory) = &input.source {
            return Err(RequestError::unsupported(format!(
                "input '{}' is in the shared memory region '{}', which this server does not offer",
                served.signature().inputs[input.index].name,
                memory.region
            )));
        }
    }
    let (block, inputs) = write_inputs(served, plan, reader).await?;
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
        batch_size: u64::from(plan.batch_size.max(1)),
        arrived: urgency.arrived,
        priority: urgency.priority,
        timeout: urgency.timeout,
    };
    let outcome = served.scheduler().submit(job).map_err(refused)?;
    outcome
        .await
        .unwrap_or_else(|_| {
            Err(InferenceError::Unavailable(
                "the model was unloaded".to_owned(),
            ))
        })
        .map_err(refused)
}

/// Puts every input where the worker reads it.
async fn write_inputs(
    served: &ServedVersion,
    plan: &Plan<'_>,
    reader: &mut Reader<Incoming>,
) -> Result<(InputBlock, SmallVec<[TensorPlace; 4]>), RequestError> {
    let mut places: SmallVec<[TensorPlace; 4]> = SmallVec::with_capacity(plan.inputs.len());
    let mut total = 0u64;
    for input in &plan.inputs {
        places.push(TensorPlace {
            number: served.input_number(input.index),
            data_type: input.data_type,
            shape: input.shape.clone(),
            offset: total,
            bytes: input.byte_size as u64,
        });
        total = total
            .checked_add(input.byte_size as u64)
            .and_then(|end| end.checked_next_multiple_of(ALIGNMENT))
            .ok_or_else(exhausted)?;
    }
    let arena = served.scheduler().arena().ok_or_else(|| {
        refused(InferenceError::Unavailable(format!(
            "model '{}' has no worker",
            served.name()
        )))
    })?;
    let mut block = usize::try_from(total)
        .ok()
        .and_then(|total| arena.allocate(total))
        .ok_or_else(exhausted)?;
    for (input, place) in plan.inputs.iter().zip(&mut places) {
        let start = place.offset as usize;
        let target = &mut block.bytes_mut()[start..start + input.byte_size];
        let name = &served.signature().inputs[input.index].name;
        if let Source::Section(_) = input.source {
            reader.fill(target).await?;
            input.check(target, name)?;
        } else {
            input.write(&[], target, name)?;
        }
        place.offset += block.offset();
    }
    // The model's order makes requests comparable, so that they can be batched.
    places.sort_unstable_by_key(|place| place.number);
    Ok((block, places))
}

/// Writes the response.
fn respond(
    served: &ServedVersion,
    id: Option<&str>,
    wanted: &[PlannedOutput<'_>],
    outputs: Vec<OutputTensor>,
    accepted: Encoding,
) -> Answer {
    let mut described: SmallVec<[(usize, &OutputTensor, crate::protocol::Shape, bool); 4]> =
        SmallVec::with_capacity(wanted.len());
    for output in wanted {
        let number = served.output_number(output.index);
        let tensor = outputs
            .iter()
            .find(|tensor| tensor.number == number)
            .ok_or_else(|| {
                RequestError::internal(format!(
                    "the worker did not return output '{}'",
                    served.signature().outputs[output.index].name
                ))
            })?;
        let specification = &served.signature().outputs[output.index];
        let shape = served
            .signature()
            .client_shape(specification, &tensor.shape)?;
        described.push((
            output.index,
            tensor,
            shape,
            matches!(output.form, OutputForm::Binary),
        ));
    }
    let listed: SmallVec<[ResponseOutput<'_>; 4]> = described
        .iter()
        .map(|(index, tensor, shape, binary)| ResponseOutput {
            name: &served.signature().outputs[*index].name,
            data_type: tensor.data_type,
            shape,
            data: if *binary {
                OutputData::Binary(tensor.data.len())
            } else {
                OutputData::Json(&tensor.data)
            },
        })
        .collect();
    let mut header = Vec::new();
    response::write_header(
        &mut header,
        &response::Response {
            id,
            model: served.name(),
            version: served.version(),
            parameters: &[],
            outputs: &listed,
        },
    )?;
    let header_length = header.len();
    let sections: SmallVec<[Bytes; 4]> = described
        .iter()
        .filter(|(_, _, _, binary)| *binary)
        .map(|(_, tensor, _, _)| tensor.data.clone())
        .collect();
    let binary = described.iter().any(|(_, _, _, binary)| *binary);

    let mut response = Response::new(match accepted.header() {
        None => Parts::new(std::iter::once(Bytes::from(header)).chain(sections)),
        Some(_) => Parts::from(
            accepted
                .encode(std::iter::once(&header[..]).chain(sections.iter().map(|part| &part[..]))),
        ),
    });
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    if let Some(encoding) = accepted.header() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    if binary {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        headers.insert(
            HeaderName::from_static(INFERENCE_HEADER_CONTENT_LENGTH),
            HeaderValue::from(header_length),
        );
    } else {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    }
    Ok(response)
}

fn exhausted() -> RequestError {
    RequestError::internal("no shared memory left for the request's inputs")
}

/// How a client is told that its request was not served.
fn refused(error: InferenceError) -> RequestError {
    let kind = match &error {
        InferenceError::Execution(_) | InferenceError::WorkerDied(_) => ErrorKind::Internal,
        InferenceError::Unavailable(_)
        | InferenceError::QueueFull
        | InferenceError::QueueTimeout => ErrorKind::Unavailable,
    };
    RequestError::new(kind, error.to_string())
}
