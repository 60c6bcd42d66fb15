//! What goes into a bundle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use op_library::system_needs;
use runtimes::{Cache, Prebuilt, Runtime, RuntimeName};
use unbundler::CLibraryVersion;
use walkdir::WalkDir;

use super::{BundleError, Needed};

/// The cache in a bundle.
pub(super) const CACHE: &str = "cache";
/// The harness in a bundle.
pub(super) const HARNESS: &str = "harness";
/// The server in a bundle.
pub(super) const SERVER: &str = "reference-server";

/// Everything in a bundle but its manifest: paths in it, in order, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    entries: BTreeMap<PathBuf, Source>,
    prebuilt: Prebuilt,
}

/// Where an entry comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A file, or a symbolic link.
    File(PathBuf),
    /// An empty folder.
    Folder,
}

/// What all files together need of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeedsOfAll {
    /// The oldest GNU C library that will do.
    pub c_library: Option<Needed>,
    /// The oldest major version of CUDA that will do.
    pub cuda: Option<Needed>,
}

impl Contents {
    /// The programs.
    pub fn add_programs(&mut self, harness: &Path, server: &Path) {
        self.add_file(HARNESS.into(), harness);
        self.add_file(SERVER.into(), server);
    }

    /// The files of a runtime in `cache`. Headers are left out: they are only compiled against.
    ///
    /// # Errors
    /// Its folder cannot be read.
    pub fn add_runtime(&mut self, cache: &Cache, runtime: &Runtime) -> Result<(), BundleError> {
        let folder = runtime
            .package_dir
            .parent()
            .unwrap_or(&runtime.package_dir)
            .to_owned();
        self.add_tree(cache, &folder, &runtime.include_dirs)
    }

    /// A folder of a package in `cache`.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn add_package(&mut self, cache: &Cache, folder: &Path) -> Result<(), BundleError> {
        self.add_tree(cache, folder, &[])
    }

    /// A file of `cache` that answers `request` on a machine that cannot build it.
    ///
    /// # Errors
    /// It lies elsewhere.
    pub fn add_product(
        &mut self,
        cache: &Cache,
        request: String,
        file: &Path,
    ) -> Result<(), BundleError> {
        let path = in_cache(cache, file)?;
        self.prebuilt.add(request, path.clone());
        self.add_file(Path::new(CACHE).join(path), file);
        Ok(())
    }

    fn add_tree(
        &mut self,
        cache: &Cache,
        folder: &Path,
        empty: &[PathBuf],
    ) -> Result<(), BundleError> {
        let mut walk = WalkDir::new(folder).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let entry = entry.map_err(|error| BundleError::Pack {
                path: error.path().unwrap_or(folder).to_owned(),
                source: error.into(),
            })?;
            let path = Path::new(CACHE).join(in_cache(cache, entry.path())?);
            if empty.iter().any(|folder| folder == entry.path()) {
                // A runtime without the folder would not count as complete.
                self.entries.insert(path, Source::Folder);
                walk.skip_current_dir();
            } else if !entry.file_type().is_dir() {
                self.add_file(path, entry.path());
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: PathBuf, file: &Path) {
        self.entries.insert(path, Source::File(file.to_owned()));
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Path, &Source)> {
        self.entries
            .iter()
            .map(|(path, source)| (path.as_path(), source))
    }

    pub(super) fn prebuilt(&self) -> &Prebuilt {
        &self.prebuilt
    }

    /// Paths in the bundle with their lengths, which tell two bundles apart.
    pub(super) fn description(&self) -> String {
        let lines = self.entries().map(|(path, source)| {
            let length = match source {
                Source::File(file) => fs::metadata(file).map_or(0, |data| data.len()),
                Source::Folder => 0,
            };
            format!("{} {length}\n", path.display())
        });
        lines.collect()
    }

    /// What the files need of a machine; of CUDA those of the runtimes in `on_gpu`, which GPU cases run
    /// with: the others never call the driver. A file that needs a newer C library than this machine has does
    /// not run here either: it is an op library that is broken on purpose, and says nothing.
    pub fn needs(&self, on_gpu: &[RuntimeName]) -> NeedsOfAll {
        let folders: Vec<PathBuf> = on_gpu
            .iter()
            .map(|name| Path::new(CACHE).join("runtimes").join(name.to_string()))
            .collect();
        let installed = CLibraryVersion::installed();
        let (mut c_library, mut cuda) = (None, None);
        for (path, source) in self.entries() {
            let Source::File(file) = source else { continue };
            let Some(needs) = system_needs(file) else {
                continue;
            };
            let version = needs
                .c_library
                .map(|(major, minor)| CLibraryVersion { major, minor });
            if version.is_some() && version <= installed {
                keep_larger(&mut c_library, version, path);
            }
            if folders.iter().any(|folder| path.starts_with(folder)) {
                keep_larger(&mut cuda, needs.cuda, path);
            }
        }
        NeedsOfAll {
            c_library: c_library.map(needed),
            cuda: cuda.map(needed),
        }
    }
}

fn keep_larger<T: Ord>(largest: &mut Option<(T, PathBuf)>, value: Option<T>, path: &Path) {
    if let Some(value) = value
        && largest.as_ref().is_none_or(|(known, _)| *known < value)
    {
        *largest = Some((value, path.to_owned()));
    }
}

fn needed((version, path): (impl ToString, PathBuf)) -> Needed {
    Needed {
        version: version.to_string(),
        file: path.display().to_string(),
    }
}

/// `path` relative to the folder of `cache`.
fn in_cache(cache: &Cache, path: &Path) -> Result<PathBuf, BundleError> {
    let relative = path.strip_prefix(cache.root());
    relative
        .map(Path::to_owned)
        .map_err(|_| BundleError::Elsewhere {
            path: path.to_owned(),
            root: cache.root().to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stay_behind_and_their_folder_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path()).unwrap();
        let package = folder.path().join("runtimes/x/torch");
        for file in ["lib/a.so", "include/b.h"] {
            fs::create_dir_all(package.join(file).parent().unwrap()).unwrap();
            fs::write(package.join(file), "").unwrap();
        }
        let mut contents = Contents::default();
        let root = folder.path().join("runtimes/x");
        contents
            .add_tree(&cache, &root, &[package.join("include")])
            .unwrap();
        let paths: Vec<_> = contents
            .entries()
            .map(|(path, source)| (path.to_str().unwrap(), *source == Source::Folder))
            .collect();
        assert_eq!(
            paths,
            [
                ("cache/runtimes/x/torch/include", true),
                ("cache/runtimes/x/torch/lib/a.so", false),
            ]
        );
        let error = contents.add_product(&cache, "x".into(), Path::new("/elsewhere/x.so"));
        assert!(matches!(error, Err(BundleError::Elsewhere { .. })));
    }

    #[test]
    fn what_the_programs_need_is_told_with_the_one_that_needs_most() {
        let own = std::env::current_exe().unwrap();
        let mut contents = Contents::default();
        contents.add_programs(&own, &own);
        let needed = contents.needs(&[]).c_library.expect("a program needs one");
        assert_eq!(needed.file, HARNESS);
        assert!(CLibraryVersion::parse(&needed.version) <= CLibraryVersion::installed());
    }
}
