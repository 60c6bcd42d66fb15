//! One session of ONNX Runtime: a model, prepared for execution.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use ort::sys::{OrtCUDAProviderOptionsV2, OrtSession, OrtSessionOptions};

use super::runtime::Runtime;
use super::status::{Failure, check};
use super::threads::Threads;

/// Options of a session before it is created.
pub(super) struct Options {
    pointer: NonNull<OrtSessionOptions>,
    runtime: Arc<Runtime>,
}

impl Options {
    /// Options with ONNX Runtime's defaults and the given threads.
    pub(super) fn new(runtime: &Arc<Runtime>, threads: Threads) -> Result<Self, Failure> {
        let api = runtime.api;
        let mut pointer: *mut OrtSessionOptions = ptr::null_mut();
        // SAFETY: the out-parameter is live.
        unsafe { check((api.CreateSessionOptions)(&raw mut pointer))? };
        let options = Self {
            pointer: NonNull::new(pointer).ok_or_else(Failure::missing)?,
            runtime: runtime.clone(),
        };
        match threads {
            // SAFETY: the options are live; the environment has the pools that are used instead.
            Threads::Shared => unsafe { check((api.DisablePerSessionThreads)(pointer))? },
            Threads::Own { intra_op, inter_op } => {
                // SAFETY: the options are live; 0 is ONNX Runtime's own "default".
                unsafe {
                    check((api.SetIntraOpNumThreads)(pointer, intra_op))?;
                    check((api.SetInterOpNumThreads)(pointer, inter_op))?;
                }
                for key in [
                    c"session.intra_op.allow_spinning",
                    c"session.inter_op.allow_spinning",
                ] {
                    // SAFETY: the options are live, key and value are C strings.
                    unsafe {
                        check((api.AddSessionConfigEntry)(
                            pointer,
                            key.as_ptr(),
                            c"0".as_ptr(),
                        ))?;
                    }
                }
            }
        }
        Ok(options)
    }

    /// Gives the session the GPU of that number, counted from 0: nodes with a kernel for it execute
    /// there, the others on the CPU.
    pub(super) fn on_gpu(&self, number: u32) -> Result<(), Failure> {
        let api = self.runtime.api;
        let number = CString::new(number.to_string()).expect("digits");
        let keys = [c"device_id".as_ptr()];
        let values = [number.as_ptr()];
        let mut provider: *mut OrtCUDAProviderOptionsV2 = ptr::null_mut();
        // SAFETY: the out-parameter is live; keys and values are as many C strings as is said, and
        // the provider's options are released once, after the session's have copied them.
        unsafe {
            check((api.CreateCUDAProviderOptions)(&raw mut provider))?;
            let updated = check((api.UpdateCUDAProviderOptions)(
                provider,
                keys.as_ptr(),
                values.as_ptr(),
                keys.len(),
            ));
            let appended = updated.and_then(|()| {
                check((api.SessionOptionsAppendExecutionProvider_CUDA_V2)(
                    self.pointer(),
                    provider,
                ))
            });
            (api.ReleaseCUDAProviderOptions)(provider);
            appended
        }
    }

    /// The handle that op libraries register with.
    pub(super) fn pointer(&self) -> *mut OrtSessionOptions {
        self.pointer.as_ptr()
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the options are ours and live; sessions have copies.
        unsafe { (self.runtime.api.ReleaseSessionOptions)(self.pointer.as_ptr()) };
    }
}

/// A session. Executions are to be one at a time, since kernels may keep state.
pub(super) struct Session {
    pointer: NonNull<OrtSession>,
    runtime: Arc<Runtime>,
}

// SAFETY: ONNX Runtime allows the use of a session from any thread, and its release from another
// one than created it.
unsafe impl Send for Session {}
// SAFETY: the calls that we make on a shared session only read, except for `Run`, which ONNX
// Runtime itself allows concurrently.
unsafe impl Sync for Session {}

impl Session {
    /// Reads `model` and prepares it.
    pub(super) fn create(
        runtime: &Arc<Runtime>,
        model: &Path,
        options: &Options,
    ) -> Result<Self, Failure> {
        let path = CString::new(model.as_os_str().as_bytes()).map_err(|_| Failure {
            code: ort::ErrorCode::InvalidArgument,
            message: "the path contains a NUL byte".to_owned(),
        })?;
        let mut pointer: *mut OrtSession = ptr::null_mut();
        // SAFETY: environment and options are live, the path is a C string.
        unsafe {
            check((runtime.api.CreateSession)(
                runtime.environment(),
                path.as_ptr(),
                options.pointer(),
                &raw mut pointer,
            ))?;
        }
        Ok(Self {
            pointer: NonNull::new(pointer).ok_or_else(Failure::missing)?,
            runtime: runtime.clone(),
        })
    }

    /// The session's handle.
    pub(super) fn pointer(&self) -> *mut OrtSession {
        self.pointer.as_ptr()
    }

    /// The runtime that the session belongs to.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the session is ours, and nobody else has it any more.
        unsafe { (self.runtime.api.ReleaseSession)(self.pointer.as_ptr()) };
    }
}
