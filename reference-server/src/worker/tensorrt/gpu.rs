//! The GPU that plans run on, through CUDA's driver, which is looked for when it is needed.

use std::mem;
use std::sync::Arc;

use cudarc::driver::result;
use cudarc::driver::sys::{CUdeviceptr, CUresult};
use cudarc::driver::{CudaContext, CudaStream, DriverError};

/// Why a plan gets no GPU; the text is what was looked for, or what the driver says.
#[derive(Debug, thiserror::Error)]
pub(super) enum GpuError {
    /// There is none of that number.
    #[error("{0}")]
    Missing(String),
    /// It is there, and the driver does not let it be used.
    #[error("{0}")]
    Unusable(String),
}

/// One GPU of those that `CUDA_VISIBLE_DEVICES` leaves.
#[derive(Clone)]
pub(super) struct Gpu {
    context: Arc<CudaContext>,
    number: u32,
}

impl Gpu {
    /// Finds the GPU of that number, counted from 0.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub(super) fn find(number: u32) -> Result<Self, GpuError> {
        // SAFETY: tries to map the driver's library, whose initializers are its own.
        if !unsafe { cudarc::driver::sys::is_culib_present() } {
            return Err(GpuError::Missing(
                "the library of NVIDIA's driver, libcuda.so.1, is not installed".to_owned(),
            ));
        }
        let context = CudaContext::new(number as usize).map_err(|error| {
            let reason = format!(
                "NVIDIA's driver (libcuda.so.1) is installed and says of GPU {number}: {}",
                text(&error)
            );
            match error.0 {
                CUresult::CUDA_ERROR_NO_DEVICE | CUresult::CUDA_ERROR_INVALID_DEVICE => {
                    GpuError::Missing(reason)
                }
                _ => GpuError::Unusable(reason),
            }
        })?;
        Ok(Self { context, number })
    }

    /// Its number, counted from 0.
    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Makes the GPU the one that calls of this thread mean.
    pub(super) fn bind(&self) -> Result<(), String> {
        self.context
            .bind_to_thread()
            .map_err(|error| format!("the GPU cannot be used: {}", text(&error)))
    }

    /// Its compute capability, such as `9.0`, where the driver tells it.
    pub(super) fn compute_capability(&self) -> Option<String> {
        let (major, minor) = self.context.compute_capability().ok()?;
        Some(format!("{major}.{minor}"))
    }

    /// A stream of its own.
    pub(super) fn stream(&self) -> Result<Stream, String> {
        self.context
            .new_stream()
            .map(Stream)
            .map_err(|error| format!("no CUDA stream can be created: {}", text(&error)))
    }
}

/// A queue of the GPU.
pub(super) struct Stream(Arc<CudaStream>);

impl Stream {
    /// CUDA's handle.
    pub(super) fn pointer(&self) -> *mut std::ffi::c_void {
        self.0.cu_stream().cast()
    }

    /// Copies `from` to the beginning of `to`. `from` is unchanged until
    /// [`finish`](Self::finish) returns.
    pub(super) fn upload(&self, from: &[u8], to: &Memory) -> Result<(), String> {
        assert!(from.len() <= to.length, "the memory was made large enough");
        // SAFETY: the memory is live and as long as asserted; it is used on this stream alone.
        unsafe { result::memcpy_htod_async(to.address, from, self.0.cu_stream()) }
            .map_err(|error| format!("an input cannot be copied to the GPU: {}", text(&error)))
    }

    /// Copies the beginning of `from` to `to`, which is not looked at before
    /// [`finish`](Self::finish) returns.
    pub(super) fn download(&self, from: &Memory, to: &mut [u8]) -> Result<(), String> {
        assert!(to.len() <= from.length, "the memory was made large enough");
        // SAFETY: as for `upload`.
        unsafe { result::memcpy_dtoh_async(to, from.address, self.0.cu_stream()) }
            .map_err(|error| format!("an output cannot be copied from the GPU: {}", text(&error)))
    }

    /// Waits until everything on the stream is done.
    pub(super) fn finish(&self) -> Result<(), String> {
        self.0
            .synchronize()
            .map_err(|error| format!("the execution on the GPU failed: {}", text(&error)))
    }
}

/// Memory of the GPU.
pub(super) struct Memory {
    address: CUdeviceptr,
    length: usize,
}

impl Memory {
    /// None yet.
    pub(super) const fn empty() -> Self {
        Self {
            address: 0,
            length: 0,
        }
    }

    /// Makes it at least `length` bytes long, and one byte where that is zero: TensorRT takes no
    /// null address. What it held is lost if it grows. The GPU must be [bound](Gpu::bind).
    pub(super) fn reserve(&mut self, length: usize) -> Result<(), String> {
        let length = length.max(1);
        if length <= self.length {
            return Ok(());
        }
        self.release();
        // SAFETY: the memory is ours until it is released.
        self.address = unsafe { result::malloc_sync(length) }.map_err(|error| {
            format!(
                "{length} bytes of GPU memory cannot be had: {}",
                text(&error)
            )
        })?;
        self.length = length;
        Ok(())
    }

    /// Its address for TensorRT.
    pub(super) fn pointer(&self) -> *mut std::ffi::c_void {
        self.address as *mut _
    }

    fn release(&mut self) {
        let address = mem::take(&mut self.address);
        if mem::take(&mut self.length) > 0 {
            // SAFETY: the memory is ours and nothing on a stream uses it: executions are waited
            // for. A failure means that the GPU is lost, and the memory with it.
            let _ = unsafe { result::free_sync(address) };
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.release();
    }
}

/// The driver's words for an error.
fn text(error: &DriverError) -> String {
    let words = error.error_string().map(|text| text.to_string_lossy());
    words.map_or_else(|_| format!("{error:?}"), |text| format!("\"{text}\""))
}
