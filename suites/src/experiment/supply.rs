//! Op libraries for cases: which runtime each is built against, and the building.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{fs, io};

use runtimes::{
    Cache, CacheError, Framework, InstallError, Pip, PipError, Prebuilt, PrebuiltError, Runtime,
    RuntimeName, Silent,
};
use test_ops::{BuildError, Builder, Content, Library, Model, PlanBuilder, PlanError, Sample};

use crate::arrangement::{LibraryFile, Place, Step};
use crate::case::Case;
use crate::options::RunOptions;
use crate::version_mismatch::PublishedLibrary;

/// An op library and the runtime that it is built against.
pub type Variant = (Library, RuntimeName);

/// Where cases get their op libraries from, and which runtimes they run on.
pub struct Supply<'a> {
    options: &'a RunOptions,
    installed: &'a [Runtime],
    builder: &'a Builder,
    /// Variants that could not be built, with the compiler's message.
    failures: HashMap<Variant, String>,
    /// Held while a plan is built, which takes the whole GPU.
    plan_building: Mutex<()>,
}

/// Why there is no op library.
#[derive(Debug, thiserror::Error)]
pub enum SupplyError {
    /// It could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It could not be built when the run began.
    #[error("{0}")]
    Failed(String),
    /// The runtime to build against is not there.
    #[error("{0} is not installed; install it with `cargo harness setup --runtime {0}`")]
    NotInstalled(RuntimeName),
    /// The catalogue has no runtime of the framework.
    #[error("the catalogue of runtimes has none of {0}")]
    NoRuntime(Framework),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// There is no pip.
    #[error(transparent)]
    Pip(#[from] PipError),
    /// A published library could not be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The list of what the cache holds ready-made cannot be read.
    #[error(transparent)]
    Prebuilt(#[from] PrebuiltError),
    /// The cache was filled on another machine, without the published library.
    #[error("the bundle has no {0}; make it again with the cases that need it")]
    NotPacked(String),
    /// A runtime lacks a file.
    #[error("{runtime} as it is installed has no {}", names.join(" and no "))]
    NoFile {
        /// The runtime.
        runtime: RuntimeName,
        /// What the file may be called.
        names: &'static [&'static str],
    },
    /// A plan could not be built.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A plan could not be read.
    #[error("could not read the plan that was built: {0}")]
    PlanFile(#[from] io::Error),
}

impl<'a> Supply<'a> {
    /// A supply that builds with `builder` against the runtimes that are `installed`.
    pub fn new(options: &'a RunOptions, installed: &'a [Runtime], builder: &'a Builder) -> Self {
        Self {
            options,
            installed,
            builder,
            failures: HashMap::new(),
            plan_building: Mutex::default(),
        }
    }

    /// The runtimes that are installed.
    pub fn installed(&self) -> &'a [Runtime] {
        self.installed
    }

    /// The runtime that serves models of `framework` in `case` which name none.
    pub fn default_runtime(&self, case: &Case, framework: Framework) -> Option<RuntimeName> {
        self.options.runtime_in(case, framework)
    }

    /// The installed runtime of that name.
    pub fn runtime(&self, name: RuntimeName) -> Option<&'a Runtime> {
        self.installed.iter().find(|runtime| runtime.name == name)
    }

    /// The first of the files `names` that the runtime of `framework` in `case` has.
    ///
    /// # Errors
    /// As [`SupplyError`].
    pub fn file_of_runtime(
        &self,
        case: &Case,
        framework: Framework,
        names: &'static [&'static str],
    ) -> Result<PathBuf, SupplyError> {
        let name = self
            .default_runtime(case, framework)
            .ok_or(SupplyError::NoRuntime(framework))?;
        let runtime = self.runtime(name).ok_or(SupplyError::NotInstalled(name))?;
        let folders = runtime.library_dirs.iter();
        let mut files = folders.flat_map(|folder| names.iter().map(|name| folder.join(name)));
        let found = files.find(|file| file.is_file());
        found.ok_or(SupplyError::NoFile {
            runtime: name,
            names,
        })
    }

    /// Notes that a variant could not be built.
    pub fn note_failure(&mut self, variant: Variant, message: String) {
        self.failures.insert(variant, message);
    }

    /// Every variant that `case` uses at some time.
    pub fn variants(&self, case: &Case) -> Vec<Variant> {
        let arrangement = &case.arrangement;
        let placed = arrangement
            .libraries
            .iter()
            .filter_map(|file| Some((file, file.content.as_ref()?)));
        let replaced = arrangement
            .steps
            .iter()
            .chain(&arrangement.afterwards)
            .filter_map(|step| match step {
                Step::Replace(name, content) => {
                    let mut files = arrangement.libraries.iter();
                    Some((files.find(|file| file.name == *name)?, content))
                }
                _ => None,
            });
        placed
            .chain(replaced)
            .filter_map(|(file, content)| self.variant(case, file, content))
            .collect()
    }

    /// The published libraries that `case` uses.
    pub fn published(case: &Case) -> impl Iterator<Item = &'static PublishedLibrary> {
        case.arrangement
            .libraries
            .iter()
            .filter_map(|file| match file.place {
                Place::Package(library) => Some(library),
                _ => None,
            })
    }

    /// The folder that the package of `library` is installed in; where it is not, it is now.
    ///
    /// # Errors
    /// As [`SupplyError`].
    pub fn package(&self, library: &PublishedLibrary) -> Result<PathBuf, SupplyError> {
        let cache = Cache::at(&self.options.runtime_cache)?;
        let package = &library.package;
        if let Some(folder) = runtimes::installed_package(&cache, package) {
            return Ok(folder);
        }
        if Prebuilt::of(&cache)?.is_some() {
            return Err(SupplyError::NotPacked(library.to_string()));
        }
        Ok(runtimes::install_package(
            &cache,
            package,
            &Pip::find()?,
            &Silent,
        )?)
    }

    fn variant(&self, case: &Case, file: &LibraryFile, content: &Content) -> Option<Variant> {
        let library = Library::new(file.framework, content.clone());
        let runtime = file
            .built_for
            .or_else(|| self.default_runtime(case, file.framework))?;
        Some((library, runtime))
    }

    /// Builds a variant, unless the cache has it.
    ///
    /// # Errors
    /// As [`SupplyError`].
    pub fn build(&self, (library, runtime): &Variant) -> Result<PathBuf, SupplyError> {
        let runtime = self
            .runtime(*runtime)
            .ok_or(SupplyError::NotInstalled(*runtime))?;
        Ok(self.builder.build(library, runtime)?)
    }

    /// Puts what `file` holds, or `content` in its place, at `path`.
    ///
    /// # Errors
    /// As [`SupplyError`].
    pub fn put(
        &self,
        case: &Case,
        file: &LibraryFile,
        content: &Content,
        path: &Path,
    ) -> Result<(), SupplyError> {
        let variant = self
            .variant(case, file, content)
            .ok_or(SupplyError::NoRuntime(file.framework))?;
        if let Some(message) = self.failures.get(&variant) {
            return Err(SupplyError::Failed(message.clone()));
        }
        let runtime = self
            .runtime(variant.1)
            .ok_or(SupplyError::NotInstalled(variant.1))?;
        Ok(self.builder.build_to(&variant.0, runtime, path)?)
    }

    /// The plan of `model`, built with a GPU, and for it or for another one. Its plugins are those of
    /// sample libraries, one for each domain: a plan holds what they are called, not who provides them.
    ///
    /// # Errors
    /// As [`SupplyError`].
    pub fn plan(
        &self,
        case: &Case,
        model: &Model,
        for_another_gpu: bool,
    ) -> Result<Vec<u8>, SupplyError> {
        let framework = Framework::TensorRt;
        let name = self
            .default_runtime(case, framework)
            .ok_or(SupplyError::NoRuntime(framework))?;
        let runtime = self.runtime(name).ok_or(SupplyError::NotInstalled(name))?;
        let libraries = model
            .domains
            .iter()
            .map(|domain| {
                let sample = Sample::default().with_domain(domain);
                Ok(self
                    .builder
                    .build(&Library::new(framework, sample), runtime)?)
            })
            .collect::<Result<Vec<_>, SupplyError>>()?;
        let cache = Cache::at(&self.options.runtime_cache)?;
        let building = self.plan_building.lock();
        let _building = building.unwrap_or_else(PoisonError::into_inner);
        let builder = PlanBuilder::compile(&cache, runtime)?;
        let plan = if for_another_gpu {
            builder.plan_for_another_gpu(&cache, model, &libraries)?
        } else {
            builder.plan(&cache, model, &libraries)?
        };
        Ok(fs::read(plan)?)
    }
}
