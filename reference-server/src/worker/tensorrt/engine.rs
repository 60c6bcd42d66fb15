//! A plan that TensorRT has read, and its execution contexts.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::Arc;

use super::bridge::{self, MOST_DIMS, RawContext, RawEngine, RawTensor};
use super::runtime::Runtime;

/// A deserialized plan.
pub(super) struct Engine {
    raw: *mut RawEngine,
    runtime: Arc<Runtime>,
}

// SAFETY: TensorRT's engines may be used from any thread.
unsafe impl Send for Engine {}
// SAFETY: as above; execution contexts, which may not, have one owner.
unsafe impl Sync for Engine {}

impl Engine {
    /// Reads the plan. The GPU is bound to this thread.
    ///
    /// # Errors
    /// TensorRT's messages.
    pub(super) fn new(runtime: &Arc<Runtime>, plan: &[u8]) -> Result<Self, String> {
        let mut raw = ptr::null_mut();
        // SAFETY: the plan is live during the call, in which it is copied.
        unsafe {
            bridge::check(|| {
                (runtime.bridge.deserialize)(
                    runtime.pointer(),
                    plan.as_ptr().cast(),
                    plan.len(),
                    &raw mut raw,
                )
            })?;
        }
        Ok(Self {
            raw,
            runtime: runtime.clone(),
        })
    }

    /// Its inputs and outputs, in the plan's order. The names live as long as the engine.
    pub(super) fn tensors(&self) -> Result<Vec<RawTensor>, String> {
        // SAFETY: the engine is live.
        let count = unsafe { (self.runtime.bridge.tensor_count)(self.raw) };
        (0..count)
            .map(|index| {
                let mut tensor = RawTensor {
                    name: ptr::null(),
                    data_type: 0,
                    is_input: 0,
                    on_host: 0,
                    is_linear: 0,
                    rank: 0,
                    dims: [0; MOST_DIMS],
                    smallest: [0; MOST_DIMS],
                    largest: [0; MOST_DIMS],
                };
                // SAFETY: the engine is live, the index within its number.
                unsafe {
                    bridge::check(|| {
                        (self.runtime.bridge.tensor)(self.raw, index, &raw mut tensor)
                    })?;
                }
                Ok(tensor)
            })
            .collect()
    }

    /// A context, for one execution at a time.
    ///
    /// # Errors
    /// TensorRT's messages.
    pub(super) fn context(self: &Arc<Self>) -> Result<Context, String> {
        let mut raw = ptr::null_mut();
        // SAFETY: the engine is live and outlives the context, which holds it.
        unsafe {
            bridge::check(|| (self.runtime.bridge.create_context)(self.raw, &raw mut raw))?;
        }
        Ok(Context {
            raw,
            engine: self.clone(),
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: the engine is ours, and no context is left: they hold it.
        unsafe { (self.runtime.bridge.destroy_engine)(self.raw) };
    }
}

/// An execution context.
pub(super) struct Context {
    raw: *mut RawContext,
    engine: Arc<Engine>,
}

// SAFETY: a context may be used from any thread, by one at a time; it has one owner.
unsafe impl Send for Context {}

impl Context {
    /// Sets the shape of an input.
    pub(super) fn set_input_shape(&mut self, name: &CStr, dims: &[i64]) -> Result<(), String> {
        let rank = i32::try_from(dims.len()).map_err(|error| error.to_string())?;
        // SAFETY: the context is live; name and dimensions are as long as told.
        self.call(|raw, engine| unsafe {
            (engine.runtime.bridge.set_input_shape)(raw, name.as_ptr(), rank, dims.as_ptr())
        })
    }

    /// The shape of an output, after those of all inputs were set; -1 where data decides.
    pub(super) fn shape<'a>(
        &mut self,
        name: &CStr,
        dims: &'a mut [i64; MOST_DIMS],
    ) -> Result<&'a [i64], String> {
        let mut rank = 0;
        // SAFETY: the context is live; the bridge writes at most as many dimensions as there are.
        self.call(|raw, engine| unsafe {
            (engine.runtime.bridge.shape)(raw, name.as_ptr(), &raw mut rank, dims.as_mut_ptr())
        })?;
        Ok(&dims[..usize::try_from(rank).unwrap_or(0).min(MOST_DIMS)])
    }

    /// Sets where a tensor is on the GPU.
    ///
    /// # Safety
    /// The memory is large enough for the tensor, and live until the execution is done.
    pub(super) unsafe fn set_address(
        &mut self,
        name: &CStr,
        address: *mut c_void,
    ) -> Result<(), String> {
        // SAFETY: the caller's promise.
        self.call(|raw, engine| unsafe {
            (engine.runtime.bridge.set_address)(raw, name.as_ptr(), address)
        })
    }

    /// Puts an execution on the stream.
    ///
    /// # Safety
    /// All addresses are set, and `stream` is a live stream of the bound GPU.
    pub(super) unsafe fn enqueue(&mut self, stream: *mut c_void) -> Result<(), String> {
        // SAFETY: the caller's promise.
        self.call(|raw, engine| unsafe { (engine.runtime.bridge.enqueue)(raw, stream) })
    }

    fn call(
        &mut self,
        function: impl FnOnce(*mut RawContext, &Engine) -> bridge::Failure,
    ) -> Result<(), String> {
        // SAFETY: each caller calls one function of the bridge.
        unsafe { bridge::check(|| function(self.raw, &self.engine)) }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is ours, and no execution is under way: they are waited for.
        unsafe { (self.engine.runtime.bridge.destroy_context)(self.raw) };
    }
}
