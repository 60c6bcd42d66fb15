//! Where the files of a model are.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::given_files::GivenFiles;

/// The folder that a model is loaded from.
#[derive(Clone, Debug)]
pub enum ModelFolder {
    /// One of a model repository.
    InRepository(PathBuf),
    /// One with the files of a load request, which stays as long as this value.
    Given(Arc<GivenFiles>),
}

impl ModelFolder {
    /// The folder.
    pub fn path(&self) -> &Path {
        match self {
            Self::InRepository(folder) => folder,
            Self::Given(files) => files.path(),
        }
    }
}

/// The model repositories: folders of models' folders.
pub(super) struct ModelFolders(pub(super) Vec<PathBuf>);

impl ModelFolders {
    /// Names of all models.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.0
            .iter()
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect()
    }

    /// The folder of a model.
    ///
    /// # Errors
    /// No repository has it, or more than one does.
    pub(super) fn find(&self, name: &str) -> Result<PathBuf, String> {
        let mut found = self.all_of(name);
        match (found.next(), found.next()) {
            (Some(folder), None) => Ok(folder),
            (Some(first), Some(second)) => Err(format!(
                "model '{name}' is in two model repositories, '{}' and '{}'; give one of them \
                 another name",
                first.display(),
                second.display()
            )),
            (None, _) => Err(format!(
                "failed to poll from model repository: no folder '{name}' in {}",
                self.0
                    .iter()
                    .map(|folder| format!("'{}'", folder.display()))
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    /// Whether a repository has that model.
    pub(super) fn have(&self, name: &str) -> bool {
        self.all_of(name).next().is_some()
    }

    fn all_of(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        let is_plain = Path::new(name).file_name() == Some(OsStr::new(name));
        let folders = self.0.iter().map(move |folder| folder.join(name));
        folders.filter(move |folder| is_plain && folder.is_dir())
    }
}
