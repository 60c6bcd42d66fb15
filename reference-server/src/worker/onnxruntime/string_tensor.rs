//! `BYTES` tensors: length-prefixed in the protocol, string objects in ONNX Runtime.

use std::ptr;

use ort::sys::{ONNXTensorElementDataType, OrtValue};

use super::runtime::Runtime;
use super::status::{Failure, check};

/// Bytes of an element's length.
const PREFIX: usize = size_of::<u32>();

/// The elements of a tensor in the protocol's form, in order; `None` in place of an element that is
/// shorter than its length says.
fn elements(mut data: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    std::iter::from_fn(move || {
        if data.is_empty() {
            return None;
        }
        let element = data
            .split_first_chunk::<PREFIX>()
            .and_then(|(length, rest)| {
                let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                rest.split_at_checked(length)
            });
        match element {
            Some((element, rest)) => {
                data = rest;
                Some(Some(element))
            }
            None => {
                data = &[];
                Some(None)
            }
        }
    })
}

/// Creates a string tensor with the elements of `data`. The caller owns the value.
pub(super) fn create(
    runtime: &Runtime,
    dims: &[i64],
    data: &[u8],
    count: usize,
) -> Result<*mut OrtValue, Failure> {
    let api = runtime.api;
    let mut value: *mut OrtValue = ptr::null_mut();
    // SAFETY: dims holds `dims.len()` numbers; the allocator is the default one.
    unsafe {
        check((api.CreateTensorAsOrtValue)(
            runtime.allocator.as_ptr(),
            dims.as_ptr(),
            dims.len(),
            ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
            &raw mut value,
        ))?;
    }
    let filled = fill(runtime, value, data, count);
    if filled.is_err() {
        // SAFETY: the value is ours and not used any more.
        unsafe { (api.ReleaseValue)(value) };
    }
    filled.map(|()| value)
}

fn fill(runtime: &Runtime, value: *mut OrtValue, data: &[u8], count: usize) -> Result<(), Failure> {
    let mut index = 0;
    for element in elements(data) {
        let Some(element) = element.filter(|_| index < count) else {
            return Err(malformed(count));
        };
        let mut buffer = ptr::null_mut();
        // Not `FillStringTensor`: that takes C strings, and an element may contain a NUL.
        // SAFETY: the value is a string tensor and the index is below its number of elements; the
        // buffer has the length that was asked for.
        unsafe {
            check((runtime.api.GetResizedStringTensorElementBuffer)(
                value,
                index,
                element.len(),
                &raw mut buffer,
            ))?;
            ptr::copy_nonoverlapping(element.as_ptr(), buffer.cast(), element.len());
        }
        index += 1;
    }
    if index == count {
        Ok(())
    } else {
        Err(malformed(count))
    }
}

#[cold]
fn malformed(count: usize) -> Failure {
    Failure {
        code: ort::ErrorCode::InvalidArgument,
        message: format!(
            "a BYTES tensor does not consist of {count} elements, each behind its length"
        ),
    }
}

/// Bytes that the string tensor `value` of `count` elements takes in the protocol's form.
pub(super) fn encoded_length(
    runtime: &Runtime,
    value: *const OrtValue,
    count: usize,
) -> Result<usize, Failure> {
    let mut length = 0;
    // SAFETY: the value is a string tensor.
    unsafe {
        check((runtime.api.GetStringTensorDataLength)(
            value,
            &raw mut length,
        ))?
    };
    Ok(length + count * PREFIX)
}

/// Writes the string tensor `value` into `out`, which has its [`encoded_length`].
///
/// `offsets` is used again from call to call.
pub(super) fn encode(
    runtime: &Runtime,
    value: *const OrtValue,
    count: usize,
    out: &mut [u8],
    offsets: &mut Vec<usize>,
) -> Result<(), Failure> {
    if count == 0 {
        return Ok(());
    }
    offsets.clear();
    offsets.resize(count, 0);
    let content = &mut out[count * PREFIX..];
    // SAFETY: the value is a string tensor of `count` elements, and `content` has their length.
    unsafe {
        check((runtime.api.GetStringTensorContent)(
            value,
            content.as_mut_ptr().cast(),
            content.len(),
            offsets.as_mut_ptr(),
            count,
        ))?;
    }
    spread(out, offsets);
    Ok(())
}

/// Puts each element behind its length. The elements stand in a row at the end of `out`, with room
/// for all the lengths before them; `offsets` are their starts in that row.
///
/// Going forward, an element never lands on one that has not been moved yet: with `n` elements,
/// number `i` moves from `4n + offset` to `4(i + 1) + offset`.
fn spread(out: &mut [u8], offsets: &[usize]) {
    let row = offsets.len() * PREFIX;
    let total = out.len() - row;
    for (index, &start) in offsets.iter().enumerate() {
        let end = offsets.get(index + 1).copied().unwrap_or(total);
        let place = index * PREFIX + start;
        out.copy_within(row + start..row + end, place + PREFIX);
        // ONNX Runtime allows longer strings than the protocol; 4 GiB in one element is beyond any
        // tensor that a request can ask for.
        let length = u32::try_from(end - start).unwrap_or(u32::MAX);
        out[place..place + PREFIX].copy_from_slice(&length.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spread_elements_are_read_back(
            strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..20)
        ) {
            let mut out = vec![0xee; strings.len() * PREFIX];
            let mut offsets = Vec::new();
            for string in &strings {
                offsets.push(out.len() - strings.len() * PREFIX);
                out.extend_from_slice(string);
            }
            spread(&mut out, &offsets);
            let read: Option<Vec<&[u8]>> = elements(&out).collect();
            prop_assert_eq!(read.unwrap(), strings);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let read: Vec<Option<&[u8]>> = elements(&bytes).collect();
            let sound = read.iter().flatten().map(|element| element.len() + PREFIX).sum::<usize>();
            prop_assert_eq!(read.iter().all(Option::is_some), sound == bytes.len());
        }
    }
}
