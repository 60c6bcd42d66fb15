//! Registered shared-memory regions, as messages.

use proto::inference::system_shared_memory_status_response::RegionStatus;
use proto::inference::{SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusResponse};

use crate::front::service::Service;
use crate::protocol::RequestError;
use crate::protocol::shared_memory::{SystemRegion, required_name};

/// The name of a region in a message, where an empty one stands for all.
pub fn named(name: &str) -> Option<&str> {
    (!name.is_empty()).then_some(name)
}

/// All regions of system shared memory, or the one of that name.
///
/// # Errors
/// There is none of that name.
pub fn system_status(
    service: &Service,
    name: &str,
) -> Result<SystemSharedMemoryStatusResponse, RequestError> {
    let regions = service.shared_memory.system_regions(named(name))?;
    let regions = regions.into_iter().map(|region| {
        let status = RegionStatus {
            name: region.name.clone(),
            key: region.key,
            offset: region.offset,
            byte_size: region.byte_size,
        };
        (region.name, status)
    });
    Ok(SystemSharedMemoryStatusResponse {
        regions: regions.collect(),
    })
}

/// Registers a region.
///
/// # Errors
/// It cannot be registered.
pub fn register_system(
    service: &Service,
    request: SystemSharedMemoryRegisterRequest,
) -> Result<(), RequestError> {
    required_name(named(&request.name))?;
    service.shared_memory.register_system(&SystemRegion {
        name: request.name,
        key: request.key,
        offset: request.offset,
        byte_size: request.byte_size,
    })
}
