//! One inference over gRPC.

use std::collections::BTreeMap;

use proto::inference::model_infer_response::InferOutputTensor;
use proto::inference::{ModelInferRequest, ModelInferResponse};
use smallvec::SmallVec;

use super::model::version;
use crate::front::inference::{self, Inferred, InputBytes, Urgency};
use crate::front::served_model::ServedVersion;
use crate::front::service::Service;
use crate::protocol::RequestError;
use crate::protocol::message::{self, Sections};
use crate::protocol::plan::plan;

/// Answers an inference request that arrived then (monotonic ns).
///
/// # Errors
/// What the client gets instead.
pub async fn infer(
    service: &Service,
    message: &ModelInferRequest,
    arrived: u64,
) -> Result<ModelInferResponse, RequestError> {
    let served = service
        .repository
        .find(&message.model_name, version(&message.model_version))?;
    let (request, sections) = message::read(message)?;
    let length = sections.iter().map(|section| section.len()).sum();
    let plan = plan(&request, served.signature(), length)?;
    let urgency = Urgency::new(arrived, &request.parameters);
    let mut bytes = Bytes {
        sections,
        position: 0,
    };
    let memory = &service.shared_memory;
    let outputs = inference::infer(&served, memory, &plan, &mut bytes, urgency).await?;
    Ok(respond(&served, &message.id, outputs))
}

/// The data of the inputs, one section for each.
struct Bytes<'a> {
    sections: Sections<'a>,
    position: usize,
}

impl InputBytes for Bytes<'_> {
    async fn fill(&mut self, target: &mut [u8]) -> Result<(), RequestError> {
        match self.sections.get(self.position) {
            // Planning held the size of each section against its input.
            Some(section) if section.len() == target.len() => {
                target.copy_from_slice(section);
                self.position += 1;
                Ok(())
            }
            _ => Err(RequestError::internal(
                "the data of an input is not as long as it was when the request was checked",
            )),
        }
    }
}

fn respond(
    served: &ServedVersion,
    id: &str,
    outputs: SmallVec<[Inferred; 2]>,
) -> ModelInferResponse {
    let mut response = ModelInferResponse {
        model_name: served.name().to_owned(),
        model_version: served.version().to_string(),
        id: id.to_owned(),
        parameters: BTreeMap::new(),
        outputs: Vec::with_capacity(outputs.len()),
        raw_output_contents: Vec::with_capacity(outputs.len()),
    };
    for output in outputs {
        response.outputs.push(InferOutputTensor {
            name: served.signature().outputs[output.index].name.clone(),
            datatype: output.data_type.name().to_owned(),
            shape: output.shape.to_vec(),
            ..InferOutputTensor::default()
        });
        // One for each output, an empty one where it is in shared memory.
        response.raw_output_contents.push(output.data);
    }
    response
}
