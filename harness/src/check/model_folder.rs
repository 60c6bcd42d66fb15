//! Which folders of a model repository are models, as far as is seen before a server looks at them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::model_file::framework_of;

/// Why a folder is no repository of which a model could be checked.
#[derive(Debug, thiserror::Error)]
pub enum NoModelError {
    /// It cannot be listed.
    #[error(
        "failed to read the model repository '{}': {source}; give the folder that holds the models' \
         folders", folder.display()
    )]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is one of the models.
    #[error(
        "'{}' is a model and no repository: give the folder that it stands in, '{}'",
        folder.display(), parent.display()
    )]
    IsModel {
        /// The folder.
        folder: PathBuf,
        /// The folder that was probably meant.
        parent: PathBuf,
    },
    /// Nothing in it looks like a model.
    #[error(
        "there is no model in '{folder}': a model is a folder with a config.pbtxt or with its versions \
         as numbered folders, such as '{folder}/my_model/1/model.onnx'; give the folder that holds the \
         models' folders", folder = .0.display()
    )]
    NoModel(PathBuf),
    /// There are models, and nobody here serves one of them.
    #[error(
        "none of the models in '{}' ({}) says that it is one of ONNX Runtime, PyTorch, TensorFlow or \
         TensorRT, by the backend or platform in its config.pbtxt or by the name of its file; there is \
         nothing to check", folder.display(), names.join(", ")
    )]
    OfNoFramework {
        /// The folder.
        folder: PathBuf,
        /// The models.
        names: Vec<String>,
    },
}

/// Makes sure that `repository` holds a model, and one that can be checked where there
/// `is_nothing_else` to check.
///
/// # Errors
/// It does not.
pub fn require_model(repository: &Path, is_nothing_else: bool) -> Result<(), NoModelError> {
    let entries = fs::read_dir(repository).map_err(|source| NoModelError::Unreadable {
        folder: repository.to_owned(),
        source,
    })?;
    // The server passes by what begins with a dot.
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| is_model(&entry.path()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    if names.is_empty() {
        let folder = repository.to_owned();
        return Err(match repository.canonicalize() {
            Ok(path) if is_model(repository) => NoModelError::IsModel {
                parent: path.parent().unwrap_or(&path).to_owned(),
                folder,
            },
            _ => NoModelError::NoModel(folder),
        });
    }
    let mut folders = names.iter().map(|name| repository.join(name));
    if is_nothing_else && folders.all(|folder| framework_of(&folder).is_none()) {
        return Err(NoModelError::OfNoFramework {
            folder: repository.to_owned(),
            names,
        });
    }
    Ok(())
}

/// Whether a server would take `folder` for a model: it is configured, or has a version.
fn is_model(folder: &Path) -> bool {
    let is_version = |entry: &fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap_or_default();
        name.parse::<u64>().is_ok() && entry.path().is_dir()
    };
    let entries = || fs::read_dir(folder).into_iter().flatten().flatten();
    folder.join("config.pbtxt").is_file() || entries().any(|entry| is_version(&entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn a_folder_without_a_model_is_told_from_a_model_and_from_a_repository() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let error = || require_model(root, false).unwrap_err().to_string();
        assert!(error().contains("there is no model in"), "{}", error());
        write(&root.join("src/main.rs"), "");
        write(&root.join(".git/1/x"), "");
        assert!(error().contains("there is no model in"), "{}", error());
        write(&root.join("1/model.onnx"), "");
        assert!(
            error().contains("is a model and no repository"),
            "{}",
            error()
        );
        let inside = root.join("src");
        write(&inside.join("m/1/model.onnx"), "");
        assert!(require_model(&inside, true).is_ok());
    }

    #[test]
    fn models_that_nobody_serves_are_nothing_to_check() {
        let folder = tempfile::tempdir().unwrap();
        let configuration = folder.path().join("foreign/config.pbtxt");
        write(&configuration, "backend: \"python\"");
        assert!(require_model(folder.path(), false).is_ok());
        let error = require_model(folder.path(), true).unwrap_err().to_string();
        assert!(error.contains("foreign"), "{error}");
    }
}
