//! Whether the machine has a GPU that PyTorch could use.

use std::ffi::{c_int, c_uint};

use libloading::os::unix::{Library, RTLD_LAZY, RTLD_LOCAL};

/// Whether the CUDA driver is installed and finds a device.
pub(super) fn is_present() -> bool {
    // SAFETY: the driver's initializers do not touch anything of ours.
    let driver = unsafe { Library::open(Some("libcuda.so.1"), RTLD_LAZY | RTLD_LOCAL) };
    let Ok(driver) = driver else { return false };
    // SAFETY: the driver API declares `CUresult cuInit(unsigned int)`, and a result of 0 is
    // success.
    let initialized = unsafe {
        driver
            .get::<unsafe extern "C" fn(c_uint) -> c_int>(c"cuInit")
            .is_ok_and(|initialize| initialize(0) == 0)
    };
    // The driver starts threads: it stays.
    std::mem::forget(driver);
    initialized
}
