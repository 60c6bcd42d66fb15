//! Op libraries that the environment and the command line give to all models of a framework.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use op_library::{Before, OpLibrary, Severity, Verdict};
use runtimes::{Framework, RuntimeSet};

use super::backend_setting::BackendSetting;
use super::inspections::Inspections;
use super::preload::{self, Finding};
use super::workers::ContentHash;

/// How a library was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The dynamic loader's variable.
    Environment,
    /// The flag that does the same.
    PreloadFlag,
    /// `plugins` of a framework.
    BackendConfig(Framework),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str(preload::VARIABLE),
            Self::PreloadFlag => f.write_str("--preload"),
            Self::BackendConfig(framework) => write!(f, "--backend-config={framework},plugins"),
        }
    }
}

/// An entry that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Whose models needed it; none where that cannot be told.
    pub frameworks: Vec<Framework>,
    /// Which entry, why, and what to do.
    pub reason: String,
}

/// A library that workers are started with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Preloaded {
    path: PathBuf,
    /// The frameworks whose op library it is; none for a library of another kind, which all
    /// workers get.
    frameworks: Vec<Framework>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenLibraries {
    preloaded: Vec<Preloaded>,
    configured: BTreeMap<Framework, Vec<PathBuf>>,
    unusable: Vec<Unusable>,
    /// Preloaded libraries that are left out, each with the one that it is a copy of.
    copies: Vec<(PathBuf, PathBuf)>,
}

impl GivenLibraries {
    /// Finds the files that are meant, and whose they are. `environment` is what became of
    /// `LD_PRELOAD`, `flags` are the values of `--preload`.
    pub fn gather(
        environment: &[Finding],
        flags: &[String],
        settings: &[BackendSetting],
        runtimes: &RuntimeSet,
        inspections: &Inspections,
    ) -> Self {
        let mut given = Self::default();
        for finding in environment {
            match &finding.mapped {
                Some(path) => given.add_preloaded(Source::Environment, path, inspections),
                None => given.unusable.push(ignored(&finding.entry, inspections)),
            }
        }
        let entries = flags.iter().flat_map(|list| list.split(':'));
        for entry in entries.filter(|entry| !entry.is_empty()) {
            match resolve(entry, &[], Places::Loader) {
                Ok(path) => given.add_preloaded(Source::PreloadFlag, &path, inspections),
                Err(reason) => given.refuse(Source::PreloadFlag, entry, &[], &reason),
            }
        }
        for (framework, paths) in settings.iter().filter_map(BackendSetting::plugins) {
            let folders = runtimes
                .default_of(framework)
                .map_or_else(Vec::new, |runtime| runtime.library_dirs.clone());
            for path in paths {
                let entry = path.to_string_lossy();
                let source = Source::BackendConfig(framework);
                match resolve(&entry, &folders, Places::LoaderAndWorkingDirectory) {
                    Ok(path) => {
                        let listed = given.configured.entry(framework).or_default();
                        if !listed.contains(&path) {
                            listed.push(path);
                        }
                    }
                    Err(reason) => given.refuse(source, &entry, &[framework], &reason),
                }
            }
        }
        given.settle(runtimes, inspections);
        given
    }

    /// Leaves out preloaded libraries that are copies of one before them: a process would take each
    /// for a library of its own, and its registrations for collisions.
    pub fn leave_out_copies(&mut self, inspections: &Inspections) {
        let mut firsts: BTreeMap<ContentHash, PathBuf> = BTreeMap::new();
        let mut copies = Vec::new();
        self.preloaded.retain(|library| {
            let Ok(inspected) = inspections.of(&library.path) else {
                return true;
            };
            let first = firsts
                .entry(inspected.content_hash.clone())
                .or_insert_with(|| library.path.clone());
            let is_first = *first == library.path;
            if !is_first {
                copies.push((library.path.clone(), first.clone()));
            }
            is_first
        });
        self.copies.extend(copies);
    }

    /// Of the frameworks that a library is recognised for, leaves out those whose runtimes here all
    /// refuse it, where another one takes it: a library that joins two frameworks is given to the
    /// one that it can work with.
    fn settle(&mut self, runtimes: &RuntimeSet, inspections: &Inspections) {
        for position in 0..self.preloaded.len() {
            let library = &self.preloaded[position];
            if library.frameworks.len() < 2 {
                continue;
            }
            let accepting: Vec<Framework> = library
                .frameworks
                .iter()
                .copied()
                .filter(|&framework| {
                    self.is_accepted(&library.path, framework, runtimes, inspections)
                })
                .collect();
            if !accepting.is_empty() {
                self.preloaded[position].frameworks = accepting;
            }
        }
    }

    /// Whether a runtime of `framework` may take the preloaded library at `path`.
    fn is_accepted(
        &self,
        path: &Path,
        framework: Framework,
        runtimes: &RuntimeSet,
        inspections: &Inspections,
    ) -> bool {
        let Ok(library) = inspections.of(path) else {
            return false;
        };
        let process = self.preload_of(&[framework], true);
        let process = process.iter().filter_map(|path| inspections.of(path).ok());
        let process: Vec<Arc<OpLibrary>> = process.collect();
        let process: Vec<&OpLibrary> = process.iter().map(|library| &**library).collect();
        let before = Before {
            preloaded: &process,
            loaded: &[],
        };
        runtimes.of(framework).any(|runtime| {
            let verdict = library.verdict_after(runtime, before);
            !matches!(verdict, Verdict::Fails { .. })
        })
    }

    /// Says in the log who gets which preloaded library.
    pub fn announce(&self) {
        for library in &self.preloaded {
            let titles: Vec<&str> = library
                .frameworks
                .iter()
                .map(|framework| framework.title())
                .collect();
            let whose = if titles.is_empty() {
                "every worker".to_owned()
            } else {
                format!("workers of {}", titles.join(" and "))
            };
            tracing::info!("'{}' is preloaded into {whose}", library.path.display());
        }
        for (copy, first) in &self.copies {
            tracing::warn!(
                "'{}' is a copy of '{}', which is preloaded: it is left out",
                copy.display(),
                first.display()
            );
        }
    }

    fn add_preloaded(&mut self, source: Source, path: &Path, inspections: &Inspections) {
        let named = path.display().to_string();
        let library = match inspections.of(path) {
            Ok(library) => library,
            Err(error) => return self.refuse(source, &named, &[], &error.to_string()),
        };
        let frameworks = library.frameworks.clone();
        match not_loadable(&library) {
            // The dynamic loader has shown that it can map this very file.
            Some(finding) if source == Source::Environment => {
                tracing::warn!("{source}: {finding}");
            }
            Some(reason) => return self.refuse(source, &named, &frameworks, &reason),
            None => {}
        }
        if path
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .any(|byte| b": ".contains(byte))
        {
            let reason = "the dynamic loader takes no path with a colon or a space; move it, or \
                          give a link to it";
            return self.refuse(source, &named, &frameworks, reason);
        }
        if self.preloaded.iter().any(|other| other.path == path) {
            return;
        }
        self.preloaded.push(Preloaded {
            path: path.to_owned(),
            frameworks,
        });
    }

    fn refuse(&mut self, source: Source, entry: &str, frameworks: &[Framework], reason: &str) {
        self.unusable.push(Unusable {
            frameworks: frameworks.to_vec(),
            reason: format!("failed to use '{entry}' of {source}: {reason}"),
        });
    }

    /// Entries that cannot be used.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    /// The frameworks that got op libraries.
    pub fn frameworks(&self) -> Vec<Framework> {
        let got = |framework: &Framework| {
            self.configured.contains_key(framework)
                || self
                    .preloaded
                    .iter()
                    .any(|library| library.frameworks.contains(framework))
        };
        Framework::ALL.into_iter().filter(got).collect()
    }

    /// `LD_PRELOAD` of a worker that hosts these frameworks, with what every worker gets unless
    /// that is left out.
    pub fn preload_of(&self, frameworks: &[Framework], everywhere: bool) -> Vec<PathBuf> {
        let belongs = |library: &&Preloaded| {
            (everywhere && library.frameworks.is_empty())
                || library
                    .frameworks
                    .iter()
                    .any(|framework| frameworks.contains(framework))
        };
        let libraries = self.preloaded.iter().filter(belongs);
        libraries.map(|library| library.path.clone()).collect()
    }

    /// Preloaded op libraries of a framework.
    pub fn preloaded_ops(&self, framework: Framework) -> impl Iterator<Item = &Path> {
        self.preloaded
            .iter()
            .filter(move |library| library.frameworks.contains(&framework))
            .map(|library| library.path.as_path())
    }

    /// Op libraries from `--backend-config`.
    pub fn configured(&self, framework: Framework) -> &[PathBuf] {
        self.configured.get(&framework).map_or(&[], Vec::as_slice)
    }

    /// How a library came to be given, for messages.
    pub fn source_of(&self, path: &Path) -> &'static str {
        if self.preloaded.iter().any(|library| library.path == path) {
            "preloaded"
        } else {
            "listed in --backend-config"
        }
    }
}

/// Where a bare file name is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    Loader,
    LoaderAndWorkingDirectory,
}

/// The file that an entry means, as an absolute path.
fn resolve(entry: &str, folders: &[PathBuf], places: Places) -> Result<PathBuf, String> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|error| format!("the working directory is gone: {error}"))
    };
    if preload::is_path(OsStr::new(entry)) {
        return absolute(Path::new(entry));
    }
    if let Some(found) = op_library::locate(entry, folders) {
        return absolute(&found);
    }
    let is_here = Path::new(entry).is_file();
    match places {
        Places::LoaderAndWorkingDirectory if is_here => absolute(Path::new(entry)),
        Places::Loader if is_here => Err(format!(
            "a name without a folder is looked for on LD_LIBRARY_PATH and in the system's folders, \
             not in the working directory, where it is; write ./{entry}"
        )),
        _ => Err(not_found()),
    }
}

fn not_found() -> String {
    let searched = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
    let searched = if searched.is_empty() {
        "LD_LIBRARY_PATH, which is empty,".to_owned()
    } else {
        format!("LD_LIBRARY_PATH ({searched})")
    };
    format!(
        "there is no library of that name on {searched} or in the system's folders; give its \
         absolute path, or put its folder on LD_LIBRARY_PATH"
    )
}

/// Why the loader cannot map a file into any program, where that is so.
fn not_loadable(library: &OpLibrary) -> Option<String> {
    let mut findings = library.findings.iter();
    let worst = findings.find(|finding| finding.severity == Severity::Error)?;
    Some(worst.to_string())
}

/// An entry of `LD_PRELOAD` that the dynamic loader passed over, with the reason as far as the file
/// tells.
fn ignored(entry: &OsStr, inspections: &Inspections) -> Unusable {
    let named = entry.to_string_lossy();
    let found = if preload::is_path(entry) {
        Some(PathBuf::from(entry))
    } else {
        op_library::locate(&named, &[])
    };
    let library = found.map(|path| inspections.of(&path));
    let frameworks = match &library {
        Some(Ok(library)) => library.frameworks.clone(),
        _ => Vec::new(),
    };
    let reason = match library {
        None => not_found(),
        Some(Err(error)) => error.to_string(),
        Some(Ok(library)) => not_loadable(&library).unwrap_or_else(|| {
            "it gave its reason on the first lines of the server's output; correct the entry, or \
             give the library with --preload, which is checked before anything is loaded"
                .to_owned()
        }),
    };
    Unusable {
        frameworks,
        reason: format!(
            "the dynamic loader ignored '{named}' of {}: {reason}",
            preload::VARIABLE
        ),
    }
}

/// Inspects the files at `paths`.
///
/// # Errors
/// One of them is gone.
pub fn inspect_all<'a>(
    paths: impl Iterator<Item = &'a Path>,
    inspections: &Inspections,
) -> Result<Vec<Arc<OpLibrary>>, String> {
    paths
        .map(|path| inspections.of(path).map_err(|error| error.to_string()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(environment: &[Finding], flags: &[&str], settings: &[&str]) -> GivenLibraries {
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let settings: Vec<BackendSetting> =
            settings.iter().map(|text| text.parse().unwrap()).collect();
        GivenLibraries::gather(
            environment,
            &flags,
            &settings,
            &RuntimeSet::default(),
            &Inspections::default(),
        )
    }

    #[track_caller]
    fn assert_refused(given: &GivenLibraries, texts: &[&str]) {
        assert_eq!(given.unusable().len(), 1, "{:?}", given.unusable());
        for text in texts {
            let reason = &given.unusable()[0].reason;
            assert!(reason.contains(text), "no {text:?} in {reason:?}");
        }
    }

    #[test]
    fn an_entry_that_the_loader_ignored_is_told_with_the_reason() {
        let finding = |entry: &str| Finding {
            entry: entry.into(),
            mapped: None,
        };
        let given = gather(&[finding("libabsent-of-all.so")], &[], &[]);
        assert_refused(
            &given,
            &[
                "ignored 'libabsent-of-all.so' of LD_PRELOAD",
                "LD_LIBRARY_PATH",
            ],
        );
        let given = gather(&[finding("/nowhere/libx.so")], &[], &[]);
        assert_refused(&given, &["ignored", "there is no file '/nowhere/libx.so'"]);
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text.so");
        std::fs::write(&text, "no library").unwrap();
        let given = gather(&[finding(text.to_str().unwrap())], &[], &[]);
        assert_refused(&given, &["ignored", "text.so"]);
    }

    #[test]
    fn a_library_of_no_framework_goes_to_every_worker_and_is_found_as_the_loader_would() {
        let given = gather(&[], &["libc.so.6:"], &[]);
        assert_eq!(given.unusable(), []);
        assert_eq!(given.frameworks(), []);
        let preload = given.preload_of(&[Framework::PyTorch], true);
        assert_eq!(preload.len(), 1);
        assert!(preload[0].is_absolute() && preload[0].ends_with("libc.so.6"));
        assert_eq!(given.preloaded_ops(Framework::PyTorch).count(), 0);
    }

    #[test]
    fn a_file_that_is_gone_names_flag_and_file() {
        let given = gather(&[], &["/nowhere/liba.so"], &[]);
        assert_refused(
            &given,
            &["'/nowhere/liba.so' of --preload", "there is no file"],
        );
        let given = gather(&[], &["libabsent-of-all.so"], &[]);
        assert_refused(&given, &["--preload", "no library of that name"]);
        let given = gather(&[], &[], &["pytorch,plugins=libabsent-of-all.so"]);
        assert_refused(
            &given,
            &["--backend-config=pytorch,plugins", "absolute path"],
        );
        assert_eq!(given.unusable()[0].frameworks, [Framework::PyTorch]);
    }

    #[test]
    fn paths_that_the_variable_cannot_carry_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib c.so");
        let libc = op_library::locate("libc.so.6", &[]).unwrap();
        std::fs::copy(libc, &path).unwrap();
        let given = gather(&[], &[path.to_str().unwrap()], &[]);
        assert_refused(&given, &["lib c.so", "colon or a space"]);
    }
}
