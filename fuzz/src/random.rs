//! Randomness for programs that have to do the same in each run.

use std::ffi::{c_uint, c_void};

/// Takes the place of the C library's function: all hash tables get the same keys, and so the order of
/// their entries, which the fuzzer sees as another way through the code, does not change from run to run.
/// The standard library looks this symbol up for such purposes.
///
/// # Safety
/// `buffer` points to `length` bytes that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, _: c_uint) -> isize {
    // SAFETY: the caller's promise.
    unsafe { buffer.cast::<u8>().write_bytes(1, length) };
    length.cast_signed()
}
