//! The GPUs of this machine, by NVIDIA's driver.

use std::ptr;

use cudarc::driver::{result, sys};

use super::gpus::Obstacle;

/// Whether NVIDIA's driver is installed; without it none of its functions can be called.
pub(super) fn is_installed() -> bool {
    // SAFETY: tries to map the driver's library, whose initializers are its own.
    unsafe { sys::is_culib_present() }
}

/// How many devices the CUDA driver has; at least one.
///
/// # Errors
/// The driver is not installed, or has none.
pub(crate) fn present() -> Result<u32, Obstacle> {
    if !is_installed() {
        return Err(Obstacle {
            fault: "NVIDIA's driver (libcuda.so.1) is not installed".to_owned(),
            remedy: "install the driver, on a machine with an NVIDIA GPU".to_owned(),
        });
    }
    let counted = result::init().and_then(|()| result::device::get_count());
    let fault = match counted.map(u32::try_from) {
        Ok(Ok(count)) if count > 0 => return Ok(count),
        Ok(_) => "NVIDIA's driver (libcuda.so.1) has no GPU for this process".to_owned(),
        Err(error) => {
            let text = error.error_string().ok();
            let text = text.map_or("unknown error".into(), |text| text.to_string_lossy());
            format!("NVIDIA's driver (libcuda.so.1) cannot be used: {text}")
        }
    };
    Err(Obstacle {
        fault,
        remedy: "see what nvidia-smi says, and whether CUDA_VISIBLE_DEVICES leaves a GPU"
            .to_owned(),
    })
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

/// As [`is_lost`], of all GPUs that this process has used, for a framework whose own threads execute.
pub(super) fn is_any_lost() -> bool {
    let Ok(count) = present() else {
        return false;
    };
    (0..count).any(|number| {
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        result::device::get(number).is_ok_and(is_primary_context_lost)
    })
}

/// Whether the driver takes no more work for the context that frameworks share on `device`. One that
/// nobody uses is left alone: it would be created.
fn is_primary_context_lost(device: sys::CUdevice) -> bool {
    let (mut flags, mut active) = (0, 0);
    let mut context = ptr::null_mut();
    // SAFETY: the out-parameters are live, and the device is one of the driver's. The context is kept
    // while it is current here, and what was current before is so again.
    unsafe {
        let state = sys::cuDevicePrimaryCtxGetState(device, &raw mut flags, &raw mut active);
        if state != sys::CUresult::CUDA_SUCCESS {
            return true;
        }
        if active == 0 {
            return false;
        }
        match sys::cuDevicePrimaryCtxRetain(&raw mut context, device) {
            sys::CUresult::CUDA_SUCCESS => {}
            // Its last user has let go of it meanwhile, and there is no memory for another one.
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => return false,
            _ => return true,
        }
        if sys::cuCtxPushCurrent_v2(context) != sys::CUresult::CUDA_SUCCESS {
            return true;
        }
        let lost = is_lost();
        sys::cuCtxPopCurrent_v2(&raw mut context);
        sys::cuDevicePrimaryCtxRelease_v2(device);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_where_nothing_was_executed_on_a_gpu() {
        assert!(!is_lost());
        assert!(!is_any_lost());
    }
}
