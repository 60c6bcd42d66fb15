//! The CUDA libraries that pip installs beside a framework.

use std::fs;
use std::path::{Path, PathBuf};

/// The library folders of the NVIDIA packages in `site_packages`: `nvidia/cu13/lib`,
/// `nvidia/cublas/lib` and so on, in the order of their names.
pub(super) fn library_dirs(site_packages: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = fs::read_dir(site_packages.join("nvidia"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("lib"))
        .filter(|folder| folder.is_dir())
        .collect();
    folders.sort();
    folders
}

/// Whether one of `folders` holds a library whose file name begins with `prefix`.
pub(super) fn holds(folders: &[PathBuf], prefix: &str) -> bool {
    folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
}
