//! Activity records: of kernels and of copies.
//!
//! CUPTI has a new structure for a kernel's record with nearly every release (`CUpti_ActivityKernel4` of
//! CUDA 9 to `CUpti_ActivityKernel13` of CUDA 13.4), and writes the newest that it knows. Each begins
//! as the one before it does: all of them have what is read here at the same place, and differ behind
//! it alone. So do the records of copies (`CUpti_ActivityMemcpy` to `CUpti_ActivityMemcpy7`). The
//! offsets are those of `cupti_activity.h`, whose structures are packed to eight bytes.

use std::ffi::{CStr, c_char};

/// `CUPTI_ACTIVITY_KIND_MEMCPY`
pub(in crate::measure) const COPY: u32 = 1;
/// `CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL`: kernels that run as they would without CUPTI, also several at
/// a time.
pub(in crate::measure) const KERNEL: u32 = 10;

/// Offset of `start` and `end`, 64 bits each, in the record of a kernel and of a copy.
const TIMES: usize = 16;
/// Offset of `name`, a pointer to a C string, in the record of a kernel.
const NAME: usize = 104;
/// Bytes of a kernel's record that are read; the shortest is longer.
const KERNEL_BYTES: usize = NAME + size_of::<usize>();
/// Offset of `copyKind`, 8 bits, in the record of a copy.
const COPY_KIND: usize = 4;
/// Offset of `bytes`, 64 bits, in the record of a copy.
const COPIED: usize = 8;
/// Bytes of a copy's record that are read; the shortest is longer.
const COPY_BYTES: usize = TIMES + 16;
/// `CUPTI_ACTIVITY_MEMCPY_KIND_DTOD`
const DEVICE_TO_DEVICE: u8 = 8;

/// What a GPU did once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::measure) struct Activity {
    /// When it began, on CUPTI's clock, in nanoseconds.
    pub(in crate::measure) start: u64,
    /// How long it took, in nanoseconds.
    pub(in crate::measure) duration: u64,
    /// What it was.
    pub(in crate::measure) what: What,
}

/// What a GPU did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::measure) enum What {
    /// It ran the kernel of this name.
    Kernel(String),
    /// It copied.
    Copy {
        /// How many bytes.
        bytes: u64,
        /// Whether from its own memory to its own memory.
        within_device: bool,
    },
}

/// Reads the record at `record`; `None` where it is of another kind, or its times are not known.
///
/// # Safety
/// `record` points to a whole record that CUPTI wrote, or to one that begins like it: a kernel's has 112
/// readable bytes and a name that is null or a C string, a copy's has 32.
pub(in crate::measure) unsafe fn read(record: *const u8) -> Option<Activity> {
    // SAFETY: every record begins with its kind, 32 bits.
    let kind = unsafe { record.cast::<u32>().read_unaligned() };
    match kind {
        KERNEL => {
            // SAFETY: the caller's promise.
            let bytes = unsafe { std::slice::from_raw_parts(record, KERNEL_BYTES) };
            let (start, duration) = times(bytes)?;
            let name = usize::from_ne_bytes(*bytes[NAME..].first_chunk()?);
            let name = std::ptr::with_exposed_provenance::<c_char>(name);
            let name = if name.is_null() {
                String::new()
            } else {
                // SAFETY: the caller's promise.
                unsafe { CStr::from_ptr(name) }
                    .to_string_lossy()
                    .into_owned()
            };
            Some(Activity {
                start,
                duration,
                what: What::Kernel(name),
            })
        }
        COPY => {
            // SAFETY: the caller's promise.
            let bytes = unsafe { std::slice::from_raw_parts(record, COPY_BYTES) };
            let (start, duration) = times(bytes)?;
            Some(Activity {
                start,
                duration,
                what: What::Copy {
                    bytes: number(bytes, COPIED)?,
                    within_device: bytes[COPY_KIND] == DEVICE_TO_DEVICE,
                },
            })
        }
        _ => None,
    }
}

/// Start and duration; `None` where CUPTI could not collect them and wrote zeros, or the end is open.
fn times(record: &[u8]) -> Option<(u64, u64)> {
    let (start, end) = (number(record, TIMES)?, number(record, TIMES + 8)?);
    (start > 0 && end >= start).then(|| (start, end - start))
}

fn number(record: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(*record.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel's record of `bytes` bytes: `CUpti_ActivityKernel4` has 144 of them (CUDA 9), `…9` 208
    /// (CUDA 12), `…10` the same (CUDA 13.0), `…13` 240 (CUDA 13.4). What is not written is no zero.
    fn kernel(bytes: usize, start: u64, end: u64, name: &'static CStr) -> Vec<u8> {
        let mut record = vec![0xEE; bytes];
        record[..4].copy_from_slice(&10u32.to_ne_bytes());
        record[16..24].copy_from_slice(&start.to_ne_bytes());
        record[24..32].copy_from_slice(&end.to_ne_bytes());
        record[104..112].copy_from_slice(&name.as_ptr().expose_provenance().to_ne_bytes());
        record
    }

    fn copy(kind: u8, bytes: u64, start: u64, end: u64) -> Vec<u8> {
        let mut record = vec![0xEE; 64];
        record[..4].copy_from_slice(&1u32.to_ne_bytes());
        record[4] = kind;
        record[8..16].copy_from_slice(&bytes.to_ne_bytes());
        record[16..24].copy_from_slice(&start.to_ne_bytes());
        record[24..32].copy_from_slice(&end.to_ne_bytes());
        record
    }

    fn read_bytes(record: &[u8]) -> Option<Activity> {
        // SAFETY: the records above are whole and have names that live for ever.
        unsafe { read(record.as_ptr()) }
    }

    #[test]
    fn a_kernel_is_read_from_the_record_of_each_release() {
        for bytes in [144, 208, 216, 240] {
            let record = kernel(bytes, 1_000, 1_288, c"bias_gelu<float>");
            assert_eq!(
                read_bytes(&record),
                Some(Activity {
                    start: 1_000,
                    duration: 288,
                    what: What::Kernel("bias_gelu<float>".to_owned()),
                }),
                "{bytes}"
            );
        }
    }

    #[test]
    fn a_copy_within_the_device_is_told_from_others() {
        let what = |kind| read_bytes(&copy(kind, 512, 7, 9)).unwrap().what;
        let expected = |within_device| What::Copy {
            bytes: 512,
            within_device,
        };
        // Host to device, device to host, device to device.
        assert_eq!(what(1), expected(false));
        assert_eq!(what(2), expected(false));
        assert_eq!(what(8), expected(true));
    }

    #[test]
    fn what_has_no_times_or_is_something_else_is_passed_over() {
        assert_eq!(read_bytes(&kernel(144, 0, 0, c"k")), None);
        assert_eq!(read_bytes(&kernel(144, 9, 0, c"k")), None);
        let mut other = copy(1, 1, 2, 3);
        other[..4].copy_from_slice(&2u32.to_ne_bytes());
        assert_eq!(read_bytes(&other), None);
    }
}
