//! The shared-memory extension: registered regions.

use http::StatusCode;

use super::answer::{Answer, empty, json};
use super::route::{RegionAction, RegionKind};
use crate::front::blocking::blocking;
use crate::front::service::Service;
use crate::front::shared_memory::registry::Kind;
use crate::protocol::shared_memory::{CudaRegion, SystemRegion};

/// Answers `/v2/{system|cuda}sharedmemory[/region/{name}]/{status|register|unregister}`; `body` is that
/// of a registration.
///
/// # Errors
/// There is no such region, or it cannot be registered.
pub async fn answer(
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
            regions.unregister(name, Kind::System);
            Ok(empty(StatusCode::OK))
        }
        (RegionKind::Cuda, RegionAction::Status) => Ok(json(&regions.cuda_regions(name)?)),
        (RegionKind::Cuda, RegionAction::Register) => {
            let (regions, region) = (regions.clone(), CudaRegion::parse(name, body)?);
            blocking(move || regions.register_cuda(&region)).await?;
            Ok(empty(StatusCode::OK))
        }
        (RegionKind::Cuda, RegionAction::Unregister) => {
            let (regions, name) = (regions.clone(), name.map(str::to_owned));
            blocking(move || regions.unregister(name.as_deref(), Kind::Cuda)).await;
            Ok(empty(StatusCode::OK))
        }
    }
}
