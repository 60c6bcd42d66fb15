//! One version of a model that serves requests.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::inference::ModelConfig;

use super::fingerprint::Fingerprint;
use super::model_folder::ModelFolder;
use super::scheduler::Scheduler;
use super::statistics::Statistics;
use super::worker::Worker;
use crate::configuration::ModelConfiguration;
use crate::protocol::Signature;
use crate::protocol::statistics::Service;

/// See the module.
pub struct ServedVersion {
    pub(super) name: String,
    pub(super) version: i64,
    /// Where it was loaded from. Kept, as its worker may have to load it again.
    pub(super) _folder: ModelFolder,
    /// The model's key in its worker.
    pub(super) key: u64,
    pub(super) configuration: ModelConfiguration,
    pub(super) signature: Signature,
    /// For each input of the signature, its number in the model's own order.
    pub(super) input_numbers: Vec<u32>,
    /// For each output of the signature, its number in the model's own order.
    pub(super) output_numbers: Vec<u32>,
    /// For each output of the signature, the labels of its elements.
    pub(super) labels: Vec<Vec<String>>,
    /// Name of the runtime that serves it.
    pub(super) runtime: String,
    /// Why that is not the one it would get by default, where that is so.
    pub(super) chosen_because: Option<String>,
    /// Those of all models of the framework, then its own.
    pub(super) op_libraries: Vec<PathBuf>,
    /// What the op libraries looked like before they were loaded.
    pub(super) libraries_seen: Fingerprint,
    pub(super) scheduler: Arc<Scheduler>,
    pub(super) statistics: Arc<Statistics>,
    pub(super) worker: Arc<Worker>,
}

impl ServedVersion {
    /// Model name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Version number.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Inputs and outputs as clients see them.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The worker's number of input `index` of the signature.
    pub fn input_number(&self, index: usize) -> u32 {
        self.input_numbers[index]
    }

    /// The worker's number of output `index` of the signature.
    pub fn output_number(&self, index: usize) -> u32 {
        self.output_numbers[index]
    }

    /// The labels of the elements of output `index` of the signature; there may be fewer than elements.
    pub fn labels(&self, index: usize) -> &[String] {
        &self.labels[index]
    }

    /// Its queue.
    pub fn scheduler(&self) -> &Arc<Scheduler> {
        &self.scheduler
    }

    /// Its counters.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The worker that serves it.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// The runtime that serves it, such as `pytorch-2.11.0`.
    pub fn runtime(&self) -> &str {
        &self.runtime
    }

    /// What serves it, for the statistics.
    pub fn service(&self) -> Service {
        Service {
            worker: self.worker.name().to_owned(),
            worker_pid: self.worker.pid(),
            runtime: self.runtime.clone(),
            runtime_choice: self.chosen_because.clone(),
            op_libraries: self
                .op_libraries
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
        }
    }

    /// All op libraries that it sees, in order, joined with `:`.
    pub fn op_libraries(&self) -> String {
        let paths: Vec<String> = self
            .op_libraries
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        paths.join(":")
    }

    /// Whether one of its op libraries is another file now, or gone.
    pub fn libraries_changed(&self) -> bool {
        let mut now = Fingerprint::default();
        self.op_libraries.iter().for_each(|path| now.add(path));
        now != self.libraries_seen
    }

    /// Platform in Triton's vocabulary.
    pub fn platform(&self) -> &str {
        self.configuration.platform()
    }

    /// The model configuration in JSON as clients get it, with what serves the model in its
    /// parameters.
    pub fn configuration_json(&self) -> Vec<u8> {
        self.with_facts(ModelConfiguration::to_json_with)
    }

    /// The same as a message.
    pub fn configuration_message(&self) -> ModelConfig {
        self.with_facts(ModelConfiguration::message_with)
    }

    /// The configuration in a form that has what serves the model in its parameters.
    fn with_facts<T>(&self, form: impl Fn(&ModelConfiguration, &[(&str, &str)]) -> T) -> T {
        let pid = self
            .worker
            .pid()
            .map_or_else(String::new, |pid| pid.to_string());
        let libraries = self.op_libraries();
        let mut facts = vec![
            ("reference_server.worker_pid", pid.as_str()),
            ("reference_server.worker", self.worker.name()),
            ("reference_server.runtime", &self.runtime),
            ("reference_server.op_libraries", &libraries),
        ];
        if let Some(because) = &self.chosen_because {
            facts.push(("reference_server.runtime_choice", because));
        }
        form(&self.configuration, &facts)
    }

    /// Finishes what is under way, for at most `limit`, and releases the model. Returns what is
    /// left behind, in sentences.
    pub async fn retire(&self, limit: Duration) -> Vec<String> {
        if tokio::time::timeout(limit, self.scheduler.drain())
            .await
            .is_err()
        {
            tracing::warn!(
                "model '{}' version {} is released with requests under way: they did not finish in {} s",
                self.name,
                self.version,
                limit.as_secs_f64()
            );
        }
        self.scheduler.stop(&format!(
            "model '{}' version {} was unloaded",
            self.name, self.version
        ));
        self.worker
            .unload(self.key)
            .await
            .into_iter()
            .map(|still| {
                format!(
                    "op library '{}' is still mapped in {}: {}",
                    still.path.display(),
                    self.worker.name(),
                    still.reason
                )
            })
            .collect()
    }
}
