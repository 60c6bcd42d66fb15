//! What goes wrong on request, so that a server can be seen to cope.

use std::{
    ffi::{CStr, c_char},
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use crate::layout;

/// True until a kernel has run.
static FIRST_RUN: AtomicBool = AtomicBool::new(true);

/// Is called before each execution, outside of everything that catches panics.
///
/// The C++ exception leaves through the frames of this library, as it would in a library in C++.
pub(crate) fn before_execution(fault: u8) {
    let concerned = matches!(
        fault,
        layout::FAULT_KERNEL_CRASHES | layout::FAULT_KERNEL_THROWS | layout::FAULT_KERNEL_HANGS
    );
    if !concerned || !FIRST_RUN.swap(false, Ordering::Relaxed) {
        return;
    }
    match fault {
        layout::FAULT_KERNEL_CRASHES => write_to_null(),
        layout::FAULT_KERNEL_THROWS => throw(c"the kernel throws, as it was asked to"),
        _ => loop {
            thread::sleep(Duration::from_secs(3600));
        },
    }
}

/// Is called before each execution, inside of what catches panics.
pub(crate) fn within_execution(fault: u8) {
    if fault == layout::FAULT_KERNEL_PANICS && FIRST_RUN.swap(false, Ordering::Relaxed) {
        panic!("the kernel panics, as it was asked to");
    }
}

fn write_to_null() {
    let address: *mut u8 = std::ptr::without_provenance_mut(black_box(0));
    // SAFETY: there is none, and that is the point: the process gets SIGSEGV here.
    unsafe { address.write_volatile(0) };
}

/// Throws `std::runtime_error` by the function that libstdc++ exports for its own containers.
fn throw(message: &CStr) {
    type Throw = unsafe extern "C-unwind" fn(*const c_char);
    // SAFETY: the names are terminated strings. ONNX Runtime has mapped the library already, so
    // its initializers do not run here. The symbol is `std::__throw_runtime_error(char const*)`,
    // which has that signature and never returns.
    unsafe {
        let library = libc::dlopen(c"libstdc++.so.6".as_ptr(), libc::RTLD_NOW);
        if library.is_null() {
            return;
        }
        let symbol = libc::dlsym(library, c"_ZSt21__throw_runtime_errorPKc".as_ptr());
        if !symbol.is_null() {
            std::mem::transmute::<*mut libc::c_void, Throw>(symbol)(message.as_ptr());
        }
    }
}
