//! The configuration of one model, read, checked and in the form that the server works with.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use proto::inference::{
    ModelConfig, ModelDynamicBatching, ModelInstanceGroup, ModelParameter, ModelQueuePolicy,
    ModelVersionPolicy, model_config::SchedulingChoice, model_instance_group::Kind,
    model_optimization_policy::PinnedMemoryBuffer, model_queue_policy::TimeoutAction,
    model_version_policy,
};
use runtimes::{Framework, RuntimeName};

use super::{
    ConfigurationError, Device, VersionFolder, VersionPolicy, devices, json, platform, text_format,
    validation::{self, Completeness},
    versions,
};

/// Key of the parameter that names the runtime a model wants: `onnxruntime-1.27.0`.
pub const RUNTIME_PARAMETER: &str = "runtime";

/// Parameters whose values are numbers of threads.
const THREAD_COUNTS: [&str; 2] = ["intra_op_thread_count", "inter_op_thread_count"];

/// A model configuration that is valid on its own. What only the model can tell is completed and
/// compared by [`with_model`](Self::with_model).
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfiguration {
    /// Model name; the name of its folder.
    pub name: String,
    /// The framework that serves the model.
    pub framework: Framework,
    /// The runtime that the model asks for; `None` for the framework's default.
    pub runtime: Option<RuntimeName>,
    /// Name of the model file in a version folder; a relative path without `..`.
    pub model_file: String,
    /// Largest batch; 0 where the model does not batch.
    pub max_batch_size: u32,
    /// Which versions are served.
    pub version_policy: VersionPolicy,
    /// The instances, each of which executes one request at a time; at least one.
    pub instances: Vec<Device>,
    /// How requests are put together into batches; `None` for one execution a request.
    pub batching: Option<DynamicBatching>,
    /// Op libraries in the order in which they are registered, as the configuration gives them;
    /// [`SearchPlaces`](super::SearchPlaces) finds them.
    pub op_libraries: Vec<String>,
    /// Free parameters by key.
    pub parameters: BTreeMap<String, String>,
    /// The normalized message, the source of the JSON form.
    pub(super) message: ModelConfig,
}

/// How requests are put together into batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicBatching {
    /// Sizes at which a batch is executed at once, ascending; the largest batch where the
    /// configuration lists none.
    pub preferred_batch_sizes: Vec<u32>,
    /// How long a request may wait for others.
    pub max_queue_delay: Duration,
    /// Whether responses leave in the order in which requests came.
    pub preserve_ordering: bool,
    /// Number of priority levels, 1 is the most urgent; 0 where there are none.
    pub priority_levels: u64,
    /// Level of requests that do not give one.
    pub default_priority_level: u64,
    /// Queue policy of levels that have none of their own.
    pub default_queue_policy: QueuePolicy,
    /// Queue policies by level.
    pub queue_policies: BTreeMap<u64, QueuePolicy>,
}

/// What happens to requests that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueuePolicy {
    /// What happens to a request that waited too long.
    pub timeout_action: QueueTimeoutAction,
    /// How long a request may wait; `None` for ever.
    pub default_timeout: Option<Duration>,
    /// Whether a request may shorten that time.
    pub allow_timeout_override: bool,
    /// Number of requests that may wait; `None` for any number.
    pub max_queue_size: Option<u32>,
}

/// What happens to a request that waited too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueTimeoutAction {
    /// It is answered with an error.
    #[default]
    Reject,
    /// It waits until no other request is left that is in time.
    Delay,
}

impl ModelConfiguration {
    /// Reads the configuration of the model `name` in `model_folder`.
    ///
    /// With `auto_complete` the file may be absent, and may leave out what the model itself tells;
    /// without, it must list inputs and outputs.
    ///
    /// # Errors
    /// The file cannot be read or parsed, or contradicts itself or the server.
    pub fn read(
        model_folder: &Path,
        name: &str,
        auto_complete: bool,
    ) -> Result<Self, ConfigurationError> {
        let file = model_folder.join(text_format::FILE_NAME);
        let message = match fs::read(&file) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes).map_err(|error| {
                    let valid = error.utf8_error().valid_up_to();
                    let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
                    let last = before.rsplit('\n').next().unwrap_or_default();
                    ConfigurationError::Text {
                        file: file.clone(),
                        line: before.matches('\n').count() + 1,
                        column: last.chars().count() + 1,
                        message: "the file is no UTF-8".to_owned(),
                    }
                })?;
                text_format::parse(&text, &file)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && auto_complete => {
                ModelConfig::default()
            }
            Err(source) => return Err(ConfigurationError::Read { path: file, source }),
        };
        Self::new(message, model_folder, name, auto_complete)
    }

    /// Reads a configuration in JSON form, which takes the place of the one in `model_folder`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_json(
        text: &str,
        model_folder: &Path,
        name: &str,
        auto_complete: bool,
    ) -> Result<Self, ConfigurationError> {
        Self::new(json::parse(text, name)?, model_folder, name, auto_complete)
    }

    fn new(
        mut message: ModelConfig,
        model_folder: &Path,
        name: &str,
        auto_complete: bool,
    ) -> Result<Self, ConfigurationError> {
        validation::check_name(&message, name)?;
        name.clone_into(&mut message.name);
        let completeness = if auto_complete {
            Completeness::Partial
        } else {
            Completeness::Complete
        };
        validation::check(&message, completeness)?;
        if !auto_complete && (message.input.is_empty() || message.output.is_empty()) {
            return Err(ConfigurationError::invalid(format!(
                "the model configuration of '{name}' must list inputs and outputs, because \
                 --disable-auto-complete-config is set"
            )));
        }
        // Any version tells what kind of model this is.
        let versions = versions::scan(model_folder).unwrap_or_default();
        let version_folder = versions.last().map(|version| version.path.as_path());
        platform::complete(&mut message, version_folder)?;
        Self::from_valid(message)
    }

    /// Normalizes a valid message, whose framework is known, and takes it apart.
    pub(super) fn from_valid(mut message: ModelConfig) -> Result<Self, ConfigurationError> {
        normalize(&mut message);
        let name = message.name.clone();
        let framework = platform::complete(&mut message, None)?;
        let parameters: BTreeMap<String, String> = message
            .parameters
            .iter()
            .map(|(key, value)| (key.clone(), value.string_value.clone()))
            .collect();
        let model_file = message.default_model_filename.clone();
        check_model_file(&name, &model_file)?;
        check_thread_counts(&name, &parameters)?;
        let batching = match &message.scheduling_choice {
            Some(SchedulingChoice::DynamicBatching(batching)) => Some(batching.into()),
            _ => None,
        };
        Ok(Self {
            framework,
            runtime: wanted_runtime(&name, framework, &parameters)?,
            model_file,
            max_batch_size: u32::try_from(message.max_batch_size).unwrap_or(0),
            version_policy: VersionPolicy::new(message.version_policy.as_ref()),
            instances: devices::of_groups(&message.instance_group, op_library::gpu_count()),
            batching,
            op_libraries: message
                .model_operations
                .as_ref()
                .map(|operations| operations.op_library_filename.clone())
                .unwrap_or_default(),
            name,
            parameters,
            message,
        })
    }

    /// The version folders in `model_folder` that are served, ascending.
    ///
    /// # Errors
    /// The folder cannot be read, or holds no version that the policy selects.
    pub fn select_versions(
        &self,
        model_folder: &Path,
    ) -> Result<Vec<VersionFolder>, ConfigurationError> {
        let available = versions::scan(model_folder)?;
        self.version_policy.select(&available, &self.name)
    }

    /// The model file of a version.
    ///
    /// # Errors
    /// It is not there; the message lists what is.
    pub fn model_path(&self, version: &VersionFolder) -> Result<PathBuf, ConfigurationError> {
        let path = version.path.join(&self.model_file);
        if path.exists() {
            return Ok(path);
        }
        let mut present: Vec<String> = fs::read_dir(&version.path)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        present.sort();
        Err(ConfigurationError::invalid(format!(
            "model file '{}' of model '{}' version {} was not found; the version folder holds: {}. \
             Name the file {} or set default_model_filename",
            path.display(),
            self.name,
            version.version,
            if present.is_empty() {
                "nothing".to_owned()
            } else {
                present.join(", ")
            },
            self.model_file
        )))
    }

    /// The platform in Triton's vocabulary, for model metadata: `onnxruntime_onnx`.
    pub fn platform(&self) -> &str {
        &self.message.platform
    }

    /// The JSON form, as `GET /v2/models/X/config` prints it.
    pub fn to_json(&self) -> Vec<u8> {
        json::print(&self.message)
    }

    /// The JSON form with more parameters: what the server chose for the model, its worker, runtime
    /// and op libraries.
    pub fn to_json_with(&self, facts: &[(&str, &str)]) -> Vec<u8> {
        json::print(&self.message_with(facts))
    }

    /// The message with more parameters, as [`to_json_with`](Self::to_json_with).
    pub fn message_with(&self, facts: &[(&str, &str)]) -> ModelConfig {
        let mut message = self.message.clone();
        for (key, value) in facts {
            let parameter = ModelParameter {
                string_value: (*value).to_owned(),
            };
            message.parameters.insert((*key).to_owned(), parameter);
        }
        message
    }
}

/// Fills in Triton's defaults, which the JSON form shows. The number of instances defaults to 1 for
/// every framework (Triton's own default for ONNX Runtime on the CPU is 2): more instances take
/// more threads, which the operator of the server should be the one to spend.
fn normalize(message: &mut ModelConfig) {
    let ModelVersionPolicy { policy_choice } = message.version_policy.get_or_insert_default();
    policy_choice.get_or_insert(model_version_policy::PolicyChoice::Latest(
        model_version_policy::Latest { num_versions: 1 },
    ));
    if let Some(SchedulingChoice::DynamicBatching(batching)) = &mut message.scheduling_choice
        && batching.preferred_batch_size.is_empty()
        && message.max_batch_size > 0
    {
        batching.preferred_batch_size.push(message.max_batch_size);
    }
    let optimization = message.optimization.get_or_insert_default();
    let pinned = PinnedMemoryBuffer { enable: true };
    optimization.input_pinned_memory.get_or_insert(pinned);
    optimization.output_pinned_memory.get_or_insert(pinned);
    if message.instance_group.is_empty() {
        message.instance_group.push(ModelInstanceGroup {
            name: message.name.clone(),
            ..ModelInstanceGroup::default()
        });
    }
    for (index, group) in message.instance_group.iter_mut().enumerate() {
        if group.name.is_empty() {
            group.name = format!("{}_{index}", message.name);
        }
        if group.kind() == Kind::Auto && op_library::gpu_count() == 0 {
            group.set_kind(Kind::Cpu);
        }
        group.count = group.count.max(1);
    }
}

fn check_model_file(model: &str, file: &str) -> Result<(), ConfigurationError> {
    let inside = Path::new(file)
        .components()
        .all(|component| matches!(component, std::path::Component::Normal(_)));
    if inside {
        return Ok(());
    }
    Err(ConfigurationError::invalid(format!(
        "default_model_filename '{file}' of model '{model}' must be a path inside of the version \
         folder, without '..'"
    )))
}

fn check_thread_counts(
    model: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<(), ConfigurationError> {
    for key in THREAD_COUNTS {
        if let Some(value) = parameters.get(key)
            && value.parse::<u16>().is_err()
        {
            return Err(ConfigurationError::invalid(format!(
                "failed to convert parameter {key} '{value}' of model '{model}' to integral \
                 number; it is a number of threads, 0 for as many as there are cores"
            )));
        }
    }
    Ok(())
}

fn wanted_runtime(
    model: &str,
    framework: Framework,
    parameters: &BTreeMap<String, String>,
) -> Result<Option<RuntimeName>, ConfigurationError> {
    let Some(text) = parameters.get(RUNTIME_PARAMETER) else {
        return Ok(None);
    };
    let runtime: RuntimeName = text.parse().map_err(|error| {
        ConfigurationError::invalid(format!(
            "parameter '{RUNTIME_PARAMETER}' of model '{model}' is '{text}': {error}"
        ))
    })?;
    if runtime.framework == framework {
        Ok(Some(runtime))
    } else {
        Err(ConfigurationError::invalid(format!(
            "parameter '{RUNTIME_PARAMETER}' of model '{model}' is '{text}', but the model is \
             served by {}",
            framework.title()
        )))
    }
}

impl From<&ModelDynamicBatching> for DynamicBatching {
    fn from(batching: &ModelDynamicBatching) -> Self {
        let mut preferred_batch_sizes: Vec<u32> = batching
            .preferred_batch_size
            .iter()
            .filter_map(|size| u32::try_from(*size).ok())
            .collect();
        preferred_batch_sizes.sort_unstable();
        preferred_batch_sizes.dedup();
        Self {
            preferred_batch_sizes,
            max_queue_delay: Duration::from_micros(batching.max_queue_delay_microseconds),
            preserve_ordering: batching.preserve_ordering,
            priority_levels: batching.priority_levels,
            default_priority_level: batching.default_priority_level,
            default_queue_policy: batching
                .default_queue_policy
                .map(QueuePolicy::from)
                .unwrap_or_default(),
            queue_policies: batching
                .priority_queue_policy
                .iter()
                .map(|(level, policy)| (*level, QueuePolicy::from(*policy)))
                .collect(),
        }
    }
}

impl From<ModelQueuePolicy> for QueuePolicy {
    fn from(policy: ModelQueuePolicy) -> Self {
        let timeout = policy.default_timeout_microseconds;
        Self {
            timeout_action: match policy.timeout_action() {
                TimeoutAction::Reject => QueueTimeoutAction::Reject,
                TimeoutAction::Delay => QueueTimeoutAction::Delay,
            },
            default_timeout: (timeout > 0).then(|| Duration::from_micros(timeout)),
            allow_timeout_override: policy.allow_timeout_override,
            max_queue_size: (policy.max_queue_size > 0).then_some(policy.max_queue_size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A model folder with version 1 and this `config.pbtxt`.
    fn folder(config: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("1")).unwrap();
        fs::write(folder.path().join("1/model.onnx"), b"").unwrap();
        if let Some(config) = config {
            fs::write(folder.path().join("config.pbtxt"), config).unwrap();
        }
        folder
    }

    fn read(config: &str) -> Result<ModelConfiguration, String> {
        ModelConfiguration::read(folder(Some(config)).path(), "m", true)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn an_absent_configuration_is_filled_with_defaults() {
        let folder = folder(None);
        let model = ModelConfiguration::read(folder.path(), "m", true).unwrap();
        assert_eq!(model.name, "m");
        assert_eq!(model.framework, Framework::OnnxRuntime);
        assert_eq!(model.platform(), "onnxruntime_onnx");
        assert_eq!(model.model_file, "model.onnx");
        assert_eq!(model.version_policy, VersionPolicy::Latest(1));
        assert_eq!((model.instances.len(), model.max_batch_size), (1, 0));
        assert_eq!(model.batching, None);
        assert_eq!(model.runtime, None);
        let error = ModelConfiguration::read(folder.path(), "m", false).unwrap_err();
        assert!(error.to_string().contains("config.pbtxt"), "{error}");
    }

    #[test]
    fn every_part_is_taken_over() {
        let model = read(
            r#"name: "m" backend: "onnxruntime" max_batch_size: 8
            version_policy { specific { versions: [ 1, 3 ] } }
            instance_group [ { count: 2 kind: KIND_CPU }, { kind: KIND_AUTO } ]
            dynamic_batching { preferred_batch_size: [ 8, 4 ] max_queue_delay_microseconds: 100
              priority_levels: 2 default_priority_level: 2
              default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 7 max_queue_size: 3 }
              priority_queue_policy { key: 1 value { allow_timeout_override: true } } }
            model_operations { op_library_filename: [ "a.so", "../b.so" ] }
            parameters { key: "runtime" value { string_value: "onnxruntime-1.27.0" } }
            parameters { key: "intra_op_thread_count" value { string_value: "1" } }"#,
        )
        .unwrap();
        assert_eq!(model.max_batch_size, 8);
        assert_eq!(model.instances.len(), 3);
        assert_eq!(model.version_policy, VersionPolicy::Specific(vec![1, 3]));
        assert_eq!(model.op_libraries, ["a.so", "../b.so"]);
        assert_eq!(model.runtime.unwrap().to_string(), "onnxruntime-1.27.0");
        assert_eq!(model.parameters["intra_op_thread_count"], "1");
        let batching = model.batching.unwrap();
        assert_eq!(batching.preferred_batch_sizes, [4, 8]);
        assert_eq!(batching.max_queue_delay, Duration::from_micros(100));
        assert_eq!(
            (batching.priority_levels, batching.default_priority_level),
            (2, 2)
        );
        assert_eq!(
            batching.default_queue_policy,
            QueuePolicy {
                timeout_action: QueueTimeoutAction::Delay,
                default_timeout: Some(Duration::from_micros(7)),
                allow_timeout_override: false,
                max_queue_size: Some(3),
            }
        );
        assert!(batching.queue_policies[&1].allow_timeout_override);
    }

    #[test]
    fn the_model_file_of_each_version_is_found() {
        let folder = folder(None);
        fs::create_dir(folder.path().join("2")).unwrap();
        fs::write(folder.path().join("2/other.onnx"), b"").unwrap();
        let error = ModelConfiguration::read(folder.path(), "m", true).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("must specify 'platform' or 'backend'"),
            "{error}"
        );
        fs::write(
            folder.path().join("config.pbtxt"),
            "backend: \"onnxruntime\"",
        )
        .unwrap();
        let model = ModelConfiguration::read(folder.path(), "m", true).unwrap();
        let versions = model.select_versions(folder.path()).unwrap();
        assert_eq!(versions.len(), 1);
        let message = model.model_path(&versions[0]).unwrap_err().to_string();
        assert!(
            message.contains("2/model.onnx") && message.contains("other.onnx"),
            "{message}"
        );
        let first = &versions::scan(folder.path()).unwrap()[0];
        assert_eq!(
            model.model_path(first).unwrap(),
            folder.path().join("1/model.onnx")
        );
    }

    #[test]
    fn errors_name_the_model_and_the_file() {
        for (config, expected) in [
            ("name: \"n\"", "directory name must equal model name"),
            ("nam: \"m\"", "config.pbtxt:1:1: field 'nam' not found"),
            (
                "default_model_filename: \"../../x.onnx\"",
                "must be a path inside of the version folder",
            ),
            (
                "parameters { key: \"runtime\" value { string_value: \"onnxruntime\" } }",
                "parameter 'runtime' of model 'm' is 'onnxruntime'",
            ),
            (
                "parameters { key: \"runtime\" value { string_value: \"pytorch-2.11.0\" } }",
                "but the model is served by ONNX Runtime",
            ),
            (
                "parameters { key: \"inter_op_thread_count\" value { string_value: \"many\" } }",
                "failed to convert parameter inter_op_thread_count 'many' of model 'm'",
            ),
        ] {
            let message = read(config).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        let folder = folder(None);
        fs::write(folder.path().join("config.pbtxt"), b"name:\n \"\xFF\"").unwrap();
        let error = ModelConfiguration::read(folder.path(), "m", true).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("config.pbtxt:2:3: the file is no UTF-8"),
            "{error}"
        );
    }

    #[test]
    fn the_json_form_reads_back_and_carries_the_servers_facts() {
        let folder = folder(None);
        let model = read("max_batch_size: 2 dynamic_batching { }").unwrap();
        let json = String::from_utf8(model.to_json()).unwrap();
        let again = ModelConfiguration::from_json(&json, folder.path(), "m", true).unwrap();
        assert_eq!(again, model);
        let facts = [("reference_server.worker_pid", "7")];
        let json: serde_json::Value = serde_json::from_slice(&model.to_json_with(&facts)).unwrap();
        assert_eq!(
            json["parameters"]["reference_server.worker_pid"]["string_value"],
            "7"
        );
        assert_eq!(json["dynamic_batching"]["preferred_batch_size"][0], 2);
    }
}
