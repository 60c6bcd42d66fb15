//! Memory of a GPU that another process can open, by CUDA's driver, which is looked for when it is needed.

use std::ffi::c_char;
use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaStream, DriverError, result, sys};

/// The GPU that it is on, counted from 0.
pub const DEVICE: u32 = 0;

/// See the module.
#[derive(Debug)]
pub struct GpuMemory {
    stream: Arc<CudaStream>,
    address: sys::CUdeviceptr,
    handle: Vec<u8>,
}

/// Why there is no such memory.
#[derive(Debug, thiserror::Error)]
pub enum GpuMemoryError {
    /// There is no driver.
    #[error(
        "CUDA shared memory needs a GPU, and NVIDIA's driver (libcuda.so.1) is not installed; run \
         without --shared-memory cuda, or where there is a GPU"
    )]
    NoDriver,
    /// The driver refuses.
    #[error("failed to {what} memory of GPU {DEVICE} ({byte_size} bytes): {reason}")]
    Driver {
        /// What was to be done with it.
        what: &'static str,
        /// Its size.
        byte_size: u64,
        /// The driver's words.
        reason: String,
    },
}

impl GpuMemory {
    /// So many bytes of [`DEVICE`].
    ///
    /// # Errors
    /// [`GpuMemoryError`].
    pub fn new(byte_size: u64) -> Result<Self, GpuMemoryError> {
        // SAFETY: tries to map the driver's library, whose initializers are its own.
        if !unsafe { sys::is_culib_present() } {
            return Err(GpuMemoryError::NoDriver);
        }
        let failed = |error| refused("share", byte_size, &error);
        let context = CudaContext::new(DEVICE as usize).map_err(failed)?;
        let stream = context.new_stream().map_err(failed)?;
        let length = usize::try_from(byte_size).unwrap_or(usize::MAX);
        // SAFETY: the context is current since it was made; `drop` frees the memory.
        let address = unsafe { result::malloc_sync(length) }.map_err(failed)?;
        let mut memory = Self {
            stream,
            address,
            handle: Vec::new(),
        };
        let mut handle = sys::CUipcMemHandle { reserved: [0; 64] };
        // SAFETY: the out-parameter is live, and the address is that of an allocation.
        let shared = unsafe { sys::cuIpcGetMemHandle(&raw mut handle, address).result() };
        shared.map_err(failed)?;
        memory.handle = handle.reserved.map(|byte: c_char| byte as u8).to_vec();
        Ok(memory)
    }

    /// What another process opens it with: a `cudaIpcMemHandle_t`.
    pub fn handle(&self) -> &[u8] {
        &self.handle
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    /// The driver's.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<(), GpuMemoryError> {
        let written = self.within(|stream| {
            // SAFETY: the driver refuses what does not lie in the allocation; the copy is waited for.
            unsafe { result::memcpy_htod_async(self.address + offset, bytes, stream) }
        });
        written.map_err(|error| refused("write to", bytes.len() as u64, &error))
    }

    /// Copies what is at `offset` to `bytes`.
    ///
    /// # Errors
    /// The driver's.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), GpuMemoryError> {
        let byte_size = bytes.len() as u64;
        let read = self.within(|stream| {
            // SAFETY: as for `write`.
            unsafe { result::memcpy_dtoh_async(bytes, self.address + offset, stream) }
        });
        read.map_err(|error| refused("read", byte_size, &error))
    }

    /// Whichever thread asks: makes the GPU the one that its calls mean, and waits for the copy.
    fn within(
        &self,
        copy: impl FnOnce(sys::CUstream) -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        self.stream.context().bind_to_thread()?;
        let copied = copy(self.stream.cu_stream());
        let finished = self.stream.synchronize();
        copied.and(finished)
    }
}

impl Drop for GpuMemory {
    fn drop(&mut self) {
        if self.stream.context().bind_to_thread().is_ok() {
            // A failure means that the GPU is lost to this process, and the memory with it.
            // SAFETY: the memory is ours, and no copy is under way.
            let _ = unsafe { result::free_sync(self.address) };
        }
    }
}

#[cold]
fn refused(what: &'static str, byte_size: u64, error: &DriverError) -> GpuMemoryError {
    let words = error.error_string().map(|text| text.to_string_lossy());
    GpuMemoryError::Driver {
        what,
        byte_size,
        reason: words.map_or_else(|_| format!("{error:?}"), |text| text.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_or_there_is_no_gpu() {
        match GpuMemory::new(16) {
            Ok(memory) => {
                memory.write(&[1, 2], 14).unwrap();
                let mut found = [0; 2];
                memory.read(&mut found, 14).unwrap();
                assert_eq!((found, memory.handle().len()), ([1, 2], 64));
            }
            Err(error) => assert!(error.to_string().contains("GPU"), "{error}"),
        }
    }
}
