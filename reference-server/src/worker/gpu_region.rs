//! Memory that a client has allocated on a GPU and shares with this process.

use std::sync::Arc;

use cudarc::driver::result::stream::{self, StreamKind};
use cudarc::driver::{DriverError, result, sys};

use super::backend::{ExecutionError, GpuMemory};
use super::gpu;
use super::primary_context::{PrimaryContext, text};
use crate::ipc::client_memory::{CudaHandle, CudaMemory};

/// An allocation of a client, opened.
pub(super) struct GpuRegion {
    context: PrimaryContext,
    /// For copies, which no other work on the GPU waits for.
    stream: sys::CUstream,
    address: sys::CUdeviceptr,
    device: u32,
}

// SAFETY: the driver takes streams and addresses from any thread.
unsafe impl Send for GpuRegion {}
// SAFETY: as above; the driver orders what several threads put on one stream.
unsafe impl Sync for GpuRegion {}

impl std::fmt::Debug for GpuRegion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x} of GPU {}", self.address, self.device)
    }
}

/// Why memory of a GPU cannot be used as a region; the end of a sentence about the region.
#[derive(Debug, thiserror::Error)]
pub enum GpuRegionError {
    /// There is no driver, or no GPU.
    #[error("{0}")]
    NoGpu(String),
    /// There is no GPU of that number.
    #[error("it is to be on GPU {0}, and the driver has {1}, counted from 0")]
    NoSuchGpu(u32, u32),
    /// The driver does not let the GPU be used.
    #[error("GPU {device} cannot be used: {reason}")]
    Unusable {
        /// Its number.
        device: u32,
        /// The driver's words.
        reason: String,
    },
    /// The driver does not open the handle.
    #[error(
        "the CUDA handle cannot be opened on GPU {device}: {reason}; it must come from \
         cudaIpcGetMemHandle in another process of this machine, for memory of this GPU that is still \
         allocated"
    )]
    Handle {
        /// The GPU's number.
        device: u32,
        /// The driver's words.
        reason: String,
    },
    /// The allocation ends before the region does.
    #[error(
        "invalid args: {wanted} bytes are not in the allocation of the CUDA handle, which has {has}"
    )]
    TooLong {
        /// Bytes of the region.
        wanted: u64,
        /// Bytes of the allocation.
        has: u64,
    },
}

impl GpuRegion {
    /// Opens the first `bytes` bytes of `memory`.
    ///
    /// # Errors
    /// See [`GpuRegionError`].
    pub(super) fn open(memory: &CudaMemory, bytes: u64) -> Result<Self, GpuRegionError> {
        let CudaMemory { handle, device } = *memory;
        let count = gpu::present().map_err(|obstacle| GpuRegionError::NoGpu(obstacle.fault))?;
        if device >= count {
            return Err(GpuRegionError::NoSuchGpu(device, count));
        }
        let unusable = |error: DriverError| GpuRegionError::Unusable {
            device,
            reason: text(&error),
        };
        let context = PrimaryContext::of_gpu(device).map_err(unusable)?;
        let address =
            context
                .within(|| open_handle(&handle))
                .map_err(|error| GpuRegionError::Handle {
                    device,
                    reason: text(&error),
                })?;
        let mut region = Self {
            context,
            stream: stream::null(),
            address,
            device,
        };
        let (stream, end) = region
            .context
            .within(|| {
                let end = end_of_allocation(address)?;
                Ok((stream::create(StreamKind::NonBlocking)?, end))
            })
            .map_err(unusable)?;
        region.stream = stream;
        let has = end.saturating_sub(address);
        if bytes > has {
            return Err(GpuRegionError::TooLong { wanted: bytes, has });
        }
        Ok(region)
    }

    /// The GPU's number.
    pub(super) fn device(&self) -> u32 {
        self.device
    }

    fn copy(
        &self,
        what: &str,
        copy: impl FnOnce(sys::CUstream) -> Result<(), DriverError>,
    ) -> Result<(), ExecutionError> {
        let copied = self.context.within(|| {
            let copied = copy(self.stream);
            // Also after a failure: nothing may be under way when the memory is let go of.
            // SAFETY: the stream is this value's own.
            let finished = unsafe { stream::synchronize(self.stream) };
            copied.and(finished)
        });
        copied.map_err(|error| {
            ExecutionError(format!(
                "{what} the CUDA shared memory region failed: {}",
                text(&error)
            ))
        })
    }
}

impl Drop for GpuRegion {
    fn drop(&mut self) {
        let (stream, address) = (self.stream, self.address);
        // A failure means that the GPU is lost to this process, and the memory with it.
        let _ = self.context.within(|| {
            // SAFETY: both are this value's own, and nothing that uses them is under way.
            unsafe {
                if stream != stream::null() {
                    stream::destroy(stream)?;
                }
                sys::cuIpcCloseMemHandle(address).result()
            }
        });
    }
}

/// Where the memory of another process is in the current context.
fn open_handle(handle: &CudaHandle) -> Result<sys::CUdeviceptr, DriverError> {
    let handle = sys::CUipcMemHandle {
        reserved: handle.map(|byte| byte as std::ffi::c_char),
    };
    let flags = sys::CUipcMem_flags::CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS as u32;
    let mut address = 0;
    // SAFETY: the out-parameter is live; the driver checks the handle.
    unsafe { sys::cuIpcOpenMemHandle_v2(&raw mut address, handle, flags).result()? };
    Ok(address)
}

/// The address behind the allocation that `address` lies in.
fn end_of_allocation(address: sys::CUdeviceptr) -> Result<sys::CUdeviceptr, DriverError> {
    let (mut base, mut length) = (0, 0);
    // SAFETY: the out-parameters are live; the driver checks the address.
    unsafe { sys::cuMemGetAddressRange_v2(&raw mut base, &raw mut length, address).result()? };
    Ok(base.saturating_add(length as u64))
}

/// A tensor's place in such memory. The client may change what is there at any time.
#[derive(Clone, Debug)]
pub struct GpuPart {
    region: Arc<GpuRegion>,
    offset: u64,
    length: usize,
}

impl GpuPart {
    /// `length` bytes at `offset`, which lie in the region.
    pub(super) fn new(region: Arc<GpuRegion>, offset: u64, length: usize) -> Self {
        Self {
            region,
            offset,
            length,
        }
    }

    /// Where it is on the GPU.
    pub fn memory(&self) -> GpuMemory {
        GpuMemory {
            device: self.region.device(),
            address: self.region.address + self.offset,
            bytes: self.length,
        }
    }

    /// How long it is, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Copies what is there, as far as it fits.
    ///
    /// # Errors
    /// The driver's words.
    pub fn copy_to(&self, target: &mut [u8]) -> Result<(), ExecutionError> {
        let length = self.length.min(target.len());
        let target = &mut target[..length];
        let address = self.memory().address;
        self.region.copy("reading from", |stream| {
            // SAFETY: the part is open and that long; the copy is waited for.
            unsafe { result::memcpy_dtoh_async(target, address, stream) }
        })
    }

    /// Copies `source` there, as far as it fits.
    ///
    /// # Errors
    /// The driver's words.
    pub fn copy_from(&self, source: &[u8]) -> Result<(), ExecutionError> {
        let source = &source[..self.length.min(source.len())];
        let address = self.memory().address;
        self.region.copy("writing to", |stream| {
            // SAFETY: as for `copy_to`.
            unsafe { result::memcpy_htod_async(address, source, stream) }
        })
    }
}
