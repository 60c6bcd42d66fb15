//! Registered shared-memory regions, as messages.

use proto::inference::{
    CudaSharedMemoryRegisterRequest, CudaSharedMemoryStatusResponse,
    SystemSharedMemoryRegisterRequest, SystemSharedMemoryStatusResponse,
    cuda_shared_memory_status_response, system_shared_memory_status_response,
};

use crate::front::blocking::blocking;
use crate::front::service::Service;
use crate::front::shared_memory::registry::Kind;
use crate::protocol::RequestError;
use crate::protocol::shared_memory::{CudaRegion, SystemRegion, required_name};

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
        let status = system_shared_memory_status_response::RegionStatus {
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

/// All regions of CUDA memory, or the one of that name.
///
/// # Errors
/// There is none of that name.
pub fn cuda_status(
    service: &Service,
    name: &str,
) -> Result<CudaSharedMemoryStatusResponse, RequestError> {
    let regions = service.shared_memory.cuda_regions(named(name))?;
    let regions = regions.into_iter().map(|region| {
        let status = cuda_shared_memory_status_response::RegionStatus {
            name: region.name.clone(),
            device_id: region.device_id.into(),
            byte_size: region.byte_size,
        };
        (region.name, status)
    });
    Ok(CudaSharedMemoryStatusResponse {
        regions: regions.collect(),
    })
}

/// Registers a region of CUDA memory.
///
/// # Errors
/// It cannot be registered.
pub async fn register_cuda(
    service: &Service,
    request: &CudaSharedMemoryRegisterRequest,
) -> Result<(), RequestError> {
    let region = CudaRegion::new(
        &request.name,
        &request.raw_handle,
        request.device_id,
        request.byte_size,
    )?;
    let regions = service.shared_memory.clone();
    blocking(move || regions.register_cuda(&region)).await
}

/// Lets go of all regions of CUDA memory, or of the one of that name.
pub async fn unregister_cuda(service: &Service, name: String) {
    let regions = service.shared_memory.clone();
    blocking(move || regions.unregister(named(&name), Kind::Cuda)).await;
}
