//! Where CUPTI may lie.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Names that the dynamic loader is asked for, newest first.
const NAMES: [&str; 3] = ["libcupti.so.13", "libcupti.so.12", "libcupti.so"];

/// Folders of CUDA toolkits that are not on the loader's path.
const TOOLKIT: [&str; 2] = [
    "/usr/local/cuda/extras/CUPTI/lib64",
    "/usr/local/cuda/lib64",
];

/// The libraries to try, best first: `named` alone where there is one, or else those in `folders`, in
/// the packages beside a runtime, then those that the dynamic loader finds, then those of a toolkit.
pub(in crate::measure) fn candidates(named: Option<&Path>, folders: &[PathBuf]) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.to_owned()];
    }
    let beside = folders.iter().flat_map(|folder| in_folder(folder));
    let of_toolkit = TOOLKIT
        .iter()
        .flat_map(|folder| in_folder(Path::new(folder)));
    beside
        .chain(NAMES.iter().map(PathBuf::from))
        .chain(of_toolkit)
        .collect()
}

/// The files of a folder that may be CUPTI, the highest version first.
fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().map(OsStr::to_string_lossy);
            name.is_some_and(|name| name.starts_with("libcupti.so"))
        })
        .collect();
    files.sort();
    files.reverse();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_the_runtime_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["libcupti.so.12", "libcupti.so.13", "libcudart.so.13"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let folders = [PathBuf::from("/nowhere"), folder.path().to_owned()];
        let found = candidates(None, &folders);
        assert_eq!(found[0], folder.path().join("libcupti.so.13"));
        assert_eq!(found[1], folder.path().join("libcupti.so.12"));
        assert_eq!(found[2], Path::new("libcupti.so.13"));
        let named = candidates(Some(Path::new("/x.so")), &folders);
        assert_eq!(named, [Path::new("/x.so")]);
    }
}
