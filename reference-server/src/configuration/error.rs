//! Why a model configuration is refused.

use std::{io, path::PathBuf};

/// A model configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file or folder cannot be read.
    #[error("failed to read '{}': {source}", path.display())]
    Read {
        /// What was read.
        path: PathBuf,
        /// Why that failed.
        source: io::Error,
    },
    /// The text of `config.pbtxt` is not what it should be.
    #[error("failed to parse {}:{line}:{column}: {message}", file.display())]
    Text {
        /// The file.
        file: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Column in characters, counted from 1.
        column: usize,
        /// What is wrong there, and the nearest valid name.
        message: String,
    },
    /// The JSON form is not what it should be.
    #[error("failed to parse the model configuration of '{model}' in JSON: {message}")]
    Json {
        /// The model.
        model: String,
        /// What is wrong, with line and column.
        message: String,
    },
    /// The configuration contradicts itself, the server or the model.
    #[error("{0}")]
    Invalid(String),
}

impl ConfigurationError {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

/// The candidate that is spelled most like `name`, unless none is near.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 2)
        .map(|(_, candidate)| candidate)
}
