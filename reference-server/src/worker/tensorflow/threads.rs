//! How many threads a model's operations may use.

use std::collections::BTreeMap;

use super::messages::ConfigProto;
use crate::worker::backend::LoadError;
use crate::worker::parameters::{switch, thread_count};

/// Threads of a model's session. The names of the parameters are those of Triton's TensorFlow
/// backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threads {
    /// Threads within one operation; 0 leaves the number to TensorFlow. TensorFlow has one such
    /// pool a process: the first session's number holds.
    intra_op: i32,
    /// Operations that run beside each other; 0 runs one after the other in the calling thread.
    inter_op: i32,
    /// Whether the session has threads of its own.
    per_session: bool,
}

impl Threads {
    /// Reads `TF_NUM_INTRA_THREADS`, `TF_NUM_INTER_THREADS` and `TF_USE_PER_SESSION_THREADS`.
    /// Absent or 0 means the default.
    pub(super) fn from_parameters(
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            intra_op: thread_count(parameters, "TF_NUM_INTRA_THREADS")?,
            inter_op: thread_count(parameters, "TF_NUM_INTER_THREADS")?,
            per_session: switch(parameters, "TF_USE_PER_SESSION_THREADS", false)?,
        })
    }

    /// The session configuration with these threads.
    ///
    /// By default operations run in the calling thread: an instance has a thread of its own, and
    /// a small operation costs less than to hand it over. Parallelism within an operation is not
    /// touched by that.
    pub(super) fn configuration(self) -> ConfigProto {
        ConfigProto {
            intra_op_threads: self.intra_op,
            inter_op_threads: if self.inter_op == 0 {
                -1
            } else {
                self.inter_op
            },
            allow_soft_placement: true,
            // The shared pool has the size that the first session asked for.
            threads_per_session: self.per_session || self.inter_op > 0,
            ..ConfigProto::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Threads, LoadError> {
        let parameters = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Threads::from_parameters(&parameters)
    }

    #[test]
    fn operations_run_in_the_calling_thread_unless_told_otherwise() {
        let configuration = read(&[]).unwrap().configuration();
        assert_eq!(configuration.inter_op_threads, -1);
        assert!(!configuration.threads_per_session);
        let configuration = read(&[("TF_NUM_INTER_THREADS", "2"), ("TF_NUM_INTRA_THREADS", "3")])
            .unwrap()
            .configuration();
        assert_eq!(configuration.inter_op_threads, 2);
        assert_eq!(configuration.intra_op_threads, 3);
        assert!(configuration.threads_per_session);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (key, text) in [
            ("TF_NUM_INTRA_THREADS", "many"),
            ("TF_NUM_INTER_THREADS", "-1"),
            ("TF_USE_PER_SESSION_THREADS", "maybe"),
        ] {
            let error = read(&[(key, text)]).unwrap_err();
            assert!(error.message.contains(&format!("'{key}'")), "{error}");
            assert!(error.message.contains(&format!("'{text}'")), "{error}");
        }
    }
}
