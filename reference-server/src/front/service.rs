//! What clients ask of the server, whichever protocol they speak.

use std::sync::Arc;

use super::options::{ModelControlMode, Options};
use super::repository::{Repository, VersionState};
use super::served_model::ServedVersion;
use super::settings::{Log, Traces};
use super::shared_memory::registry::SharedMemory;
use crate::protocol::metadata::{ModelMetadata, ServerMetadata};
use crate::protocol::repository::{IndexEntry, LoadRequest, ModelState};
use crate::protocol::statistics::ModelStatistics;
use crate::protocol::{ErrorKind, RequestError};

/// What requests are served from.
pub struct Service {
    /// The command line.
    pub options: Options,
    /// The models.
    pub repository: Arc<Repository>,
    /// The shared-memory regions that clients registered.
    pub shared_memory: Arc<SharedMemory>,
    /// Settings of traces.
    pub traces: Traces,
    /// Settings of the log.
    pub log: Log,
    /// Turns true when the server is on its way out.
    pub stopping: tokio::sync::watch::Receiver<bool>,
}

impl Service {
    /// Whether the server takes requests: every model that was loaded serves, unless
    /// `--strict-readiness=false`.
    pub fn ready(&self) -> bool {
        !*self.stopping.borrow()
            && self.repository.started()
            && (!self.options.strict_readiness || self.repository.all_ready())
    }

    /// What the server tells about itself.
    pub fn metadata(&self) -> ServerMetadata {
        ServerMetadata::new(&self.options.id, env!("CARGO_PKG_VERSION"))
    }

    /// What a model tells about itself; with all its versions where none is named.
    ///
    /// # Errors
    /// The model or its version is not served.
    pub fn model_metadata(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<ModelMetadata, RequestError> {
        let served = self.repository.find(name, version)?;
        let versions: Vec<i64> = self
            .versions(name, version, &served)
            .iter()
            .map(|served| served.version())
            .collect();
        Ok(ModelMetadata::new(
            served.signature(),
            &versions,
            served.platform(),
        ))
    }

    /// Statistics of a model: of all its versions where none is named, of all models where no name
    /// is given.
    ///
    /// # Errors
    /// The model or its version is not served.
    pub fn statistics(
        &self,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Vec<ModelStatistics>, RequestError> {
        let served = match name {
            None => self.repository.all_serving(),
            Some(name) => {
                let served = self.repository.find(name, version).map_err(|error| {
                    // Statistics have words of their own for it.
                    let message = match (error.kind, self.repository.find(name, None)) {
                        (ErrorKind::NotFound, Ok(_)) => {
                            format!("requested model version is not available for model '{name}'")
                        }
                        (ErrorKind::NotFound, Err(_)) => {
                            format!("requested model '{name}' is not available")
                        }
                        _ => return error,
                    };
                    RequestError::invalid(message)
                })?;
                self.versions(name, version, &served)
            }
        };
        Ok(served.iter().map(|served| statistics(served)).collect())
    }

    /// Checks that a model of that name is served, where one is named, before settings of its own are
    /// looked at.
    ///
    /// # Errors
    /// It is not; 400 with Triton's words.
    pub fn require_model(&self, name: Option<&str>) -> Result<(), RequestError> {
        match name {
            Some(name) if self.repository.find(name, None).is_err() => Err(RequestError::invalid(
                format!("Request for unknown model : {name}"),
            )),
            _ => Ok(()),
        }
    }

    /// All serving versions of a model, or the one that was asked for.
    fn versions(
        &self,
        name: &str,
        version: Option<&str>,
        served: &Arc<ServedVersion>,
    ) -> Vec<Arc<ServedVersion>> {
        match version {
            Some(_) => vec![served.clone()],
            None => self.repository.versions_of(name),
        }
    }

    /// The repository index; only of what is ready where `ready_only`.
    pub fn index(&self, ready_only: bool) -> Vec<IndexEntry> {
        self.repository
            .index(ready_only)
            .into_iter()
            .map(|entry| {
                let (version, state) = entry.version.unzip();
                let (state, reason) = match state {
                    None => (None, None),
                    Some(VersionState::Loading) => (Some(ModelState::Loading), None),
                    Some(VersionState::Ready) => (Some(ModelState::Ready), None),
                    Some(VersionState::Unloading) => (Some(ModelState::Unloading), None),
                    Some(VersionState::Unavailable(reason)) => {
                        (Some(ModelState::Unavailable), Some(reason))
                    }
                };
                IndexEntry {
                    name: entry.name,
                    version: version.map(|version| version.to_string()),
                    state,
                    reason,
                }
            })
            .collect()
    }

    /// Loads a model, or loads it again where its files changed; with files in the request, from these
    /// alone.
    ///
    /// # Errors
    /// Clients may not, the request asks for what this server cannot do, or the model cannot be
    /// loaded.
    pub async fn load(&self, name: &str, request: LoadRequest) -> Result<(), RequestError> {
        self.require_explicit_control("load")?;
        let (repository, name) = (self.repository.clone(), name.to_owned());
        finish(async move { repository.load(&name, request).await }).await
    }

    /// Unloads a model. Models do not depend on each other here, so there are no dependents to
    /// unload.
    ///
    /// # Errors
    /// Clients may not.
    pub async fn unload(&self, name: &str) -> Result<(), RequestError> {
        self.require_explicit_control("unload")?;
        let (repository, name) = (self.repository.clone(), name.to_owned());
        finish(async move {
            repository.unload(&name).await;
            Ok(())
        })
        .await
    }

    fn require_explicit_control(&self, action: &str) -> Result<(), RequestError> {
        if self.options.model_control_mode == ModelControlMode::Explicit {
            return Ok(());
        }
        Err(RequestError::invalid(format!(
            "explicit model load / unload is not allowed if polling is enabled or the model control \
             mode is 'none'; start the server with --model-control-mode explicit to {action} models"
        )))
    }
}

/// Statistics of a model version.
fn statistics(served: &ServedVersion) -> ModelStatistics {
    let snapshot = served.statistics().snapshot();
    ModelStatistics {
        name: served.name().to_owned(),
        version: served.version().to_string(),
        last_inference: snapshot.last_inference_ms,
        inference_count: snapshot.inference_count,
        execution_count: snapshot.execution_count,
        inference_stats: snapshot.inference,
        batch_stats: snapshot.batches.into_values().collect(),
        reference_server: Some(served.service()),
        ..ModelStatistics::default()
    }
}

/// Runs a change to the repository to its end, whether or not the client waits for it: a
/// connection that closes must not leave a model half loaded.
async fn finish(
    change: impl Future<Output = Result<(), String>> + Send + 'static,
) -> Result<(), RequestError> {
    match tokio::spawn(change).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => Err(RequestError::invalid(reason)),
        Err(error) => Err(RequestError::internal(format!(
            "the change to the model repository failed in an unexpected way: {error}"
        ))),
    }
}
