//! The files of one case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use runtimes::Framework;
use tempfile::TempDir;
use test_ops::{Configuration, Content, Format, Model, ModelRepository};

use super::supply::{Supply, SupplyError};
use super::{plan, ready};
use crate::arrangement::{LibraryFile, ModelFolder, Place, PlanFile, Spelling};
use crate::case::Case;

/// Why the files of a case could not be written. The text completes "failed to arrange the case".
#[derive(Debug, thiserror::Error)]
pub enum ArrangeError {
    /// A file or folder could not be made.
    #[error("could not write '{}': {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no op library to put there.
    #[error(transparent)]
    Library(#[from] SupplyError),
    /// A model could not be written.
    #[error("could not write a model: {0}")]
    Model(String),
    /// The arrangement speaks of something that it does not have.
    #[error("the arrangement has no {kind} named '{name}'")]
    Unknown {
        /// `model` or `op library`.
        kind: &'static str,
        /// The name.
        name: String,
    },
}

/// The folder of one case. It is removed when this is dropped.
pub struct CaseFolder<'a> {
    case: &'a Case,
    supply: &'a Supply<'a>,
    root: TempDir,
    repository: ModelRepository,
    libraries: BTreeMap<&'static str, PlacedLibrary>,
}

/// One op library of a case, where it lies now.
struct PlacedLibrary {
    file: LibraryFile,
    /// The file itself.
    path: PathBuf,
    /// The path that is given to the server: that of the link, where there is one.
    named: PathBuf,
}

impl<'a> CaseFolder<'a> {
    /// Writes all files of a case.
    ///
    /// # Errors
    /// A file cannot be written, a library cannot be built.
    pub fn arrange(case: &'a Case, supply: &'a Supply<'a>) -> Result<Self, ArrangeError> {
        let scratch = std::env::temp_dir();
        let root = tempfile::Builder::new()
            .prefix("case-")
            .tempdir()
            .map_err(|source| ArrangeError::Write {
                path: scratch,
                source,
            })?;
        let models = root.path().join("models");
        for folder in ["libraries", "elsewhere"] {
            let path = root.path().join(folder);
            fs::create_dir(&path).map_err(|source| ArrangeError::Write { path, source })?;
        }
        let repository = ModelRepository::create(models)
            .map_err(|error| ArrangeError::Model(error.to_string()))?;
        let mut folder = Self {
            case,
            supply,
            root,
            repository,
            libraries: BTreeMap::new(),
        };
        for file in &case.arrangement.libraries {
            folder.place(file)?;
        }
        for model in &case.arrangement.models {
            folder.add_model(model)?;
        }
        Ok(folder)
    }

    /// The folder itself; the server is started in it.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The model repository.
    pub fn models(&self) -> &Path {
        self.repository.root()
    }

    /// The folder of op libraries that the server is allowed to load from.
    pub fn libraries(&self) -> PathBuf {
        self.root().join("libraries")
    }

    /// Where the server's log goes.
    pub fn log(&self) -> PathBuf {
        self.root().join("server.log")
    }

    /// The path of an op library as the server is told it; of the link, where it is linked.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn library(&self, name: &str) -> Result<&Path, ArrangeError> {
        Ok(&self.placed(name)?.named)
    }

    /// What is in the file of an op library now.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn content(&self, name: &str) -> Result<Option<&Content>, ArrangeError> {
        Ok(self.placed(name)?.file.content.as_ref())
    }

    /// Puts another file in the place of an op library.
    ///
    /// # Errors
    /// There is none of that name, the new one cannot be built or written.
    pub fn replace(&mut self, name: &str, content: &Content) -> Result<(), ArrangeError> {
        let placed = self
            .libraries
            .get_mut(name)
            .ok_or_else(|| unknown("op library", name))?;
        self.supply
            .put(self.case, &placed.file, content, &placed.path)?;
        placed.file.content = Some(content.clone());
        Ok(())
    }

    /// Writes a model with its configuration, all copies of it.
    ///
    /// # Errors
    /// A file cannot be written, it names a library that there is none of.
    pub fn add_model(&self, folder: &ModelFolder) -> Result<(), ArrangeError> {
        let spellings = folder.libraries.iter();
        let configuration = Configuration {
            op_libraries: spellings
                .map(|&(name, spelling)| self.spell(name, spelling))
                .collect::<Result<_, _>>()?,
            gpu: folder.gpu,
            parameters: folder
                .parameters
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
            ..Configuration::default()
        };
        for name in folder.names() {
            let model = folder.model.clone().with_name(&name);
            if let Some(given) = &folder.ready {
                let text = ready::configuration(&model, given, &configuration.op_libraries);
                self.write_files(&model, &text, &ready::file(&model, given))?;
            } else if let Some(plan) = self.plan_of(folder)? {
                self.write_files(&model, &configuration.to_text(&model), &plan)?;
            } else {
                self.repository
                    .add(&model, &configuration)
                    .map_err(|error| ArrangeError::Model(error.to_string()))?;
            }
        }
        Ok(())
    }

    /// The plan of a model of TensorRT: a whole one where the case runs it, its header where nobody
    /// gets further.
    fn plan_of(&self, folder: &ModelFolder) -> Result<Option<Vec<u8>>, ArrangeError> {
        if folder.model.format != Format::Plan {
            return Ok(None);
        }
        if self.case.builds_plan_of(folder) {
            let for_another_gpu = folder.plan == Some(PlanFile::ForAnotherGpu);
            let plan = self
                .supply
                .plan(self.case, &folder.model, for_another_gpu)?;
            return Ok(Some(plan));
        }
        let file = folder.plan.unwrap_or(PlanFile::Header);
        let runtime = self.supply.default_runtime(self.case, Framework::TensorRt);
        Ok(runtime.map(|runtime| plan::content(file, runtime.version)))
    }

    /// Writes a model whose files are not generated.
    fn write_files(
        &self,
        model: &Model,
        configuration: &str,
        content: &[u8],
    ) -> Result<(), ArrangeError> {
        let folder = self.repository.model_folder(&model.name);
        let version = folder.join("1");
        let write = |path: PathBuf, bytes: &[u8]| {
            fs::write(&path, bytes).map_err(|source| ArrangeError::Write { path, source })
        };
        fs::create_dir_all(&version).map_err(|source| ArrangeError::Write {
            path: version.clone(),
            source,
        })?;
        write(folder.join("config.pbtxt"), configuration.as_bytes())?;
        write(version.join(model.format.file_name()), content)
    }

    /// Writes a model's file anew.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn rewrite_model(&self, model: &Model) -> Result<(), ArrangeError> {
        self.repository
            .add_version(model, 1)
            .map(drop)
            .map_err(|error| ArrangeError::Model(error.to_string()))
    }

    /// Removes a model with all its files.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn remove_model(&self, name: &str) -> Result<(), ArrangeError> {
        let path = self.repository.model_folder(name);
        fs::remove_dir_all(&path).map_err(|source| ArrangeError::Write { path, source })
    }

    fn placed(&self, name: &str) -> Result<&PlacedLibrary, ArrangeError> {
        self.libraries
            .get(name)
            .ok_or_else(|| unknown("op library", name))
    }

    fn place(&mut self, file: &LibraryFile) -> Result<(), ArrangeError> {
        let file_name = format!("lib{}.so", file.name);
        let folder = match file.place {
            Place::Root => self.libraries(),
            Place::ModelFolder(model) => self.models().join(model),
            Place::VersionFolder(model) => self.models().join(model).join("1"),
            Place::Elsewhere | Place::LinkedFromRoot => self.root().join("elsewhere"),
            Place::Package(library) => self.supply.package(library)?,
            Place::OfRuntime(_) => PathBuf::new(),
        };
        let path = match file.place {
            Place::Package(library) => folder.join(&library.path),
            Place::OfRuntime(names) => {
                let supply = self.supply;
                supply.file_of_runtime(self.case, file.framework, names)?
            }
            _ => folder.join(&file_name),
        };
        if let Some(content) = &file.content {
            self.supply.put(self.case, file, content, &path)?;
        }
        let mut named = path.clone();
        if file.place == Place::LinkedFromRoot {
            named = self.libraries().join(&file_name);
            std::os::unix::fs::symlink(&path, &named).map_err(|source| ArrangeError::Write {
                path: named.clone(),
                source,
            })?;
        }
        self.libraries.insert(
            file.name,
            PlacedLibrary {
                file: file.clone(),
                path,
                named,
            },
        );
        Ok(())
    }

    /// The path of an op library as a configuration or a command line spells it.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn spell(&self, name: &str, spelling: Spelling) -> Result<String, ArrangeError> {
        let named = &self.placed(name)?.named;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Ok(match spelling {
            Spelling::Absolute => text(named),
            Spelling::FileName => named
                .file_name()
                .map(|name| text(name.as_ref()))
                .unwrap_or_default(),
            Spelling::FromWorkingDirectory => {
                text(named.strip_prefix(self.root()).unwrap_or(named))
            }
            Spelling::ThroughParent => {
                let inside = named.strip_prefix(self.root()).unwrap_or(named);
                text(&self.libraries().join("..").join(inside))
            }
        })
    }
}

fn unknown(kind: &'static str, name: &str) -> ArrangeError {
    ArrangeError::Unknown {
        kind,
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use test_ops::{Builder, DataType, Op, ParameterSource};

    use super::*;
    use crate::arrangement::Arrangement;
    use crate::case::{LoadingPath, Suite};
    use crate::options::RunOptions;

    /// Nothing is built for libraries without content, so these tests need no compiler.
    fn arranged<T>(
        place: Place,
        spelling: Spelling,
        look: impl FnOnce(CaseFolder<'_>, &str) -> T,
    ) -> T {
        let arrangement = Arrangement {
            libraries: vec![LibraryFile {
                name: "ops",
                framework: Framework::OnnxRuntime,
                built_for: None,
                content: None,
                place,
            }],
            models: vec![ModelFolder {
                model: Model::new(
                    Op::BiasGelu,
                    DataType::Fp32,
                    &[-1, 8],
                    ParameterSource::Input,
                )
                .with_name("subject"),
                ready: None,
                plan: None,
                gpu: None,
                copies: 1,
                libraries: vec![("ops", spelling)],
                borrowed: vec![],
                answered_by: None,
                parameters: vec![],
            }],
            ..Arrangement::default()
        };
        let case = Case {
            id: String::new(),
            suite: Suite::LoadTime,
            framework: Framework::OnnxRuntime,
            path: LoadingPath::ModelConfig,
            description: String::new(),
            representative: false,
            isolation: None,
            conflict: None,
            arrangement,
            expectations: vec![],
            needs: vec![],
        };
        let options = RunOptions::new("/nonexistent", "/nonexistent");
        let cache = runtimes::Cache::at(Path::new("/nonexistent")).unwrap();
        let builder = Builder::in_cache(&cache);
        let supply = Supply::new(&options, &[], &builder);
        let folder = CaseFolder::arrange(&case, &supply).unwrap();
        let configuration = folder.models().join("subject/config.pbtxt");
        let text = fs::read_to_string(configuration).unwrap();
        let line = text
            .lines()
            .find(|line| line.contains("op_library_filename"))
            .unwrap();
        let path = line.split('"').nth(1).unwrap().to_owned();
        look(folder, &path)
    }

    #[test]
    fn paths_are_spelled_as_the_case_says() {
        arranged(Place::Root, Spelling::Absolute, |folder, path| {
            assert_eq!(Path::new(path), folder.libraries().join("libops.so"));
        });
        arranged(
            Place::ModelFolder("subject"),
            Spelling::FileName,
            |_, path| assert_eq!(path, "libops.so"),
        );
        arranged(Place::Root, Spelling::FromWorkingDirectory, |_, path| {
            assert_eq!(path, "libraries/libops.so");
        });
        arranged(Place::Elsewhere, Spelling::ThroughParent, |folder, path| {
            let outside = folder.libraries().join("../elsewhere/libops.so");
            assert_eq!(Path::new(path), outside);
        });
    }

    #[test]
    fn a_link_is_what_the_server_is_told() {
        arranged(Place::LinkedFromRoot, Spelling::Absolute, |folder, path| {
            assert_eq!(Path::new(path), folder.libraries().join("libops.so"));
            assert_eq!(folder.library("ops").unwrap(), Path::new(path));
            let target = folder.root().join("elsewhere/libops.so");
            assert_eq!(fs::read_link(path).unwrap(), target);
        });
    }

    #[test]
    fn the_folder_goes_with_the_case() {
        let root = arranged(Place::Root, Spelling::Absolute, |folder, _| {
            assert!(folder.root().is_dir());
            folder.root().to_owned()
        });
        assert!(!root.exists());
    }
}
