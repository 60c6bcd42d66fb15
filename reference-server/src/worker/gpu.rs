//! The GPUs that a framework in this process can use, by NVIDIA's driver.

use cudarc::driver::{result, sys};

/// Whether NVIDIA's driver is installed; without it none of its functions can be called.
fn is_installed() -> bool {
    // SAFETY: tries to map the driver's library, whose initializers are its own.
    unsafe { sys::is_culib_present() }
}

/// How many devices the CUDA driver has; none where it is not installed.
pub(crate) fn count() -> u32 {
    if !is_installed() || result::init().is_err() {
        return 0;
    }
    let count = result::device::get_count().unwrap_or(0);
    u32::try_from(count).unwrap_or(0)
}

/// Whether the driver takes no more work of this process: a kernel has read or written where it must
/// not, and everything that the process had on the GPU is lost.
///
/// Source: CUDA Driver API, `CUDA_ERROR_ILLEGAL_ADDRESS` and its like: "the process must be terminated
/// and relaunched".
pub(super) fn is_lost() -> bool {
    if !is_installed() {
        return false;
    }
    // SAFETY: takes nothing; the calling thread has executed, so that it has a context.
    let state = unsafe { sys::cuCtxSynchronize() };
    !matches!(
        state,
        sys::CUresult::CUDA_SUCCESS
            | sys::CUresult::CUDA_ERROR_INVALID_CONTEXT
            | sys::CUresult::CUDA_ERROR_NOT_INITIALIZED
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_where_nothing_was_executed_on_a_gpu() {
        assert!(!is_lost());
    }
}
