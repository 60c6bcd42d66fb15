//! Memory of this process that GPUs read and write themselves, through CUDA's driver.

use std::ptr::{self, NonNull};

use cudarc::driver::{DriverError, result, sys};

use super::gpu;

/// Pins memory for the GPUs of this process. It is a trait so that what is pinned when can be tested on
/// machines without a GPU.
pub(super) trait HostPages: Send {
    /// Pins `bytes` bytes of whole pages from `address` on.
    ///
    /// # Errors
    /// Why they are not pinned.
    fn pin(&mut self, address: NonNull<u8>, bytes: usize) -> Result<(), Refusal>;

    /// Undoes [`pin`](Self::pin); no transfer of these pages is under way. Returns whether they are
    /// not pinned any more for certain.
    fn unpin(&mut self, address: NonNull<u8>) -> bool;

    /// Lets go of what pinning took, once nothing is pinned any more.
    fn close(&mut self);
}

/// Why memory is not pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nothing in this process uses a GPU yet.
    NoContext,
    /// The machine has no driver.
    NoDriver,
    /// The driver's words.
    Driver(String),
}

/// CUDA's driver, which is not called before a framework has: nothing here makes a GPU ready that
/// nobody uses.
#[derive(Default)]
pub(super) struct DriverPages {
    context: Option<PrimaryContext>,
}

impl HostPages for DriverPages {
    fn pin(&mut self, address: NonNull<u8>, bytes: usize) -> Result<(), Refusal> {
        if self.context.is_none() {
            if !gpu::is_installed() {
                return Err(Refusal::NoDriver);
            }
            self.context = PrimaryContext::of_first_used_gpu();
        }
        let context = self.context.as_ref().ok_or(Refusal::NoContext)?;
        // Pinned for the contexts of all GPUs, not just this one's.
        let flags = sys::CU_MEMHOSTREGISTER_PORTABLE;
        context
            .within(|| {
                // SAFETY: the pages are mapped for as long as the region is, which is longer than they
                // are pinned.
                unsafe { sys::cuMemHostRegister_v2(address.as_ptr().cast(), bytes, flags).result() }
            })
            .map_err(|error| Refusal::Driver(text(&error)))
    }

    fn unpin(&mut self, address: NonNull<u8>) -> bool {
        self.context.as_ref().is_some_and(|context| {
            context
                .within(|| {
                    // SAFETY: the address is one that was pinned; the driver refuses any other.
                    unsafe { sys::cuMemHostUnregister(address.as_ptr().cast()).result() }
                })
                .is_ok()
        })
    }

    fn close(&mut self) {
        self.context = None;
    }
}

/// The context that the frameworks of this process share on one GPU, kept while memory is pinned in it.
struct PrimaryContext {
    device: sys::CUdevice,
    context: sys::CUcontext,
}

// SAFETY: a context may be made current on any thread; the pointer is only handed to the driver.
unsafe impl Send for PrimaryContext {}

impl PrimaryContext {
    /// That of the first GPU whose context somebody uses already.
    fn of_first_used_gpu() -> Option<Self> {
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
            // SAFETY: as above; `drop` releases it.
            let context = unsafe { result::primary_ctx::retain(device) }.ok()?;
            Some(Self { device, context })
        })
    }

    /// Makes `call` with this context current, and then what was current before.
    fn within<T>(&self, call: impl FnOnce() -> Result<T, DriverError>) -> Result<T, DriverError> {
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
fn text(error: &DriverError) -> String {
    let words = error.error_string().map(|text| text.to_string_lossy());
    words.map_or_else(|_| format!("{error:?}"), |text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_pinned_where_nobody_uses_a_gpu() {
        let mut memory = [0_u8; 4096];
        let address = NonNull::from(&mut memory).cast();
        let mut pages = DriverPages::default();
        let expected = if gpu::is_installed() {
            Refusal::NoContext
        } else {
            Refusal::NoDriver
        };
        assert_eq!(pages.pin(address, memory.len()), Err(expected));
        assert!(!pages.unpin(address));
        pages.close();
    }
}
