//! CUPTI, opened: records are kept between [`Tracer::start`] and [`Tracer::stop`].

use std::alloc::Layout;
use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use parking_lot::Mutex;

use super::interface::{COMPLETE, END_OF_BUFFER, FORCED, Functions, OLDEST, SUCCESS, Status};
use super::record::{self, Activity};

/// Kinds of records that are kept.
const KINDS: [u32; 2] = [record::KERNEL, record::COPY];
/// Bytes of a buffer for records: some thousand of them.
const BUFFER_BYTES: usize = 1 << 20;

/// Why the GPU's records cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CuptiError {
    /// It is not there.
    #[error(
        "CUPTI, which has the times of kernels, cannot be opened ({reason}); install the package \
         nvidia-cuda-cupti, or name libcupti.so with --cupti or REFERENCE_SERVER_CUPTI"
    )]
    Missing {
        /// What the dynamic loader said to the first file that exists, or to the last name.
        reason: String,
    },
    /// It is too old.
    #[error("CUPTI '{}' has the version {found} of its interface, and {OLDEST} is the oldest that is supported; name another one with --cupti", path.display())]
    TooOld {
        /// The library.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// One of its functions fails.
    #[error("CUPTI failed to {action}: {reason}; another profiler may be at work in this process")]
    Function {
        /// What was attempted.
        action: &'static str,
        /// What it said.
        reason: String,
    },
    /// It had no room for records.
    #[error("CUPTI dropped {0} records: fewer executions a run would do")]
    Dropped(usize),
}

/// A buffer that CUPTI has filled.
struct Filled {
    address: NonNull<u8>,
    valid: usize,
}

// SAFETY: the buffer is plain memory that nobody else refers to.
unsafe impl Send for Filled {}

/// What CUPTI gave back and nobody has read yet. One for the process, as CUPTI's callbacks are.
static FILLED: Mutex<Vec<Filled>> = Mutex::new(Vec::new());

/// CUPTI, mapped for the rest of the process's life.
pub(in crate::measure) struct Tracer {
    functions: Functions,
}

impl Tracer {
    /// Opens the first of `candidates` that can be opened.
    ///
    /// # Errors
    /// There is none, or it does not work.
    pub(in crate::measure) fn open(candidates: &[PathBuf]) -> Result<Self, CuptiError> {
        let mut reason = "no file was found".to_owned();
        let mut is_of_file = false;
        for path in candidates {
            // SAFETY: the initializers are those of NVIDIA's library.
            match unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) } {
                Ok(library) => return Self::of(library.into(), path),
                Err(error) if !is_of_file => {
                    reason = reason_of(&error);
                    is_of_file = path.is_file();
                }
                Err(_) => {}
            }
        }
        Err(CuptiError::Missing { reason })
    }

    fn of(library: libloading::Library, path: &Path) -> Result<Self, CuptiError> {
        let functions = Functions::of(&library).map_err(|error| CuptiError::Missing {
            reason: reason_of(&error),
        })?;
        // It has threads and callbacks in the driver: it must never be unmapped.
        std::mem::forget(library);
        let tracer = Self { functions };
        let mut found = 0;
        // SAFETY: the argument is live.
        tracer.check("tell its version", unsafe {
            (functions.version)(&raw mut found)
        })?;
        if found < OLDEST {
            return Err(CuptiError::TooOld {
                path: path.to_owned(),
                found,
            });
        }
        tracing::info!(library = %path.display(), version = found, "kernels are timed by CUPTI");
        // SAFETY: both functions live as long as the process and keep to CUPTI's rules.
        tracer.check("take its buffers", unsafe {
            (functions.register)(give_buffer, take_buffer)
        })?;
        Ok(tracer)
    }

    /// Keeps records from here on.
    ///
    /// # Errors
    /// CUPTI refuses.
    pub(in crate::measure) fn start(&self) -> Result<(), CuptiError> {
        KINDS.iter().try_for_each(|kind| {
            // SAFETY: the function takes a number.
            self.check("begin to record", unsafe { (self.functions.enable)(*kind) })
        })
    }

    /// The time on the clock of the records, in nanoseconds.
    ///
    /// # Errors
    /// CUPTI does not tell.
    pub(in crate::measure) fn now(&self) -> Result<u64, CuptiError> {
        let mut now = 0;
        // SAFETY: the argument is live.
        self.check("tell the time", unsafe {
            (self.functions.timestamp)(&raw mut now)
        })?;
        Ok(now)
    }

    /// Ends the recording and returns what was recorded, in order. The GPU has to have done all of its
    /// work.
    ///
    /// # Errors
    /// CUPTI refuses, or had no room for a record.
    pub(in crate::measure) fn stop(&self) -> Result<Vec<Activity>, CuptiError> {
        // The second asks for buffers too that CUPTI still holds back, though nothing is under way.
        let flushed = [COMPLETE, FORCED].map(|flag| {
            // SAFETY: the function takes a number.
            unsafe { (self.functions.flush)(flag) }
        });
        for kind in KINDS {
            // SAFETY: as above.
            self.check("end its records", unsafe { (self.functions.disable)(kind) })?;
        }
        for status in flushed {
            self.check("hand out its records", status)?;
        }
        let mut activities = Vec::new();
        for filled in FILLED.lock().drain(..) {
            self.read(&filled, &mut activities);
            // SAFETY: `give_buffer` allocated it with this layout, and CUPTI has given it back.
            unsafe { std::alloc::dealloc(filled.address.as_ptr(), layout()) };
        }
        let mut dropped = 0;
        // SAFETY: no context and stream zero stand for the process; the last argument is live.
        self.check("count its records", unsafe {
            (self.functions.dropped)(std::ptr::null_mut(), 0, &raw mut dropped)
        })?;
        if dropped > 0 {
            return Err(CuptiError::Dropped(dropped));
        }
        activities.sort_by_key(|activity| activity.start);
        Ok(activities)
    }

    fn read(&self, filled: &Filled, activities: &mut Vec<Activity>) {
        let mut record: *mut u8 = std::ptr::null_mut();
        loop {
            // SAFETY: the buffer is one that CUPTI filled to `valid` bytes; `record` is null or what
            // this function returned for it before.
            let status = unsafe {
                (self.functions.next_record)(filled.address.as_ptr(), filled.valid, &raw mut record)
            };
            if status != SUCCESS || record.is_null() {
                if status != END_OF_BUFFER {
                    tracing::warn!(status, "CUPTI could not read all of its records");
                }
                return;
            }
            // SAFETY: CUPTI wrote a whole record there; names live as long as their module, which is
            // loaded as long as its model is.
            activities.extend(unsafe { record::read(record) });
        }
    }

    fn check(&self, action: &'static str, status: Status) -> Result<(), CuptiError> {
        if status == SUCCESS {
            return Ok(());
        }
        let mut text = std::ptr::null();
        // SAFETY: the argument is live; the text, where there is one, is a static C string.
        let reason = unsafe {
            if (self.functions.result_text)(status, &raw mut text) == SUCCESS && !text.is_null() {
                CStr::from_ptr(text).to_string_lossy().into_owned()
            } else {
                format!("status {status}")
            }
        };
        Err(CuptiError::Function { action, reason })
    }
}

/// What the dynamic loader said; the error itself only names its function.
fn reason_of(error: &libloading::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

/// Records begin at multiples of eight bytes.
fn layout() -> Layout {
    Layout::from_size_align(BUFFER_BYTES, 8).expect("a constant size")
}

unsafe extern "C" fn give_buffer(address: *mut *mut u8, bytes: *mut usize, records: *mut usize) {
    // SAFETY: the size is not zero; CUPTI's arguments are live. A null address tells CUPTI that there
    // is no memory, and it drops records, which it counts.
    unsafe {
        let buffer = std::alloc::alloc(layout());
        *address = buffer;
        *bytes = if buffer.is_null() { 0 } else { BUFFER_BYTES };
        *records = 0;
    }
}

unsafe extern "C" fn take_buffer(
    _context: *mut c_void,
    _stream: u32,
    address: *mut u8,
    _bytes: usize,
    valid: usize,
) {
    if let Some(address) = NonNull::new(address) {
        FILLED.lock().push(Filled { address, valid });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_is_not_there_is_named_with_a_remedy() {
        let error = Tracer::open(&["/nowhere/libcupti.so.13".into()])
            .err()
            .unwrap();
        let text = error.to_string();
        assert!(
            text.contains("/nowhere/libcupti.so.13") && text.contains("--cupti"),
            "{text}"
        );
    }

    /// The functions are there, and their types fit as far as a machine without a GPU can tell.
    #[test]
    fn the_one_beside_pytorch_is_opened_and_asked() {
        use runtimes::{Cache, Catalog, Framework};

        let catalog = Catalog::builtin();
        let entry = catalog.default_of(Framework::PyTorch).unwrap();
        let runtime = Cache::locate(None).unwrap().find(&entry.name());
        let Some(runtime) = runtime else {
            eprintln!("SKIPPED: {} is not installed", entry.name());
            return;
        };
        let candidates = crate::measure::cupti::candidates(None, &runtime.library_dirs);
        assert!(candidates[0].is_file(), "{candidates:?}");
        let tracer = Tracer::open(&candidates).unwrap();
        assert!(tracer.now().unwrap() > 0);
        match tracer.start() {
            Ok(()) => assert_eq!(tracer.stop().unwrap(), []),
            // Without a driver there is nothing to record.
            Err(CuptiError::Function { reason, .. }) => {
                assert!(reason.contains("CUPTI_ERROR"), "{reason}");
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_library_that_is_another_one_is_refused() {
        let error = Tracer::open(&["libm.so.6".into()]).err().unwrap();
        assert!(error.to_string().contains("cuptiGetVersion"), "{error}");
    }
}
