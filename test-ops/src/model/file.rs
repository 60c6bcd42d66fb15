use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::Format;

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Path relative to the version folder, such as `model.savedmodel/saved_model.pb`.
    pub path: PathBuf,
    /// The file's content.
    pub content: Vec<u8>,
}

/// A model could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or folder could not be written.
    #[error(
        "failed to write '{path}' of a model: {source}; is there space, and the right to write there?"
    )]
    Write {
        /// What was written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Files of this format are not made from the model alone.
    #[error(
        "failed to write the model '{model}' as {}: files of this format are built on the machine \
         that is to run them; use a PlanBuilder there, or choose another format", format.file_name()
    )]
    NoWriter {
        /// The model.
        model: String,
        /// The format.
        format: Format,
    },
    /// The format has no way to say what the model says.
    #[error("failed to write the model '{model}' as {}: {reason}", format.file_name())]
    Inexpressible {
        /// The model.
        model: String,
        /// The format.
        format: Format,
        /// What cannot be said, and what to do about it.
        reason: String,
    },
}

impl ModelFile {
    /// A file of this content.
    pub fn new(path: impl Into<PathBuf>, content: Vec<u8>) -> ModelFile {
        ModelFile {
            path: path.into(),
            content,
        }
    }

    /// Writes the file below `folder`, in one step in place of what is there.
    ///
    /// # Errors
    /// When it, or a folder that it lies in, cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ModelError> {
        let path = folder.join(&self.path);
        let parent = path.parent().unwrap_or(folder);
        let write = || -> io::Result<()> {
            fs::create_dir_all(parent)?;
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            file.write_all(&self.content)?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| ModelError::Write {
            path: path.clone(),
            source,
        })
    }
}
