//! A bundle that was unpacked.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use runtimes::{Cache, RuntimeArgument, RuntimeName};
use unbundler::MANIFEST;

use super::contents::{CACHE, SERVER};
use super::{BundleError, Manifest, host};
use crate::command_line::{Arguments, Command, Run};

/// A bundle that was unpacked, to run from. Nothing is built or installed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    folder: PathBuf,
    manifest: Manifest,
}

impl Bundle {
    /// The bundle in `folder`.
    ///
    /// # Errors
    /// There is none, it is of another harness, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, BundleError> {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let path = folder.join(MANIFEST);
        let Ok(text) = fs::read_to_string(&path) else {
            return Err(BundleError::None { folder });
        };
        let manifest: Manifest =
            serde_json::from_str(&text).map_err(|error| BundleError::Manifest {
                path,
                reason: error.to_string(),
            })?;
        let own = env!("CARGO_PKG_VERSION");
        if manifest.harness_version != own {
            return Err(BundleError::OtherHarness {
                folder,
                found: manifest.harness_version,
                own,
            });
        }
        Ok(Self { folder, manifest })
    }

    /// The commit that it was made at.
    #[must_use]
    pub fn commit(&self) -> Option<String> {
        self.manifest.commit.clone()
    }

    /// `run` with the server and the cache of the bundle, and with what the bundle was made for in
    /// everything that it does not select itself.
    ///
    /// # Errors
    /// The manifest's selection is not one.
    pub fn complete(&self, run: &Run) -> Result<Run, BundleError> {
        let mut complete = run.clone();
        let made_for = self.made_for()?;
        if run.select.arguments().is_empty() && !run.quick {
            complete.quick = made_for.quick;
        }
        complete.select = run.select.or(made_for.select);
        complete.server_bin = Some(self.folder.join(SERVER));
        complete.cache = self.cache();
        Ok(complete)
    }

    /// The run that the bundle was made for.
    ///
    /// # Errors
    /// The manifest's selection is not one.
    pub fn made_for(&self) -> Result<Run, BundleError> {
        let line = ["harness", "run"].into_iter();
        let line = line.chain(self.manifest.selection.iter().map(String::as_str));
        match Arguments::try_parse_from(line).map(|parsed| parsed.command) {
            Ok(Command::Run(made_for)) => Ok(made_for),
            other => Err(BundleError::Manifest {
                path: self.folder.join(MANIFEST),
                reason: format!("its selection is not one of `harness run`: {other:?}"),
            }),
        }
    }

    /// Its cache, as a command line names one.
    #[must_use]
    pub fn cache(&self) -> crate::command_line::Cache {
        crate::command_line::Cache {
            cache_dir: Some(self.folder.join(CACHE)),
        }
    }

    /// Has the cases find the runtimes of this machine that `arguments` name: those that were left out.
    ///
    /// # Errors
    /// There is none, it is another one, or the bundle cannot be written.
    pub fn refer(&self, cache: &Cache, arguments: &[RuntimeArgument]) -> Result<(), BundleError> {
        for argument in arguments {
            let RuntimeArgument::InPlace(framework, path) = argument else {
                continue;
            };
            let runtime = runtimes::Runtime::in_place(*framework, path)?;
            if !self.manifest.left_out.contains(&runtime.name) {
                return Err(BundleError::OtherRuntime {
                    path: path.clone(),
                    found: runtime.name,
                    left_out: self.manifest.left_out.clone(),
                });
            }
            cache.refer(&runtime)?;
        }
        Ok(())
    }

    /// Whether this machine has what the bundle needs: the C library, the driver where GPU cases are
    /// going to be run, and the runtimes; `missing` are those that are needed and not there.
    ///
    /// # Errors
    /// It lacks something.
    pub fn check(&self, uses_gpu: bool, missing: Vec<RuntimeName>) -> Result<(), BundleError> {
        host::check(&self.manifest, uses_gpu)?;
        if missing.is_empty() {
            return Ok(());
        }
        Err(BundleError::Runtimes {
            packed: self.manifest.runtimes.clone(),
            left_out: self.manifest.left_out.clone(),
            missing,
        })
    }
}
