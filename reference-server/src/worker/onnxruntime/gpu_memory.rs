//! What ONNX Runtime takes memory of a GPU to be.

use std::ptr::{self, NonNull};

use ort::sys::{OrtAllocatorType, OrtApi, OrtMemType, OrtMemoryInfo};

use super::runtime::Runtime;
use super::status::{Failure, check};

/// Describes memory of one GPU.
pub(super) struct GpuMemoryInfo {
    pointer: NonNull<OrtMemoryInfo>,
    api: &'static OrtApi,
}

// SAFETY: the description is not written to after it was made, and belongs to no thread.
unsafe impl Send for GpuMemoryInfo {}

impl GpuMemoryInfo {
    /// Memory of the GPU of that number, as its CUDA provider calls it.
    ///
    /// Source: onnxruntime/core/framework/allocator.h, `CUDA`.
    pub(super) fn new(runtime: &Runtime, number: u32) -> Result<Self, Failure> {
        let api = runtime.api;
        let mut pointer: *mut OrtMemoryInfo = ptr::null_mut();
        // SAFETY: the name is a C string, and the out-parameter is live.
        unsafe {
            check((api.CreateMemoryInfo)(
                c"Cuda".as_ptr(),
                OrtAllocatorType::OrtDeviceAllocator,
                i32::try_from(number).unwrap_or(i32::MAX),
                OrtMemType::OrtMemTypeDefault,
                &raw mut pointer,
            ))?;
        }
        Ok(Self {
            pointer: NonNull::new(pointer).ok_or_else(Failure::missing)?,
            api,
        })
    }

    /// The description's handle.
    pub(super) fn pointer(&self) -> *const OrtMemoryInfo {
        self.pointer.as_ptr()
    }
}

impl Drop for GpuMemoryInfo {
    fn drop(&mut self) {
        // SAFETY: the description is ours; values that were made with it have copies.
        unsafe { (self.api.ReleaseMemoryInfo)(self.pointer.as_ptr()) };
    }
}
