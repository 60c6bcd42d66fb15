//! CUPTI's functions that are used, and their codes.
//!
//! Source: CUPTI's reference, "CUPTI Activity API" and "CUPTI Result and Error Handling"
//! (`cupti_activity.h`, `cupti_result.h`); the same in CUDA 11, 12 and 13.

use std::ffi::{c_char, c_void};

use libloading::Library;

/// `CUptiResult`
pub(super) type Status = i32;
/// `CUPTI_SUCCESS`
pub(super) const SUCCESS: Status = 0;
/// `CUPTI_ERROR_MAX_LIMIT_REACHED`: a buffer holds no further record.
pub(super) const END_OF_BUFFER: Status = 12;
/// The argument of `cuptiActivityFlushAll` for records that are complete.
pub(super) const COMPLETE: u32 = 0;
/// The same for all records: `CUPTI_ACTIVITY_FLAG_FLUSH_FORCED`.
pub(super) const FORCED: u32 = 1;
/// The oldest `CUPTI_API_VERSION` whose kernel records are laid out as [`super::record`] reads them:
/// that of CUDA 9.1.
pub(super) const OLDEST: u32 = 11;

/// Asked for a buffer: its address, its bytes, and the most records it may hold (0: any number).
pub(super) type RequestBuffer = unsafe extern "C" fn(*mut *mut u8, *mut usize, *mut usize);
/// Given a buffer back: context, stream (both of no use any more), address, bytes, bytes with records.
pub(super) type CompleteBuffer = unsafe extern "C" fn(*mut c_void, u32, *mut u8, usize, usize);

/// The functions, of a library that stays mapped.
#[derive(Clone, Copy)]
pub(super) struct Functions {
    pub(super) version: unsafe extern "C" fn(*mut u32) -> Status,
    pub(super) result_text: unsafe extern "C" fn(Status, *mut *const c_char) -> Status,
    pub(super) timestamp: unsafe extern "C" fn(*mut u64) -> Status,
    pub(super) register: unsafe extern "C" fn(RequestBuffer, CompleteBuffer) -> Status,
    pub(super) enable: unsafe extern "C" fn(u32) -> Status,
    pub(super) disable: unsafe extern "C" fn(u32) -> Status,
    pub(super) flush: unsafe extern "C" fn(u32) -> Status,
    pub(super) next_record: unsafe extern "C" fn(*mut u8, usize, *mut *mut u8) -> Status,
    pub(super) dropped: unsafe extern "C" fn(*mut c_void, u32, *mut usize) -> Status,
}

impl Functions {
    /// Finds the functions in `library`.
    ///
    /// # Errors
    /// It lacks one of them.
    pub(super) fn of(library: &Library) -> Result<Self, libloading::Error> {
        /// # Safety
        /// The function must have the type `F`.
        unsafe fn find<F: Copy>(library: &Library, name: &[u8]) -> Result<F, libloading::Error> {
            // SAFETY: the caller's promise.
            unsafe { library.get::<F>(name) }.map(|symbol| *symbol)
        }
        // SAFETY: the types are those of CUPTI's reference; `CUpti_ActivityKind` and `CUptiResult` are
        // C enumerations without negative values beyond 32 bits, so as wide as an `int`.
        unsafe {
            Ok(Self {
                version: find(library, b"cuptiGetVersion\0")?,
                result_text: find(library, b"cuptiGetResultString\0")?,
                timestamp: find(library, b"cuptiGetTimestamp\0")?,
                register: find(library, b"cuptiActivityRegisterCallbacks\0")?,
                enable: find(library, b"cuptiActivityEnable\0")?,
                disable: find(library, b"cuptiActivityDisable\0")?,
                flush: find(library, b"cuptiActivityFlushAll\0")?,
                next_record: find(library, b"cuptiActivityGetNextRecord\0")?,
                dropped: find(library, b"cuptiActivityGetNumDroppedRecords\0")?,
            })
        }
    }
}
