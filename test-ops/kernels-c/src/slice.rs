use std::slice;

/// A tensor's elements; `None` where `data` is null and there are elements.
///
/// # Safety
/// `data` is null or points to `length` elements that nobody writes while the slice lives.
pub(crate) unsafe fn input<'a, T>(data: *const T, length: usize) -> Option<&'a [T]> {
    match (data.is_null(), length) {
        (_, 0) => Some(&[]),
        (true, _) => None,
        // SAFETY: by this function's contract.
        (false, _) => Some(unsafe { slice::from_raw_parts(data, length) }),
    }
}

/// The elements of a result; `None` where `data` is null and there are elements.
///
/// # Safety
/// `data` is null or points to `length` elements that nobody else reads or writes while the slice
/// lives. Any bits are a valid `T`.
pub(crate) unsafe fn output<'a, T>(data: *mut T, length: usize) -> Option<&'a mut [T]> {
    match (data.is_null(), length) {
        (_, 0) => Some(&mut []),
        (true, _) => None,
        // SAFETY: by this function's contract.
        (false, _) => Some(unsafe { slice::from_raw_parts_mut(data, length) }),
    }
}
