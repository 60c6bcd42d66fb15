//! A TorchScript module, and its executions.

use std::ffi::c_void;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::bridge::{
    AS_SAVED, Bridge, ExecutionOptions, Failure, Input, ON_CPU, Output, RawExecution, RawModule,
    TAKES_STRINGS, TAKES_TENSOR, Text,
};
use crate::configuration::Device;
use crate::worker::backend::GpuMemory;

/// What an argument of `forward` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// A tensor, also where it is optional.
    Tensor,
    /// A list of strings.
    Strings,
    /// Something that no request carries.
    Other,
}

/// An argument of a module's `forward`, without `self`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) name: String,
    /// The type as TorchScript writes it.
    pub(super) type_name: String,
    pub(super) takes: Takes,
    pub(super) has_default: bool,
}

/// A module, prepared for inference.
pub(super) struct Module {
    pointer: NonNull<RawModule>,
    bridge: Arc<Bridge>,
}

// SAFETY: the bridge allows the use of a module from any thread.
unsafe impl Send for Module {}
// SAFETY: as above; the calls on a shared module only read.
unsafe impl Sync for Module {}

impl Module {
    /// Reads the TorchScript file at `path` for a device that is there.
    pub(super) fn load(bridge: &Arc<Bridge>, path: &Path, device: Device) -> Result<Self, Failure> {
        let mut pointer = ptr::null_mut();
        let device = match device {
            Device::Cpu | Device::Auto => ON_CPU,
            Device::OfModel => AS_SAVED,
            Device::Gpu(number) => i32::try_from(number)
                .map_err(|_| Failure(format!("there is no GPU of the number {number}")))?,
        };
        // SAFETY: the path is live during the call, and so is the out-parameter.
        unsafe {
            bridge.check((bridge.functions().module_load)(
                Text::of(path.as_os_str().as_bytes()),
                device,
                &raw mut pointer,
            ))?;
        }
        Ok(Self {
            pointer: NonNull::new(pointer).ok_or_else(missing)?,
            bridge: bridge.clone(),
        })
    }

    /// The arguments of `forward`, in their order.
    pub(super) fn arguments(&self) -> Vec<Argument> {
        let functions = self.bridge.functions();
        // SAFETY: the module is live, and each number is below the count; the texts live as long
        // as the module and are copied.
        unsafe {
            (0..(functions.module_argument_count)(self.pointer.as_ptr()))
                .map(|number| {
                    let argument = (functions.module_argument)(self.pointer.as_ptr(), number);
                    Argument {
                        name: argument.name.to_string(),
                        type_name: argument.type_name.to_string(),
                        takes: match argument.takes {
                            TAKES_TENSOR => Takes::Tensor,
                            TAKES_STRINGS => Takes::Strings,
                            _ => Takes::Other,
                        },
                        has_default: argument.has_default != 0,
                    }
                })
                .collect()
        }
    }

    /// Prepares executions, one at a time.
    pub(super) fn execution(
        self: &Arc<Self>,
        options: ExecutionOptions,
    ) -> Result<Execution, Failure> {
        let mut pointer = ptr::null_mut();
        // SAFETY: the module is live, and so is the out-parameter.
        unsafe {
            self.bridge
                .check((self.bridge.functions().execution_create)(
                    self.pointer.as_ptr(),
                    options,
                    &raw mut pointer,
                ))?;
        }
        Ok(Execution {
            pointer: NonNull::new(pointer).ok_or_else(missing)?,
            module: self.clone(),
        })
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: the module is ours, and nobody else has it any more.
        unsafe { (self.bridge.functions().module_release)(self.pointer.as_ptr()) };
    }
}

/// What one thread needs to execute a module.
pub(super) struct Execution {
    pointer: NonNull<RawExecution>,
    module: Arc<Module>,
}

// SAFETY: the bridge allows the use of an execution from one thread at a time, whichever it is.
unsafe impl Send for Execution {}

impl Execution {
    /// Executes `forward` and returns the number of outputs, which stay until [`clear`](Self::clear).
    ///
    /// # Safety
    /// Dimensions and data of the inputs are as long as they say, and live and unchanged until
    /// [`clear`](Self::clear), which is called after every run, failed ones included.
    pub(super) unsafe fn run(&mut self, inputs: &[Input]) -> Result<usize, Failure> {
        let bridge = &self.module.bridge;
        let mut count = 0;
        // SAFETY: the execution is ours; the inputs are the caller's promise.
        unsafe {
            bridge.check((bridge.functions().execution_run)(
                self.pointer.as_ptr(),
                inputs.as_ptr(),
                inputs.len(),
                &raw mut count,
            ))?;
        }
        Ok(count)
    }

    /// An output of the last run, which is below the number that it returned.
    pub(super) fn output(&self, number: usize) -> Result<ModuleOutput<'_>, Failure> {
        let bridge = &self.module.bridge;
        let mut output = Output {
            element_type: 0,
            rank: 0,
            dims: ptr::null(),
            bytes: 0,
        };
        // SAFETY: the execution is ours; the bridge checks the number.
        unsafe {
            bridge.check((bridge.functions().execution_output)(
                self.pointer.as_ptr(),
                number,
                &raw mut output,
            ))?;
        }
        let dims = if output.rank == 0 {
            &[]
        } else {
            // SAFETY: the bridge keeps the dimensions until the outputs are cleared or the module
            // runs again, both of which need `&mut self`.
            unsafe { std::slice::from_raw_parts(output.dims, output.rank) }
        };
        Ok(ModuleOutput {
            element_type: output.element_type,
            dims,
            bytes: output.bytes,
        })
    }

    /// Writes an output of the last run to `destination`, which has its size.
    pub(super) fn write(&self, number: usize, destination: &mut [u8]) -> Result<(), Failure> {
        let bridge = &self.module.bridge;
        // SAFETY: the execution is ours; the bridge writes no more than it is told.
        unsafe {
            bridge.check((bridge.functions().execution_write)(
                self.pointer.as_ptr(),
                number,
                destination.as_mut_ptr().cast::<c_void>(),
                destination.len(),
            ))
        }
    }

    /// Writes a tensor of the last run to `destination` on the GPU of the module, which has its size.
    ///
    /// # Safety
    /// The memory is there.
    pub(super) unsafe fn write_on_gpu(
        &self,
        number: usize,
        destination: GpuMemory,
    ) -> Result<(), Failure> {
        let bridge = &self.module.bridge;
        let address = ptr::without_provenance_mut(destination.address as usize);
        // SAFETY: the execution is ours; the memory is the caller's promise.
        unsafe {
            bridge.check((bridge.functions().execution_write_on_gpu)(
                self.pointer.as_ptr(),
                number,
                address,
                destination.bytes,
            ))
        }
    }

    /// Drops the outputs of the last run, and moves what the model kept of the inputs to memory of
    /// its own.
    pub(super) fn clear(&mut self) {
        // SAFETY: the execution is ours.
        unsafe { (self.module.bridge.functions().execution_clear)(self.pointer.as_ptr()) };
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        // SAFETY: the execution is ours, and nobody else has it any more.
        unsafe { (self.module.bridge.functions().execution_release)(self.pointer.as_ptr()) };
    }
}

/// An output of an execution.
#[derive(Clone, Copy, Debug)]
pub(super) struct ModuleOutput<'a> {
    /// PyTorch's number of the element type, or that of strings.
    pub(super) element_type: i32,
    pub(super) dims: &'a [i64],
    /// Bytes in the protocol's form.
    pub(super) bytes: usize,
}

fn missing() -> Failure {
    Failure("the bridge reported success and returned nothing".to_owned())
}
