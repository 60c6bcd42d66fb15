//! Flight recorder: what a worker is about to do, in memory that outlives it.
//!
//! A static initializer that crashes cannot report itself. So the worker writes down each step
//! before it takes it, in a page that the front has mapped too, and the front reads the last
//! entry when the worker is gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::backend::RefusedApi;

/// Longest subject (a path) that is recorded, in bytes; longer ones keep their end.
const SUBJECT_CAPACITY: usize = 1024;

/// The step a worker was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Step {
    /// Waiting for something to do.
    Idle = 0,
    /// Mapping the framework's own library.
    MapRuntime = 1,
    /// `dlopen` of an op library: its static initializers run.
    OpenLibrary = 2,
    /// The op library's entry point (such as `RegisterCustomOps`) runs.
    Register = 3,
    /// The framework reads the model and prepares it for execution.
    CreateSession = 4,
    /// The framework releases a model.
    CloseSession = 5,
    /// `dlclose` of an op library: its static destructors run.
    CloseLibrary = 6,
}

impl Step {
    fn from_code(code: u32) -> Self {
        match code {
            1 => Self::MapRuntime,
            2 => Self::OpenLibrary,
            3 => Self::Register,
            4 => Self::CreateSession,
            5 => Self::CloseSession,
            6 => Self::CloseLibrary,
            _ => Self::Idle,
        }
    }
}

/// The shared page. All-zero memory is a valid, empty recorder.
#[repr(C)]
pub struct Recorder {
    step: AtomicU32,
    latest: AtomicU32,
    requested_api: AtomicU32,
    offered_api: AtomicU32,
    subject_length: AtomicU32,
    subject: [AtomicU32; SUBJECT_CAPACITY / 4],
}

/// A recorder with whatever keeps its page mapped.
pub type SharedRecorder = Arc<dyn AsRef<Recorder> + Send + Sync>;

impl AsRef<Recorder> for Recorder {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// What the recorder held when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The step that was under way.
    pub step: Step,
    /// The step that was begun last for the current request, whether it is still under way or not.
    /// Closing what a failure left behind does not count.
    pub latest: Step,
    /// The file that the step was about.
    pub subject: PathBuf,
    /// The API level that the library asked for in this step and was refused.
    pub refused_api: Option<RefusedApi>,
}

impl Recorder {
    /// Notes that a request arrived, for which nothing has been begun yet.
    pub fn begin(&self) {
        self.latest.store(Step::Idle as u32, Ordering::SeqCst);
    }

    /// Notes that `step` on `subject` is about to begin. Only the worker's control thread writes.
    pub fn enter(&self, step: Step, subject: &Path) {
        use std::os::unix::ffi::OsStrExt;
        let bytes = subject.as_os_str().as_bytes();
        let bytes = &bytes[bytes.len().saturating_sub(SUBJECT_CAPACITY)..];
        self.step.store(Step::Idle as u32, Ordering::SeqCst);
        self.requested_api.store(0, Ordering::Relaxed);
        self.offered_api.store(0, Ordering::Relaxed);
        self.subject_length
            .store(bytes.len() as u32, Ordering::Relaxed);
        for (word, chunk) in self.subject.iter().zip(bytes.chunks(4)) {
            let mut padded = [0; 4];
            padded[..chunk.len()].copy_from_slice(chunk);
            word.store(u32::from_le_bytes(padded), Ordering::Relaxed);
        }
        if !matches!(step, Step::CloseSession | Step::CloseLibrary) {
            self.latest.store(step as u32, Ordering::SeqCst);
        }
        self.step.store(step as u32, Ordering::SeqCst);
    }

    /// Notes that the worker has nothing under way.
    pub fn idle(&self) {
        self.step.store(Step::Idle as u32, Ordering::SeqCst);
    }

    /// Notes that the library of the current step was refused an API level.
    pub fn refused_api(&self, refused: RefusedApi) {
        self.offered_api.store(refused.offered, Ordering::Relaxed);
        self.requested_api
            .store(refused.requested, Ordering::SeqCst);
    }

    /// What the recorder holds now.
    pub fn read(&self) -> Record {
        use std::os::unix::ffi::OsStringExt;
        let step = Step::from_code(self.step.load(Ordering::SeqCst));
        let latest = Step::from_code(self.latest.load(Ordering::SeqCst));
        let length = (self.subject_length.load(Ordering::Relaxed) as usize).min(SUBJECT_CAPACITY);
        let mut bytes: Vec<u8> = self
            .subject
            .iter()
            .flat_map(|word| word.load(Ordering::Relaxed).to_le_bytes())
            .collect();
        bytes.truncate(length);
        let requested = self.requested_api.load(Ordering::SeqCst);
        Record {
            step,
            latest,
            subject: PathBuf::from(std::ffi::OsString::from_vec(bytes)),
            refused_api: (requested != 0).then(|| RefusedApi {
                requested,
                offered: self.offered_api.load(Ordering::Relaxed),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Box<Recorder> {
        // SAFETY: the struct consists of atomics only, for which all-zero bytes are valid.
        Box::new(unsafe { std::mem::zeroed() })
    }

    #[test]
    fn tells_the_last_step_and_forgets_the_one_before() {
        let recorder = empty();
        recorder.enter(Step::Register, Path::new("/a/longer/path.so"));
        let refused = RefusedApi {
            requested: 99,
            offered: 32,
        };
        recorder.refused_api(refused);
        assert_eq!(recorder.read().refused_api, Some(refused));
        recorder.enter(Step::OpenLibrary, Path::new("/b.so"));
        let record = recorder.read();
        assert_eq!(record.step, Step::OpenLibrary);
        assert_eq!(record.subject, Path::new("/b.so"));
        assert_eq!(record.refused_api, None);
        recorder.enter(Step::CloseLibrary, Path::new("/b.so"));
        recorder.idle();
        let record = recorder.read();
        assert_eq!(
            (record.step, record.latest),
            (Step::Idle, Step::OpenLibrary)
        );
        recorder.begin();
        assert_eq!(recorder.read().latest, Step::Idle);
    }

    #[test]
    fn keeps_the_end_of_a_path_that_is_too_long() {
        let recorder = empty();
        let long = format!("/{}/name.so", "x".repeat(3000));
        recorder.enter(Step::OpenLibrary, Path::new(&long));
        let subject = recorder.read().subject;
        assert_eq!(subject.as_os_str().len(), SUBJECT_CAPACITY);
        assert!(subject.to_str().unwrap().ends_with("/name.so"));
    }
}
