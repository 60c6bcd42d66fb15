//! How a model is executed. The names of the parameters are those of Triton's PyTorch backend.

use std::collections::BTreeMap;

use super::bridge::ExecutionOptions;
use crate::worker::backend::LoadError;
use crate::worker::parameters::{switch, thread_count};

/// What the `parameters` of a model configuration say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Without the book-keeping of autograd.
    inference_mode: bool,
    /// The graph is executed as it was written.
    disable_optimized_execution: bool,
    /// One module for all instances.
    pub(super) weight_sharing: bool,
    /// Threads within one operator; 0 leaves the number to PyTorch.
    intra_op_threads: i32,
    /// Threads for independent parts of a graph, for the whole worker; 0 leaves it to PyTorch.
    pub(super) inter_op_threads: i32,
}

/// Parameters of Triton's backend that change nothing here.
const WITHOUT_EFFECT: [&str; 5] = [
    "DISABLE_CUDNN",
    "ENABLE_CACHE_CLEANING",
    "ENABLE_JIT_EXECUTOR",
    "ENABLE_JIT_PROFILING",
    "ENABLE_TENSOR_FUSER",
];

impl Parameters {
    /// Reads them; what is absent has Triton's default.
    pub(super) fn read(parameters: &BTreeMap<String, String>) -> Result<Self, LoadError> {
        for key in WITHOUT_EFFECT {
            if parameters.contains_key(key) {
                tracing::warn!(
                    parameter = key,
                    "this parameter has no effect in this server"
                );
            }
        }
        Ok(Self {
            inference_mode: switch(parameters, "INFERENCE_MODE", true)?,
            disable_optimized_execution: switch(parameters, "DISABLE_OPTIMIZED_EXECUTION", false)?,
            weight_sharing: switch(parameters, "ENABLE_WEIGHT_SHARING", false)?,
            intra_op_threads: thread_count(parameters, "INTRA_OP_THREAD_COUNT")?,
            inter_op_threads: thread_count(parameters, "INTER_OP_THREAD_COUNT")?,
        })
    }

    /// The form in which the bridge gets them.
    pub(super) fn execution_options(&self) -> ExecutionOptions {
        ExecutionOptions {
            inference_mode: i32::from(self.inference_mode),
            optimize: i32::from(!self.disable_optimized_execution),
            intra_op_threads: self.intra_op_threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Parameters, LoadError> {
        let parameters = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        Parameters::read(&parameters)
    }

    #[test]
    fn defaults_are_tritons() {
        let parameters = read(&[]).unwrap();
        assert!(parameters.inference_mode && !parameters.weight_sharing);
        assert_eq!(
            parameters.execution_options(),
            ExecutionOptions {
                inference_mode: 1,
                optimize: 1,
                intra_op_threads: 0
            }
        );
    }

    #[test]
    fn what_is_given_is_read() {
        let parameters = read(&[
            ("INFERENCE_MODE", "false"),
            ("DISABLE_OPTIMIZED_EXECUTION", "True"),
            ("INTRA_OP_THREAD_COUNT", " 3 "),
            ("INTER_OP_THREAD_COUNT", "2"),
            ("ENABLE_JIT_EXECUTOR", "false"),
        ])
        .unwrap();
        assert_eq!(
            parameters.execution_options(),
            ExecutionOptions {
                inference_mode: 0,
                optimize: 0,
                intra_op_threads: 3
            }
        );
        assert_eq!(parameters.inter_op_threads, 2);
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (key, text) in [
            ("INFERENCE_MODE", "perhaps"),
            ("INTRA_OP_THREAD_COUNT", "-1"),
            ("INTER_OP_THREAD_COUNT", "many"),
        ] {
            let message = read(&[(key, text)]).unwrap_err().message;
            assert!(message.contains(key) && message.contains(text), "{message}");
        }
    }
}
