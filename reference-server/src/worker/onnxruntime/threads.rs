//! How many threads a model's operators may use.

use std::collections::BTreeMap;

use crate::worker::backend::LoadError;
use crate::worker::parameters::thread_count;

/// Threads of a model's sessions. The names of the parameters are those of Triton's ONNX Runtime
/// backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Threads {
    /// The pool that all sessions of the worker share.
    Shared,
    /// A pool for each session; 0 leaves a number to ONNX Runtime.
    Own {
        /// Threads within one operator.
        intra_op: i32,
        /// Operators that run beside each other.
        inter_op: i32,
    },
}

impl Threads {
    /// Reads `intra_op_thread_count` and `inter_op_thread_count`. Absent or 0 means the default.
    pub(super) fn from_parameters(
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, LoadError> {
        let intra_op = thread_count(parameters, "intra_op_thread_count")?;
        let inter_op = thread_count(parameters, "inter_op_thread_count")?;
        Ok(if intra_op == 0 && inter_op == 0 {
            Self::Shared
        } else {
            Self::Own { intra_op, inter_op }
        })
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
    fn sessions_share_threads_unless_told_otherwise() {
        assert_eq!(read(&[]).unwrap(), Threads::Shared);
        assert_eq!(
            read(&[("intra_op_thread_count", "0")]).unwrap(),
            Threads::Shared
        );
        assert_eq!(
            read(&[("intra_op_thread_count", "2")]).unwrap(),
            Threads::Own {
                intra_op: 2,
                inter_op: 0
            }
        );
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for text in ["many", "-1", "", "1.5"] {
            let error = read(&[("inter_op_thread_count", text)]).unwrap_err();
            assert!(error.message.contains("'inter_op_thread_count'"), "{error}");
            assert!(error.message.contains(&format!("'{text}'")), "{error}");
        }
    }
}
