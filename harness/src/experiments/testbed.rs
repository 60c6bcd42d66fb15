//! What every measured server needs: the op library, models, a place for logs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use runtimes::{Cache, Framework};
use suites::RunOptions;
use suites::server::{ServerCommand, ServerProcess};
use test_ops::{Builder, Configuration, Library, Model, ModelRepository, ParameterSource, Sample};

use super::experiment::Tensor;

/// The longest wait for a server to be ready, or for something it was asked to do.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A scratch folder with the sample op library, and how servers are launched.
#[derive(Debug)]
pub struct Testbed {
    scratch: tempfile::TempDir,
    library: PathBuf,
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
    /// Builds the sample op library, unless the cache has it, and puts a copy in a new folder.
    ///
    /// # Errors
    /// Where the library cannot be built or the folder cannot be made.
    pub fn prepare(options: &RunOptions) -> anyhow::Result<Self> {
        let scratch = tempfile::tempdir().context("failed to make a folder for measurements")?;
        let library = scratch.path().join("op-libraries").join("libcustom_ops.so");
        let cache = Cache::at(&options.runtime_cache)?;
        let framework = Framework::OnnxRuntime;
        let runtime = options
            .runtime_of(framework)
            .with_context(|| format!("the catalogue of runtimes has none of {framework}"))?;
        let runtime = cache
            .find(&runtime)
            .with_context(|| format!("{runtime} is not installed; run `cargo harness setup`"))?;
        Builder::in_cache(&cache).build_to(
            &Library::new(framework, Sample::default()),
            &runtime,
            &library,
        )?;
        Ok(Self {
            scratch,
            library,
            options: options.clone(),
        })
    }

    /// The run's options.
    #[must_use]
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// The model that computes on `tensor`, under a name of its own.
    #[must_use]
    pub fn model(tensor: Tensor) -> Model {
        let dims = [-1, i64::try_from(tensor.row).unwrap_or(i64::MAX)];
        let model = Model::new(
            tensor.op,
            tensor.data_type,
            &dims,
            ParameterSource::Constant,
        );
        let name = format!("{}_{}", model.name, tensor.row);
        model.with_name(&name)
    }

    /// Writes a repository of `models`, each with one instance and the sample op library.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn repository(&self, name: &str, models: &[Model]) -> anyhow::Result<PathBuf> {
        let repository = ModelRepository::create(self.scratch.path().join(name))?;
        for model in models {
            let library = self.library.to_string_lossy();
            let configuration = Configuration {
                instance_count: Some(1),
                ..Configuration::with_op_libraries([library])
            };
            repository.add(model, &configuration)?;
        }
        Ok(repository.root().to_owned())
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
        let runtime = self
            .options
            .runtime_of(framework)
            .with_context(|| format!("the catalogue of runtimes has none of {framework}"))?;
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
