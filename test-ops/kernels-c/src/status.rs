use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a call ended: `op_kernels_status` in C.
#[repr(i32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The result is written.
    Ok = 0,
    /// A pointer is null or the lengths do not fit each other; nothing is written.
    InvalidArgument = 1,
    /// The kernel panicked, which is a defect of it; the result is undefined.
    Panicked = 2,
}

/// Runs `body`, which returns `None` where an argument is not valid. No panic may reach the
/// caller, in C++.
pub(crate) fn guarded(body: impl FnOnce() -> Option<()>) -> Status {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Some(())) => Status::Ok,
        Ok(None) => Status::InvalidArgument,
        Err(_) => Status::Panicked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_status() {
        assert_eq!(guarded(|| panic!("on purpose")), Status::Panicked);
        assert_eq!(guarded(|| None), Status::InvalidArgument);
        assert_eq!(guarded(|| Some(())), Status::Ok);
    }
}
