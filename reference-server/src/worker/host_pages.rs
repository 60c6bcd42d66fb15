//! Memory of this process that GPUs read and write themselves, through CUDA's driver.

use std::ptr::NonNull;

use cudarc::driver::sys;

use super::gpu;
use super::primary_context::{PrimaryContext, text};

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
