//! Whether the machine has a GPU that PyTorch could use.

use cudarc::driver::{result, sys};

/// Whether the CUDA driver is installed and finds a device.
pub(super) fn is_present() -> bool {
    // SAFETY: tries to map the driver's library, whose initializers are its own.
    let is_installed = unsafe { sys::is_culib_present() };
    is_installed
        && result::init().is_ok()
        && result::device::get_count().is_ok_and(|count| count > 0)
}
