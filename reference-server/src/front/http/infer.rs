//! `POST /v2/models/{name}[/versions/{version}]/infer`

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use hyper::body::{Body, Incoming};
use smallvec::SmallVec;

use super::answer::{Answer, collect, text, too_large};
use super::body::Parts;
use super::reader::Reader;

use crate::front::inference::{self, Inferred, Urgency};
use crate::front::served_model::ServedVersion;
use crate::front::service::Service;
use crate::ipc::lane::monotonic_ns;
use crate::protocol::InferenceRequest;
use crate::protocol::body::{Form, INFERENCE_HEADER_CONTENT_LENGTH, split};
use crate::protocol::encoding::Encoding;
use crate::protocol::plan::{OutputForm, PlannedOutput, plan, plan_raw};
use crate::protocol::response::{self, OutputData, ResponseOutput};

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
        Some(length) if encoding == Encoding::Identity => (
            length as usize,
            Reader::streaming(body, service.options.client_timeout),
        ),
        _ => {
            let whole = collect(body, headers, &service.options).await?;
            (whole.len(), Reader::complete(whole))
        }
    };
    let accepted = Encoding::of_response(text(headers, &header::ACCEPT_ENCODING));
    match split(text(headers, INFERENCE_HEADER_CONTENT_LENGTH), length)? {
        Form::Raw => {
            let section = reader.take(length).await?;
            let plan = plan_raw(served.signature(), &section)?;
            let mut reader: Reader<Incoming> = Reader::complete(section);
            let urgency = Urgency {
                arrived,
                ..Urgency::default()
            };
            let memory = &service.shared_memory;
            let outputs = inference::infer(&served, memory, &plan, &mut reader, urgency).await?;
            respond(&served, None, &plan.outputs, &outputs, accepted)
        }
        Form::Json(header_length) => {
            let json = reader.take(header_length).await?;
            let request = InferenceRequest::parse(&json)?;
            let plan = plan(&request, served.signature(), length - header_length)?;
            let urgency = Urgency::new(arrived, &request.parameters);
            let memory = &service.shared_memory;
            let outputs = inference::infer(&served, memory, &plan, &mut reader, urgency).await?;
            respond(&served, request.id(), &plan.outputs, &outputs, accepted)
        }
    }
}

/// Writes the response.
fn respond(
    served: &ServedVersion,
    id: Option<&str>,
    wanted: &[PlannedOutput<'_>],
    outputs: &[Inferred],
    accepted: Encoding,
) -> Answer {
    let is_binary = |wanted: &PlannedOutput<'_>| matches!(wanted.form, OutputForm::Binary);
    let listed: SmallVec<[ResponseOutput<'_>; 4]> = wanted
        .iter()
        .zip(outputs)
        .map(|(wanted, output)| ResponseOutput {
            name: &served.signature().outputs[output.index].name,
            data_type: output.data_type,
            shape: &output.shape,
            data: match wanted.form {
                OutputForm::Binary => OutputData::Binary(output.data.len()),
                OutputForm::Json => OutputData::Json(&output.data),
                OutputForm::SharedMemory(_) => OutputData::SharedMemory,
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
    let sections: SmallVec<[Bytes; 4]> = wanted
        .iter()
        .zip(outputs)
        .filter(|(wanted, _)| is_binary(wanted))
        .map(|(_, output)| output.data.clone())
        .collect();
    let binary = wanted.iter().any(is_binary);

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
