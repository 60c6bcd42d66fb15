//! What an operator is, and the C functions that stand for it.

use std::{
    any::Any,
    ffi::{CStr, CString, c_char, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
};

use ort_sys::{
    ONNXTensorElementDataType, OrtApi, OrtCustomOp, OrtCustomOpInputOutputCharacteristic,
    OrtKernelContext, OrtKernelInfo, OrtMemType, OrtStatusPtr,
};

use crate::{
    configuration,
    device::DeviceExecution,
    fault,
    interface::{Api, Element, Execution, Node, Result},
};

/// An operator for one element type, with one or two inputs and one output of that type.
///
/// A kernel is created for each node and executed by several threads at a time.
pub(crate) trait Kernel: Sized + Send + Sync {
    /// Name of the operator.
    const NAME: &CStr;
    /// Element type of all tensors.
    type Element: Element;

    /// Number of inputs in this build of the library.
    fn inputs() -> usize {
        2
    }

    /// Reads the node's attributes.
    fn new(node: &Node) -> Result<Self>;

    /// Computes one output.
    fn execute(&self, execution: &Execution) -> Result<()>;

    /// Puts the computation of one output on a GPU's stream.
    fn execute_on_device(&self, execution: &DeviceExecution<'_>) -> Result<()>;
}

/// A kernel with what it needs at each execution.
struct Instance<K> {
    api: Api,
    signature: u8,
    fault: u8,
    kernel: K,
}

/// The struct by which ONNX Runtime knows the operator with its kernel for the CPU, or, `ON_DEVICE`,
/// with the one for NVIDIA GPUs.
pub(crate) fn definition<K: Kernel, const ON_DEVICE: bool>(api_level: u32) -> OrtCustomOp {
    type Compute = unsafe extern "system" fn(*mut c_void, *mut OrtKernelContext) -> OrtStatusPtr;
    type ComputeUnwinding =
        unsafe extern "C-unwind" fn(*mut c_void, *mut OrtKernelContext) -> OrtStatusPtr;
    // SAFETY: the conventions are the same but for the permission to unwind, which the caller, in
    // C++, grants to all functions.
    let compute =
        unsafe { std::mem::transmute::<ComputeUnwinding, Compute>(compute::<K, ON_DEVICE>) };
    OrtCustomOp {
        version: api_level,
        CreateKernel: None,
        GetName: Some(name::<K>),
        GetExecutionProviderType: Some(provider::<ON_DEVICE>),
        GetInputType: Some(element_type::<K>),
        GetInputTypeCount: Some(input_count::<K>),
        GetOutputType: Some(element_type::<K>),
        GetOutputTypeCount: Some(output_count),
        KernelCompute: None,
        KernelDestroy: Some(destroy::<K>),
        GetInputCharacteristic: Some(required),
        GetOutputCharacteristic: Some(required),
        GetInputMemoryType: Some(memory_type),
        GetVariadicInputMinArity: Some(arity),
        GetVariadicInputHomogeneity: Some(arity),
        GetVariadicOutputMinArity: Some(arity),
        GetVariadicOutputHomogeneity: Some(arity),
        CreateKernelV2: Some(create::<K>),
        KernelComputeV2: Some(compute),
        InferOutputShapeFn: None,
        GetStartVersion: Some(start_version),
        GetEndVersion: Some(end_version),
        GetMayInplace: None,
        ReleaseMayInplace: None,
        GetAliasMap: None,
        ReleaseAliasMap: None,
    }
}

/// Runs `body`; an error and a panic become a status. No panic may reach the caller, in C++.
pub(crate) fn guarded(api: Api, what: &CStr, body: impl FnOnce() -> Result<()>) -> OrtStatusPtr {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => OrtStatusPtr::default(),
        Ok(Err(error)) => api.status(&format_args!("{}: {error}", what.to_string_lossy())),
        Err(panic) => api.status(&format_args!(
            "{}: the op library panicked: {}",
            what.to_string_lossy(),
            text(&*panic)
        )),
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

unsafe extern "system" fn create<K: Kernel>(
    _: *const OrtCustomOp,
    api: *const OrtApi,
    info: *const OrtKernelInfo,
    instance: *mut *mut c_void,
) -> OrtStatusPtr {
    // SAFETY: the runtime hands over its own table and a node that is valid during the call.
    let (api, node) = unsafe {
        let api = Api::new(api);
        (api, Node::new(api, info))
    };
    guarded(api, K::NAME, || {
        let configuration = configuration::read();
        let created = Box::new(Instance {
            api,
            signature: configuration.signature,
            fault: configuration.fault,
            kernel: K::new(&node)?,
        });
        // SAFETY: the runtime hands over a place for the pointer.
        unsafe { instance.write(Box::into_raw(created).cast()) };
        Ok(())
    })
}

unsafe extern "C-unwind" fn compute<K: Kernel, const ON_DEVICE: bool>(
    instance: *mut c_void,
    context: *mut OrtKernelContext,
) -> OrtStatusPtr {
    // SAFETY: the pointer is the one that `create` gave, and it is only ever shared.
    let instance = unsafe { &*instance.cast::<Instance<K>>().cast_const() };
    fault::before_execution(instance.fault);
    guarded(instance.api, K::NAME, || {
        fault::within_execution(instance.fault);
        // SAFETY: the runtime hands over a context that is valid during the call.
        let execution = unsafe { Execution::new(instance.api, context, instance.signature) };
        if !ON_DEVICE {
            return instance.kernel.execute(&execution);
        }
        // SAFETY: as above, and the operator is one of the provider for CUDA.
        let execution =
            unsafe { DeviceExecution::new(instance.api, context, &execution, instance.signature)? };
        instance.kernel.execute_on_device(&execution)
    })
}

unsafe extern "system" fn destroy<K: Kernel>(instance: *mut c_void) {
    // SAFETY: the pointer is the one that `create` gave, and the runtime gives it back once.
    drop(unsafe { Box::from_raw(instance.cast::<Instance<K>>()) });
}

unsafe extern "system" fn name<K: Kernel>(_: *const OrtCustomOp) -> *const c_char {
    /// The name that the configuration has for the one operator.
    static RENAMED: OnceLock<CString> = OnceLock::new();

    let renamed = RENAMED.get_or_init(|| configuration::c_string(&configuration::read().name));
    if renamed.is_empty() {
        K::NAME.as_ptr()
    } else {
        renamed.as_ptr()
    }
}

unsafe extern "system" fn provider<const ON_DEVICE: bool>(_: *const OrtCustomOp) -> *const c_char {
    if ON_DEVICE {
        c"CUDAExecutionProvider".as_ptr()
    } else {
        // The CPU.
        std::ptr::null()
    }
}

unsafe extern "system" fn element_type<K: Kernel>(
    _: *const OrtCustomOp,
    _: usize,
) -> ONNXTensorElementDataType {
    K::Element::TYPE
}

unsafe extern "system" fn input_count<K: Kernel>(_: *const OrtCustomOp) -> usize {
    K::inputs()
}

unsafe extern "system" fn output_count(_: *const OrtCustomOp) -> usize {
    1
}

unsafe extern "system" fn required(
    _: *const OrtCustomOp,
    _: usize,
) -> OrtCustomOpInputOutputCharacteristic {
    OrtCustomOpInputOutputCharacteristic::INPUT_OUTPUT_REQUIRED
}

unsafe extern "system" fn memory_type(_: *const OrtCustomOp, _: usize) -> OrtMemType {
    OrtMemType::OrtMemTypeDefault
}

/// Asked of variadic operators alone, which these are not.
unsafe extern "system" fn arity(_: *const OrtCustomOp) -> c_int {
    1
}

unsafe extern "system" fn start_version(_: *const OrtCustomOp) -> c_int {
    1
}

/// The operators have no end.
unsafe extern "system" fn end_version(_: *const OrtCustomOp) -> c_int {
    c_int::MAX
}
