//! The context that the frameworks of a process share on one GPU (CUDA's "primary context").

use std::ptr;

use cudarc::driver::{DriverError, result, sys};

/// See the module. Kept as long as this value.
pub(super) struct PrimaryContext {
    device: sys::CUdevice,
    context: sys::CUcontext,
}

// SAFETY: a context may be made current on any thread; the pointer is only handed to the driver.
unsafe impl Send for PrimaryContext {}

impl PrimaryContext {
    /// That of the first GPU whose context somebody uses already.
    pub(super) fn of_first_used_gpu() -> Option<Self> {
        // An error where nobody has initialised the driver.
        let count = result::device::get_count().ok()?;
        (0..count).find_map(|number| {
            let device = result::device::get(number).ok()?;
            let (mut flags, mut active) = (0, 0);
            // SAFETY: the out-parameters are live, and the device is one of the driver's.
            let state =
                unsafe { sys::cuDevicePrimaryCtxGetState(device, &raw mut flags, &raw mut active) };
            if state != sys::CUresult::CUDA_SUCCESS || active == 0 {
                return None;
            }
            Self::retained(device).ok()
        })
    }

    /// That of the GPU of this number, which is created where nobody uses it yet.
    ///
    /// # Errors
    /// There is no such GPU, or it cannot be used.
    pub(super) fn of_gpu(number: u32) -> Result<Self, DriverError> {
        result::init()?;
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        Self::retained(result::device::get(number)?)
    }

    fn retained(device: sys::CUdevice) -> Result<Self, DriverError> {
        // SAFETY: the device is one of the driver's; `drop` releases the context.
        let context = unsafe { result::primary_ctx::retain(device) }?;
        Ok(Self { device, context })
    }

    /// Makes `call` with this context current, and then what was current before.
    pub(super) fn within<T>(
        &self,
        call: impl FnOnce() -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        let mut popped = ptr::null_mut();
        // SAFETY: the context is retained.
        unsafe { sys::cuCtxPushCurrent_v2(self.context).result()? };
        let outcome = call();
        // A failure must not hide that the call succeeded.
        // SAFETY: the out-parameter is live; what is popped is what was pushed.
        let _ = unsafe { sys::cuCtxPopCurrent_v2(&raw mut popped) };
        outcome
    }
}

impl Drop for PrimaryContext {
    fn drop(&mut self) {
        // SAFETY: it was retained once. A failure means that the GPU is lost, and the context with it.
        unsafe { result::primary_ctx::release(self.device).ok() };
    }
}

/// The driver's words for an error.
pub(super) fn text(error: &DriverError) -> String {
    let words = error.error_string().map(|text| text.to_string_lossy());
    words.map_or_else(|_| format!("{error:?}"), |text| text.into_owned())
}
