//! What every measured server needs: the op library, models, a place for logs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use runtimes::{Cache, Framework, Runtime, RuntimeName};
use suites::RunOptions;
use suites::server::{ServerCommand, ServerProcess};
use test_ops::{
    Builder, Configuration, Format, Library, Model, ModelRepository, ParameterSource, PlanBuilder,
    Sample,
};

use super::experiment::Tensor;
use super::kernel::Place;

/// The longest wait for a server to be ready, or for something it was asked to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A scratch folder with the sample op libraries, and how servers are launched.
#[derive(Debug)]
pub struct Testbed {
    scratch: tempfile::TempDir,
    options: RunOptions,
}

/// Which models a server loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// All of its repository, before it is ready.
    AllAtStart,
    /// Those that it is asked to load.
    OnRequest,
}

impl Testbed {
    /// Makes a new folder.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn prepare(options: &RunOptions) -> anyhow::Result<Self> {
        Ok(Self {
            scratch: tempfile::tempdir().context("failed to make a folder for measurements")?,
            options: options.clone(),
        })
    }

    /// The sample op library of `framework` in the testbed's folder, built unless the cache has it.
    fn library(&self, framework: Framework) -> anyhow::Result<PathBuf> {
        let folder = self.scratch.path().join("op-libraries");
        let library = folder.join(format!("libcustom_ops_{framework}.so"));
        if library.is_file() {
            return Ok(library);
        }
        let (cache, runtime) = self.installed(framework)?;
        Builder::in_cache(&cache).build_to(
            &Library::new(framework, Sample::default()),
            &runtime,
            &library,
        )?;
        Ok(library)
    }

    /// The cache, and in it the runtime that is measured of `framework`.
    fn installed(&self, framework: Framework) -> anyhow::Result<(Cache, Runtime)> {
        let cache = Cache::at(&self.options.runtime_cache)?;
        let runtime = self.runtime(framework)?;
        let runtime = cache
            .find(&runtime)
            .with_context(|| format!("{runtime} is not installed; run `cargo harness setup`"))?;
        Ok((cache, runtime))
    }

    /// The folder, for files of measurements.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// The runtime that is measured of `framework`.
    ///
    /// # Errors
    /// Where the catalogue has none.
    pub fn runtime(&self, framework: Framework) -> anyhow::Result<RuntimeName> {
        self.options
            .runtime_of(framework)
            .with_context(|| format!("the catalogue of runtimes has none of {framework}"))
    }

    /// The run's options.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// The model of `framework` that computes on `tensor`, under a name of its own.
    #[must_use]
    pub fn model(framework: Framework, tensor: Tensor) -> Model {
        let dims = [-1, i64::try_from(tensor.row).unwrap_or(i64::MAX)];
        let model = Model::new(
            tensor.op,
            tensor.data_type,
            &dims,
            ParameterSource::Constant,
        );
        let name = format!("{}_{}", model.name, tensor.row);
        model.in_format(framework).with_name(&name)
    }

    /// Writes a repository of `models`, each with one instance at `place` and the sample op library.
    /// TensorRT's are on the first GPU wherever the others are.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn repository(
        &self,
        name: &str,
        models: &[Model],
        place: Place,
    ) -> anyhow::Result<PathBuf> {
        let repository = ModelRepository::create(self.scratch.path().join(name))?;
        for model in models {
            let library = self.library(model.format.framework())?;
            let configuration = Configuration {
                instance_count: Some(1),
                gpu: (place == Place::Gpu || model.format == Format::Plan).then_some(0),
                ..Configuration::with_op_libraries([library.to_string_lossy()])
            };
            if model.format == Format::Plan {
                self.add_plan(&repository, model, &configuration, library)?;
            } else {
                repository.add(model, &configuration)?;
            }
        }
        Ok(repository.root().to_owned())
    }

    /// Adds a model whose file TensorRT's builder writes, for the GPU of this machine.
    fn add_plan(
        &self,
        repository: &ModelRepository,
        model: &Model,
        configuration: &Configuration,
        library: PathBuf,
    ) -> anyhow::Result<()> {
        let (cache, runtime) = self.installed(Framework::TensorRt)?;
        let folder = repository.model_folder(&model.name);
        let version = folder.join("1");
        std::fs::create_dir_all(&version)
            .with_context(|| format!("failed to make the folder '{}'", version.display()))?;
        let file = version.join(model.format.file_name());
        let plan = PlanBuilder::compile(&cache, &runtime)?.plan(&cache, model, &[library])?;
        std::fs::copy(&plan, &file)
            .with_context(|| format!("failed to copy the plan '{}'", plan.display()))?;
        std::fs::write(folder.join("config.pbtxt"), configuration.to_text(model))
            .context("failed to write the configuration of a plan")
    }

    /// How a server of `repository` is launched.
    ///
    /// # Errors
    /// Where the catalogue has no runtime of `framework`.
    pub fn command(
        &self,
        framework: Framework,
        repository: &Path,
        control: Control,
    ) -> anyhow::Result<ServerCommand> {
        let runtime = self.runtime(framework)?;
        Ok(ServerCommand::new(&self.options.server_bin)
            .flag("model-repository", repository)
            .flag(
                "model-control-mode",
                match control {
                    Control::AllAtStart => "none",
                    Control::OnRequest => "explicit",
                },
            )
            .flag("isolation", self.options.isolation.name())
            .flag("runtime", format!("{framework}={runtime}"))
            .flag("runtime-cache", &self.options.runtime_cache)
            .flag("op-library-root", self.scratch.path().join("op-libraries")))
    }

    /// Launches a server and waits until it is ready; returns how long that took from its spawn.
    ///
    /// # Errors
    /// Where it does not get ready; the error holds the end of its log.
    pub fn start(&self, command: &ServerCommand) -> anyhow::Result<(ServerProcess, Duration)> {
        let mut server = command.launch(&self.scratch.path().join("server.log"))?;
        match server.wait_ready(PATIENCE) {
            Ok(elapsed) => Ok((server, elapsed)),
            Err(error) => {
                let log = server.log_tail(12).join("\n");
                Err(anyhow::Error::new(error).context(format!(
                    "failed to start a server to measure (`{}`); its log ends with:\n{log}",
                    server.command_line().join(" ")
                )))
            }
        }
    }
}
