//! `BYTES` tensors: length-prefixed in the protocol, string objects in TensorFlow.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ffi::c_void;
use std::sync::Arc;

use super::element_type;
use super::interface::{TString, Tensor};
use super::runtime::Runtime;
use super::session::count;
use super::status::Failure;
use crate::protocol::byte_strings::{self, LENGTH_SIZE};

/// TensorFlow's kernels expect this alignment of every tensor.
const ALIGNMENT: usize = 64;

/// String objects that a tensor owns.
struct Strings {
    address: *mut TString,
    length: usize,
    layout: Layout,
    runtime: Arc<Runtime>,
}

impl Strings {
    fn new(runtime: &Arc<Runtime>, length: usize) -> Option<Self> {
        let layout = Layout::array::<TString>(length.max(1))
            .and_then(|layout| layout.align_to(ALIGNMENT))
            .ok()?;
        // SAFETY: the size is not zero.
        let address = unsafe { alloc(layout) }.cast::<TString>();
        if address.is_null() {
            handle_alloc_error(layout);
        }
        for index in 0..length {
            // SAFETY: the memory holds `length` objects.
            unsafe { (runtime.interface.string_init)(address.add(index)) };
        }
        Some(Self {
            address,
            length,
            layout,
            runtime: runtime.clone(),
        })
    }
}

impl Drop for Strings {
    fn drop(&mut self) {
        // SAFETY: the objects were initialised and belong to us, as their memory does.
        unsafe {
            for index in 0..self.length {
                (self.runtime.interface.string_dealloc)(self.address.add(index));
            }
            dealloc(self.address.cast(), self.layout);
        }
    }
}

unsafe extern "C" fn free(_data: *mut c_void, _length: usize, strings: *mut c_void) {
    // SAFETY: the argument that the tensor was created with, given back once.
    drop(unsafe { Box::from_raw(strings.cast::<Strings>()) });
}

/// Creates a string tensor with the elements of `data`. The caller owns the tensor.
///
/// TensorFlow could refer to the request's bytes instead of a copy. But there is no zero behind an
/// element there, and kernels in the wild rely on one: TensorFlow Text's `RegexSplitWithOffsets`
/// reads on into the next element.
pub(super) fn create(
    runtime: &Arc<Runtime>,
    dims: &[i64],
    data: &[u8],
    length: usize,
) -> Result<*mut Tensor, Failure> {
    let malformed = || {
        Failure::invalid(format!(
            "a BYTES tensor does not consist of {length} elements, each behind its length"
        ))
    };
    // No element is shorter than its length, which bounds what is allocated.
    if length > data.len() / LENGTH_SIZE {
        return Err(malformed());
    }
    let strings = Strings::new(runtime, length).ok_or_else(malformed)?;
    let mut elements = byte_strings::elements(data);
    let mut index = 0;
    for element in elements.by_ref() {
        if index == length {
            return Err(malformed());
        }
        // SAFETY: the object is one of `length`; the element is copied.
        unsafe {
            let string = strings.address.add(index);
            (runtime.interface.string_copy)(string, element.as_ptr().cast(), element.len());
        }
        index += 1;
    }
    if index != length || !elements.rest().is_empty() {
        return Err(malformed());
    }
    let (address, bytes) = (strings.address, length * size_of::<TString>());
    let strings = Box::into_raw(Box::new(strings));
    // SAFETY: the memory holds `length` objects; `free` gives back what it is given.
    let tensor = unsafe {
        (runtime.interface.new_tensor)(
            element_type::STRING,
            dims.as_ptr(),
            count(dims.len()),
            address.cast(),
            bytes,
            free,
            strings.cast(),
        )
    };
    if tensor.is_null() {
        // TensorFlow has freed the strings.
        return Err(Failure::invalid(format!(
            "TensorFlow makes no tensor of {length} strings with the shape {dims:?}"
        )));
    }
    Ok(tensor)
}

/// Bytes that the `length` strings at `strings` take in the protocol's form.
///
/// # Safety
/// There are that many.
pub(super) unsafe fn encoded_length(
    runtime: &Runtime,
    strings: *const TString,
    length: usize,
) -> usize {
    (0..length)
        // SAFETY: the caller's promise.
        .map(|index| unsafe { (runtime.interface.string_size)(strings.add(index)) } + LENGTH_SIZE)
        .sum()
}

/// Writes the `length` strings at `strings` into `out`, which has their encoded length.
///
/// # Safety
/// There are that many.
pub(super) unsafe fn encode(
    runtime: &Runtime,
    strings: *const TString,
    length: usize,
    mut out: &mut [u8],
) {
    for index in 0..length {
        // SAFETY: the caller's promise; data and size are those of one string.
        let content = unsafe {
            let string = strings.add(index);
            let size = (runtime.interface.string_size)(string);
            std::slice::from_raw_parts((runtime.interface.string_data)(string).cast::<u8>(), size)
        };
        let (prefix, rest) = out.split_at_mut(LENGTH_SIZE);
        let (place, rest) = rest.split_at_mut(content.len());
        // 4 GiB in one element is beyond any tensor that a request can ask for.
        let size = u32::try_from(content.len()).unwrap_or(u32::MAX);
        prefix.copy_from_slice(&size.to_le_bytes());
        place.copy_from_slice(content);
        out = rest;
    }
}
