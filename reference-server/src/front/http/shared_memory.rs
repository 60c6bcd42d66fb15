//! The shared-memory extension: registered regions.

use http::StatusCode;

use super::answer::{Answer, empty, json};
use super::route::{RegionAction, RegionKind};
use crate::front::service::Service;
use crate::protocol::RequestError;
use crate::protocol::shared_memory::SystemRegion;

/// Answers `/v2/{system|cuda}sharedmemory[/region/{name}]/{status|register|unregister}`; `body` is that
/// of a registration.
///
/// # Errors
/// There is no such region, or it cannot be registered.
pub fn answer(
    service: &Service,
    kind: RegionKind,
    name: Option<&str>,
    action: RegionAction,
    body: &[u8],
) -> Answer {
    let regions = &service.shared_memory;
    match (kind, action) {
        (RegionKind::System, RegionAction::Status) => Ok(json(&regions.system_regions(name)?)),
        (RegionKind::System, RegionAction::Register) => {
            regions.register_system(&SystemRegion::parse(name, body)?)?;
            Ok(empty(StatusCode::OK))
        }
        (RegionKind::System, RegionAction::Unregister) => {
            regions.unregister_system(name);
            Ok(empty(StatusCode::OK))
        }
        (RegionKind::Cuda, RegionAction::Status) => {
            regions.no_cuda_region(name)?;
            Ok(json::<[(); 0]>(&[]))
        }
        (RegionKind::Cuda, RegionAction::Register) => Err(no_cuda()),
        (RegionKind::Cuda, RegionAction::Unregister) => Ok(empty(StatusCode::OK)),
    }
}

/// What a client is told that registers CUDA memory.
pub fn no_cuda() -> RequestError {
    RequestError::unsupported("this server does not offer tensors in CUDA shared memory")
}
