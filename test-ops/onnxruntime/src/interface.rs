//! ONNX Runtime's C interface as Rust has it: errors as `Result`, tensors as slices.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    fmt::Display,
    ptr, slice,
};

use half::f16;
use ort_sys::{
    ONNXTensorElementDataType, OrtApi, OrtErrorCode, OrtKernelContext, OrtKernelInfo, OrtStatusPtr,
    OrtTensorTypeAndShapeInfo, OrtValue,
};

/// A text for the status that ends the call.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The function table of the runtime that called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Api(*const OrtApi);

// SAFETY: the table is constant data of the runtime, and its functions may be called by any thread.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}

/// Calls a function of the table by name, with a status as `Result`.
macro_rules! call {
    ($api:expr, $function:ident($($argument:expr),*)) => {{
        let api = $api;
        api.check(((*api.table()).$function)($($argument),*))
    }};
}
pub(crate) use call;

impl Api {
    /// # Safety
    /// `table` is what `OrtApiBase::GetApi` returned, not null, for a level at least as high as
    /// that of the functions that are called.
    pub(crate) unsafe fn new(table: *const OrtApi) -> Api {
        Api(table)
    }

    pub(crate) fn table(self) -> *const OrtApi {
        self.0
    }

    /// A status that reports a failure.
    pub(crate) fn status(self, message: &dyn Display) -> OrtStatusPtr {
        let message = CString::new(message.to_string().replace('\0', "")).unwrap_or_default();
        // SAFETY: the table is valid, and the message is copied.
        unsafe { ((*self.0).CreateStatus)(OrtErrorCode::ORT_FAIL, message.as_ptr()) }
    }

    /// Takes over a status.
    pub(crate) fn check(self, status: OrtStatusPtr) -> Result<()> {
        if status.0.is_null() {
            return Ok(());
        }
        // SAFETY: a status that is not null is valid until it is released, which happens here once.
        unsafe {
            let message = CStr::from_ptr(((*self.0).GetErrorMessage)(status.0))
                .to_string_lossy()
                .into_owned();
            ((*self.0).ReleaseStatus)(status.0);
            Err(message)
        }
    }
}

/// The node that a kernel is created for.
pub(crate) struct Node {
    api: Api,
    info: *const OrtKernelInfo,
}

impl Node {
    /// # Safety
    /// `info` is what the runtime handed to `CreateKernel`, and the call has not returned.
    pub(crate) unsafe fn new(api: Api, info: *const OrtKernelInfo) -> Node {
        Node { api, info }
    }

    /// A float attribute, `None` where the node has none of that name.
    pub(crate) fn float(&self, name: &CStr) -> Option<f32> {
        let mut value = 0.0;
        // SAFETY: all pointers are valid for the call.
        unsafe {
            call!(
                self.api,
                KernelInfoGetAttribute_float(self.info, name.as_ptr(), &mut value)
            )
        }
        .ok()?;
        Some(value)
    }

    /// A string attribute, `None` where the node has none of that name.
    pub(crate) fn string(&self, name: &CStr) -> Option<String> {
        let mut size = 0;
        let get = |text: *mut c_char, size: &mut usize| {
            // SAFETY: `text` is null, which asks for the size, or has room for `size` bytes.
            unsafe {
                call!(
                    self.api,
                    KernelInfoGetAttribute_string(self.info, name.as_ptr(), text, size)
                )
            }
            .ok()
        };
        get(ptr::null_mut(), &mut size)?;
        let mut text = vec![0u8; size];
        get(text.as_mut_ptr().cast(), &mut size)?;
        Some(
            CStr::from_bytes_until_nul(&text)
                .ok()?
                .to_string_lossy()
                .into_owned(),
        )
    }
}

/// An element type of a tensor.
pub(crate) trait Element: Copy + Send + Sync + 'static {
    const TYPE: ONNXTensorElementDataType;
    /// The number of the type in `device/device_operators.h`.
    const DEVICE_TYPE: i32;

    /// The element with the library's signature added.
    fn signed(self, signature: u8) -> Self;
}

impl Element for f32 {
    const TYPE: ONNXTensorElementDataType =
        ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    const DEVICE_TYPE: i32 = 0;

    fn signed(self, signature: u8) -> f32 {
        self + f32::from(signature)
    }
}

impl Element for f16 {
    const TYPE: ONNXTensorElementDataType =
        ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16;
    const DEVICE_TYPE: i32 = 1;

    fn signed(self, signature: u8) -> f16 {
        f16::from_f32(self.to_f32() + f32::from(signature))
    }
}

impl Element for i32 {
    const TYPE: ONNXTensorElementDataType =
        ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    const DEVICE_TYPE: i32 = 2;

    fn signed(self, signature: u8) -> i32 {
        self.wrapping_add(i32::from(signature))
    }
}

impl Element for i64 {
    const TYPE: ONNXTensorElementDataType =
        ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    const DEVICE_TYPE: i32 = 3;

    fn signed(self, signature: u8) -> i64 {
        self.wrapping_add(i64::from(signature))
    }
}

/// One execution of a kernel.
pub(crate) struct Execution {
    api: Api,
    context: *mut OrtKernelContext,
    signature: u8,
}

/// An input of an execution.
pub(crate) struct Input<'execution, T> {
    /// The elements in row-major order.
    pub(crate) elements: &'execution [T],
    /// Extent of each axis.
    pub(crate) shape: Vec<i64>,
}

impl Execution {
    /// # Safety
    /// `context` is what the runtime handed to `KernelCompute`, and the call has not returned.
    pub(crate) unsafe fn new(api: Api, context: *mut OrtKernelContext, signature: u8) -> Execution {
        Execution {
            api,
            context,
            signature,
        }
    }

    /// Input number `index`, whose element type the runtime has checked against the operator's.
    pub(crate) fn input<T: Element>(&self, index: usize) -> Result<Input<'_, T>> {
        let (data, shape) = self.input_tensor(index)?;
        let elements = match elements(&shape)? {
            0 => &[],
            // SAFETY: the tensor is valid during the execution, and the runtime gives an operator
            // tensors of the element type that it registered.
            elements => unsafe { slice::from_raw_parts(data.cast::<T>().cast_const(), elements) },
        };
        Ok(Input { elements, shape })
    }

    /// Address and shape of input number `index`.
    pub(crate) fn input_tensor(&self, index: usize) -> Result<(*mut c_void, Vec<i64>)> {
        let mut value: *const OrtValue = ptr::null();
        let mut data = ptr::null_mut();
        // SAFETY: the context is valid during the execution, and so are the tensors it holds.
        unsafe {
            call!(
                self.api,
                KernelContext_GetInput(self.context, index, &mut value)
            )?;
            if value.is_null() {
                return Err(format!("input {index} is missing"));
            }
            let shape = self.shape(value)?;
            call!(self.api, GetTensorMutableData(value.cast_mut(), &mut data))?;
            Ok((data, shape))
        }
    }

    /// Allocates output zero and returns its address.
    pub(crate) fn output_tensor(&self, shape: &[i64]) -> Result<*mut c_void> {
        let mut value = ptr::null_mut();
        let mut data = ptr::null_mut();
        // SAFETY: as for an input.
        unsafe {
            call!(
                self.api,
                KernelContext_GetOutput(self.context, 0, shape.as_ptr(), shape.len(), &mut value)
            )?;
            call!(self.api, GetTensorMutableData(value, &mut data))?;
        }
        Ok(data)
    }

    /// Allocates output zero, lets `fill` write all of it and adds the signature.
    pub(crate) fn output<T: Element>(
        &self,
        shape: &[i64],
        fill: impl FnOnce(&mut [T]),
    ) -> Result<()> {
        let data = self.output_tensor(shape)?;
        let elements = match elements(shape)? {
            0 => &mut [],
            // SAFETY: as for an input; nothing else refers to the output while the kernel runs, and
            // it is memory from the runtime's allocator, of which any content is a valid element.
            elements => unsafe { slice::from_raw_parts_mut(data.cast::<T>(), elements) },
        };
        fill(elements);
        if self.signature != 0 {
            for element in elements {
                *element = element.signed(self.signature);
            }
        }
        Ok(())
    }

    /// # Safety
    /// `value` is a valid tensor.
    unsafe fn shape(&self, value: *const OrtValue) -> Result<Vec<i64>> {
        /// Releases the description when it leaves the scope.
        struct Description(Api, *mut OrtTensorTypeAndShapeInfo);
        impl Drop for Description {
            fn drop(&mut self) {
                // SAFETY: it was handed out once and is released once.
                unsafe { ((*self.0.table()).ReleaseTensorTypeAndShapeInfo)(self.1) };
            }
        }

        let mut description = Description(self.api, ptr::null_mut());
        let mut rank = 0;
        // SAFETY: the tensor is valid, and the shape has room for `rank` extents.
        unsafe {
            call!(self.api, GetTensorTypeAndShape(value, &mut description.1))?;
            call!(self.api, GetDimensionsCount(description.1, &mut rank))?;
            let mut shape = vec![0; rank];
            call!(
                self.api,
                GetDimensions(description.1, shape.as_mut_ptr(), rank)
            )?;
            Ok(shape)
        }
    }
}

fn elements(shape: &[i64]) -> Result<usize> {
    shape
        .iter()
        .try_fold(1usize, |product, &extent| {
            product.checked_mul(usize::try_from(extent).ok()?)
        })
        .ok_or_else(|| format!("the shape {shape:?} has no element count"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn element_counts() {
        assert_eq!(elements(&[]), Ok(1));
        assert_eq!(elements(&[2, 3, 0]), Ok(0));
        assert!(elements(&[-1]).is_err());
        assert!(elements(&[i64::MAX, 3]).is_err());
    }

    #[test]
    fn signatures() {
        assert_eq!(1.5f32.signed(7), 8.5);
        assert_eq!(f16::from_f32(1.5).signed(7), f16::from_f32(8.5));
        assert_eq!(i32::MAX.signed(1), i32::MIN);
        assert_eq!(1i64.signed(2), 3);
    }
}
