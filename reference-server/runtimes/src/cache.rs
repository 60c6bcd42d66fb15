//! The folder that installed runtimes live in.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Origin, Runtime, RuntimeName, Size};

/// The environment variable that overrides the cache's place.
pub const CACHE_VARIABLE: &str = "CUSTOM_OP_HARNESS_CACHE";

const APPLICATION: &str = "custom-op-harness";

/// The file in a runtime's folder that lists what was installed. It is written last, so a folder
/// without it is not an installed runtime.
pub(crate) const RECORD_FILE: &str = "installed.toml";

/// The file in a runtime's folder that holds the path of one that is used in its place.
const REFERENCE_FILE: &str = "in-place";

/// The folder that installed runtimes live in.
///
/// Below `runtimes/` there is one folder a runtime, by its name, below `tools/` one a tool, below
/// `packages/` one a package that was installed for itself, and in each of them hidden files of
/// installations that are under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache at `root`, which need not exist yet.
    ///
    /// # Errors
    /// `root` is relative and the working directory is gone, or `root` is empty.
    pub fn at(root: &Path) -> Result<Self, CacheError> {
        let root = std::path::absolute(root).map_err(|source| CacheError::NotAPath {
            path: root.to_owned(),
            source,
        })?;
        Ok(Self { root })
    }

    /// The cache at `root` where one is given, else at [`CACHE_VARIABLE`], else at
    /// `$XDG_CACHE_HOME/custom-op-harness` (`~/.cache/custom-op-harness`).
    ///
    /// # Errors
    /// None of them is set and there is no home folder, or the path cannot be made absolute.
    pub fn locate(root: Option<&Path>) -> Result<Self, CacheError> {
        let variable = std::env::var_os(CACHE_VARIABLE).filter(|value| !value.is_empty());
        if let Some(root) = root.or(variable.as_deref().map(Path::new)) {
            return Self::at(root);
        }
        let base = directories::BaseDirs::new().ok_or(CacheError::NoHome)?;
        Ok(Self {
            root: base.cache_dir().join(APPLICATION),
        })
    }

    /// The cache's own folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder that holds the runtimes' folders.
    pub(crate) fn runtimes_dir(&self) -> PathBuf {
        self.root.join("runtimes")
    }

    /// The folder that holds the folders of packages which are installed for themselves.
    pub fn packages_dir(&self) -> PathBuf {
        self.root.join("packages")
    }

    /// The folder that holds the tools' folders.
    pub fn tools_dir(&self) -> PathBuf {
        self.root.join("tools")
    }

    /// The folder of one runtime.
    pub(crate) fn runtime_dir(&self, name: &RuntimeName) -> PathBuf {
        self.runtimes_dir().join(name.to_string())
    }

    /// The runtime of that name, where it is installed completely, or is used in place of that
    /// ([`Cache::refer`]) and still there.
    pub fn find(&self, name: &RuntimeName) -> Option<Runtime> {
        let folder = self.runtime_dir(name);
        if let Ok(place) = fs::read_to_string(folder.join(REFERENCE_FILE)) {
            let runtime = Runtime::in_place(name.framework, Path::new(&place)).ok()?;
            return (runtime.name == *name).then_some(runtime);
        }
        let record = Record::read(&folder)?;
        (record.name == *name && record.is_complete(&folder)).then(|| record.runtime(&folder))
    }

    /// Has [`Cache::find`] find `runtime`, which is on this machine already, under its name.
    ///
    /// # Errors
    /// The cache cannot be written.
    pub fn refer(&self, runtime: &Runtime) -> Result<(), CacheError> {
        let path = self.runtime_dir(&runtime.name).join(REFERENCE_FILE);
        let write = || {
            fs::create_dir_all(self.runtime_dir(&runtime.name))?;
            fs::write(&path, runtime.main_library.as_os_str().as_encoded_bytes())
        };
        write().map_err(|source| CacheError::Unwritable {
            path: path.clone(),
            source,
        })
    }

    /// All runtimes that are installed completely, by framework, newest version first.
    pub fn installed(&self) -> Vec<Runtime> {
        let Ok(entries) = fs::read_dir(self.runtimes_dir()) else {
            return Vec::new();
        };
        let mut runtimes: Vec<Runtime> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|name| self.find(&name))
            .collect();
        runtimes.sort_by_key(|runtime| {
            let RuntimeName { framework, version } = runtime.name;
            (framework, std::cmp::Reverse(version))
        });
        runtimes
    }
}

/// What was installed, as written beside it. Paths are relative to the runtime's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub name: RuntimeName,
    pub main: PathBuf,
    #[serde(default)]
    pub size: Size,
    /// The Python tag of the package's extension modules, where they are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    #[serde(rename = "file")]
    pub files: Vec<RecordedFile>,
    /// Folders that were installed whole, such as header folders. Their thousands of files are not
    /// listed: reading the list would take longer than starting a server may.
    #[serde(rename = "tree", default, skip_serializing_if = "Vec::is_empty")]
    pub trees: Vec<RecordedTree>,
}

/// One installed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedFile {
    pub path: PathBuf,
    pub size: u64,
}

/// One folder that was installed whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedTree {
    pub path: PathBuf,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub size: u64,
}

impl RecordedFile {
    /// Whether the dynamic loader may look for it: `libc10.so`, `libcudart.so.13`.
    fn is_library(&self) -> bool {
        self.path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with(".so") || name.contains(".so."))
    }
}

impl Record {
    fn read(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join(RECORD_FILE)).ok()?;
        toml::from_str(&text).ok()
    }

    /// Whether every file is there in full length: a user may have tidied up.
    fn is_complete(&self, folder: &Path) -> bool {
        self.files.iter().any(|file| file.path == self.main)
            && self.files.iter().all(|file| {
                fs::metadata(folder.join(&file.path))
                    .is_ok_and(|data| data.is_file() && data.len() == file.size)
            })
            && self
                .trees
                .iter()
                .all(|tree| folder.join(&tree.path).is_dir())
    }

    fn runtime(&self, folder: &Path) -> Runtime {
        let parent = |file: &Path| folder.join(file.parent().unwrap_or(Path::new("")));
        let mut library_dirs = vec![parent(&self.main)];
        for file in self.files.iter().filter(|file| file.is_library()) {
            let folder = parent(&file.path);
            if !library_dirs.contains(&folder) {
                library_dirs.push(folder);
            }
        }
        let package_dir = self
            .main
            .components()
            .next()
            .map_or_else(|| folder.to_owned(), |package| folder.join(package));
        Runtime {
            name: self.name,
            main_library: folder.join(&self.main),
            library_dirs,
            origin: Origin::Cache,
            size: self.size,
            include_dirs: self.name.framework.include_dirs(&package_dir),
            bundled: self.name.framework.bundled(&package_dir),
            python: self.python.clone(),
            package_dir,
        }
    }
}

/// Why a cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// The given path cannot be made absolute.
    #[error("failed to use '{}' as the runtime cache: {source}", path.display())]
    NotAPath {
        /// The path.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A runtime's place cannot be noted.
    #[error("failed to write '{}': {source}; the cache must be writable to note where a runtime is", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no home folder to put the cache in.
    #[error(
        "found no place for the runtime cache: there is no home folder; set {CACHE_VARIABLE} to a \
         folder that can be written"
    )]
    NoHome,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Framework;

    #[test]
    fn a_runtime_that_is_referred_to_is_found_while_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libnvinfer.so.8.6.0");
        fs::write(&library, "").unwrap();
        let runtime = Runtime::in_place(Framework::TensorRt, &library).unwrap();
        let cache = Cache::at(&folder.path().join("cache")).unwrap();
        assert_eq!(cache.find(&runtime.name), None);
        cache.refer(&runtime).unwrap();
        assert_eq!(cache.find(&runtime.name), Some(runtime.clone()));
        assert_eq!(cache.installed(), std::slice::from_ref(&runtime));
        fs::remove_file(&library).unwrap();
        assert_eq!(cache.find(&runtime.name), None);
    }
}
