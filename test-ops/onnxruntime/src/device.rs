//! Kernels for GPUs. They are C++ and CUDA, linked in beside this package: `device/hand_over.cpp`
//! hands their launches over when the library is mapped. Where that is not linked in, operators
//! have kernels for the CPU alone.

use std::{
    ffi::{c_char, c_void},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use ort_sys::OrtKernelContext;

use crate::{
    configuration,
    interface::{Api, Element, Execution, Result, call},
};

/// Longest text of an error, in bytes.
const TEXT_CAPACITY: usize = 256;

/// The launches, as `device/hand_over.cpp` has them; `device_operators.h` documents them. Each puts
/// work on a stream and returns zero, or a number that `error` has a text for.
#[repr(C)]
pub(crate) struct Launches {
    bias_gelu: unsafe extern "C" fn(
        i32,
        *const c_void,
        *const c_void,
        *mut c_void,
        i64,
        i64,
        i32,
        f32,
        *mut c_void,
    ) -> i32,
    rms_norm: unsafe extern "C" fn(
        i32,
        *const c_void,
        *const c_void,
        *mut c_void,
        i64,
        i64,
        f32,
        f32,
        *mut c_void,
    ) -> i32,
    modulo: unsafe extern "C" fn(
        i32,
        *const c_void,
        *const c_void,
        *mut c_void,
        i64,
        i64,
        f32,
        *mut c_void,
    ) -> i32,
    begin_select_above: unsafe extern "C" fn(
        i32,
        *const c_void,
        *const c_void,
        i64,
        f32,
        *mut c_void,
        *mut *mut c_void,
        *mut i64,
    ) -> i32,
    end_select_above: unsafe extern "C" fn(*mut c_void, *mut c_void, usize, *mut c_void) -> i32,
    error: unsafe extern "C" fn(i32, *mut c_char, usize),
}

static LAUNCHES: AtomicPtr<Launches> = AtomicPtr::new(ptr::null_mut());

/// Called by an initializer of the C++ part.
///
/// # Safety
/// The launches live as long as the library.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sample_ops_have_device(launches: *const Launches) {
    LAUNCHES.store(launches.cast_mut(), Ordering::Release);
}

/// The fault that the library is configured with, for the C++ part.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn sample_ops_fault() -> u8 {
    configuration::read().fault
}

/// The launches, where there are kernels for GPUs in this library.
pub(crate) fn launches() -> Option<&'static Launches> {
    // SAFETY: it is null, or what was handed over, which lives as long as this code.
    unsafe { LAUNCHES.load(Ordering::Acquire).as_ref() }
}

/// One execution of a kernel on a GPU. Addresses are those of dense tensors in its memory.
pub(crate) struct DeviceExecution<'execution> {
    execution: &'execution Execution,
    launches: &'static Launches,
    stream: *mut c_void,
    signature: f32,
}

/// An input in the memory of a GPU.
pub(crate) struct DeviceInput {
    address: *const c_void,
    /// Extent of each axis.
    pub(crate) shape: Vec<i64>,
}

impl DeviceInput {
    /// Number of elements.
    pub(crate) fn count(&self) -> i64 {
        self.shape.iter().product()
    }

    /// Length of the last axis.
    fn width(&self) -> i64 {
        self.shape.last().copied().unwrap_or(1)
    }
}

impl<'execution> DeviceExecution<'execution> {
    /// # Safety
    /// `context` is what the runtime handed to the kernel of its provider for CUDA, and the call
    /// has not returned.
    pub(crate) unsafe fn new(
        api: Api,
        context: *mut OrtKernelContext,
        execution: &'execution Execution,
        signature: u8,
    ) -> Result<Self> {
        let mut stream = ptr::null_mut();
        // SAFETY: the context is valid, and the stream has a place.
        unsafe {
            call!(
                api,
                KernelContext_GetGPUComputeStream(context.cast_const(), &mut stream)
            )?;
        }
        Ok(DeviceExecution {
            execution,
            launches: launches().ok_or("the library has no kernels for GPUs")?,
            stream,
            signature: f32::from(signature),
        })
    }

    /// Input number `index`.
    pub(crate) fn input(&self, index: usize) -> Result<DeviceInput> {
        let (address, shape) = self.execution.input_tensor(index)?;
        Ok(DeviceInput {
            address: address.cast_const(),
            shape,
        })
    }

    /// `y = gelu(x + bias)`, of the elements' type `T`.
    pub(crate) fn bias_gelu<T: Element>(
        &self,
        x: &DeviceInput,
        bias: &DeviceInput,
        is_tanh: bool,
    ) -> Result<()> {
        let y = self.execution.output_tensor(&x.shape)?;
        // SAFETY: the tensors are in the GPU's memory, with this many elements of the type.
        self.check(unsafe {
            (self.launches.bias_gelu)(
                T::DEVICE_TYPE,
                x.address,
                bias.address,
                y,
                x.count(),
                x.width(),
                i32::from(is_tanh),
                self.signature,
                self.stream,
            )
        })
    }

    /// `y = x / sqrt(mean(x²) + epsilon) · weight`, of the elements' type `T`.
    pub(crate) fn rms_norm<T: Element>(
        &self,
        x: &DeviceInput,
        weight: &DeviceInput,
        epsilon: f32,
    ) -> Result<()> {
        let y = self.execution.output_tensor(&x.shape)?;
        let width = x.width();
        let rows = if width == 0 { 0 } else { x.count() / width };
        // SAFETY: as for `bias_gelu`.
        self.check(unsafe {
            (self.launches.rms_norm)(
                T::DEVICE_TYPE,
                x.address,
                weight.address,
                y,
                rows,
                width,
                epsilon,
                self.signature,
                self.stream,
            )
        })
    }

    /// The remainder of the floored division, of the elements' type `T`.
    pub(crate) fn modulo<T: Element>(&self, x: &DeviceInput, divisor: &DeviceInput) -> Result<()> {
        let y = self.execution.output_tensor(&x.shape)?;
        // SAFETY: as for `bias_gelu`.
        self.check(unsafe {
            (self.launches.modulo)(
                T::DEVICE_TYPE,
                x.address,
                divisor.address,
                y,
                x.count(),
                divisor.count(),
                self.signature,
                self.stream,
            )
        })
    }

    /// The elements of `x` that are greater than `threshold`, of the elements' type `T`. It waits
    /// for the GPU, because the runtime has to be told their number before it gives memory.
    pub(crate) fn select_above<T: Element>(
        &self,
        x: &DeviceInput,
        threshold: &DeviceInput,
    ) -> Result<()> {
        let (mut values, mut selected) = (ptr::null_mut(), 0);
        // SAFETY: as for `bias_gelu`; both results have a place.
        self.check(unsafe {
            (self.launches.begin_select_above)(
                T::DEVICE_TYPE,
                x.address,
                threshold.address,
                x.count(),
                self.signature,
                self.stream,
                &mut values,
                &mut selected,
            )
        })?;
        let y = self.execution.output_tensor(&[selected]);
        let bytes = match &y {
            Ok(_) => selected as usize * size_of::<T>(),
            Err(_) => 0,
        };
        let to = *y.as_ref().unwrap_or(&ptr::null_mut());
        // SAFETY: the values are those of the call before and are given back once; the output has
        // room for them.
        let ended = unsafe { (self.launches.end_select_above)(values, to, bytes, self.stream) };
        y?;
        self.check(ended)
    }

    fn check(&self, code: i32) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        let mut text = [0u8; TEXT_CAPACITY];
        // SAFETY: the text has that many bytes, and is terminated within them.
        unsafe { (self.launches.error)(code, text.as_mut_ptr().cast(), text.len()) };
        let end = text.iter().position(|&byte| byte == 0);
        let text = String::from_utf8_lossy(&text[..end.unwrap_or(0)]);
        Err(format!("the kernel was not launched on the GPU: {text}"))
    }
}
