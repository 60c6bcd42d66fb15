//! Calls into op libraries that no C++ exception leaves: an uncaught one ends the process with
//! SIGABRT, after its type and text were written to standard error.
//!
//! An exception that reaches Rust frames is undefined behaviour; what it comes to in practice
//! depends on the frames that happen to be there, and its text is lost. How the barrier works
//! stands in `exception_barrier.c`.

use std::ffi::{CStr, c_char, c_int, c_void};

/// A function of an op library that takes two pointers and returns one.
pub type Entry<First, Second, Answer> =
    unsafe extern "C" fn(*mut First, *const Second) -> *mut Answer;

type RawEntry = unsafe extern "C" fn(*mut c_void, *const c_void) -> *mut c_void;

unsafe extern "C" {
    fn exception_barrier_open(path: *const c_char, flags: c_int) -> *mut c_void;
    fn exception_barrier_close(library: *mut c_void) -> c_int;
    fn exception_barrier_call(
        entry: RawEntry,
        first: *mut c_void,
        second: *const c_void,
    ) -> *mut c_void;
}

/// `dlopen`. Null: it failed, and `dlerror` of this thread tells why.
///
/// # Safety
/// The library's static initializers run.
pub unsafe fn open(path: &CStr, flags: c_int) -> *mut c_void {
    // SAFETY: the path is a C string; the rest is the caller's promise.
    unsafe { exception_barrier_open(path.as_ptr(), flags) }
}

/// `dlclose`. Not 0: it failed, and `dlerror` of this thread tells why.
///
/// # Safety
/// `library` came from [`open`] and is closed once; its static destructors run.
pub unsafe fn close(library: *mut c_void) -> c_int {
    // SAFETY: the caller's promise.
    unsafe { exception_barrier_close(library) }
}

/// What the dynamic loader said last on this thread.
pub fn loader_message() -> String {
    // SAFETY: the function returns a C string of this thread, or null.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "the dynamic loader gave no reason".to_owned();
    }
    // SAFETY: not null, and copied before the loader is called again.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// Calls `entry` with two pointers and returns its answer.
///
/// # Safety
/// As for the function itself.
pub unsafe fn call<First, Second, Answer>(
    entry: Entry<First, Second, Answer>,
    first: *mut First,
    second: *const Second,
) -> *mut Answer {
    // SAFETY: the two types differ only in what thin pointers point to, which the C calling
    // convention does not know.
    let entry = unsafe { std::mem::transmute::<Entry<First, Second, Answer>, RawEntry>(entry) };
    // SAFETY: the caller's promise.
    unsafe { exception_barrier_call(entry, first.cast(), second.cast()) }.cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" fn pick(first: *mut u8, second: *const u16) -> *mut u16 {
        if first.is_null() {
            std::ptr::null_mut()
        } else {
            second.cast_mut()
        }
    }

    #[test]
    fn arguments_and_answer_pass() {
        let (mut first, second) = (1_u8, 2_u16);
        // SAFETY: the function takes any pointers.
        unsafe {
            assert_eq!(
                call(pick, &raw mut first, &raw const second),
                (&raw const second).cast_mut()
            );
            assert!(call(pick, std::ptr::null_mut(), &raw const second).is_null());
        }
    }

    #[test]
    fn what_cannot_be_opened_is_null() {
        // SAFETY: there is no such library, so nothing runs.
        let library = unsafe { open(c"/nonexistent/library.so", libc::RTLD_NOW) };
        assert!(library.is_null());
    }
}
