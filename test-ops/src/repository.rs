//! Model repositories on disk: `<repository>/<model>/config.pbtxt`, and the model's file in
//! `<repository>/<model>/<version>`.

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{Model, ModelError, ParameterSource, TensorSpec, model::ModelFile};

/// A model repository that is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRepository {
    root: PathBuf,
}

/// A model repository could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// A folder could not be created.
    #[error(
        "failed to create the folder '{path}' of a model repository: {source}; is there space, and the right to write there?"
    )]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A model or its configuration could not be written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Batching needs an open first axis in each tensor.
    #[error(
        "model '{model}' cannot have max_batch_size {max_batch_size}: the first axis of '{tensor}' \
         is not open; make the parameter a constant and the first dim -1"
    )]
    NotBatched {
        /// The model.
        model: String,
        /// What was asked for.
        max_batch_size: u32,
        /// The input or output that stands against it.
        tensor: String,
    },
}

/// What `config.pbtxt` says, in Triton's terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// `max_batch_size`; above zero the first axis of each tensor is the batch and is left out of
    /// the written dims.
    pub max_batch_size: u32,
    /// `model_operations.op_library_filename`, in this order.
    pub op_libraries: Vec<String>,
    /// `instance_group.count` on the CPU.
    pub instance_count: Option<u32>,
    /// `instance_group` with one instance on the GPU of this number, in place of those on the CPU.
    pub gpu: Option<u32>,
    /// `dynamic_batching`.
    pub dynamic_batching: Option<DynamicBatching>,
    /// `version_policy: { latest { num_versions } }`.
    pub latest_versions: Option<u32>,
    /// `parameters`: key and string value.
    pub parameters: Vec<(String, String)>,
    /// Leaves out the tensors, which the server has to complete from the model.
    pub omit_tensors: bool,
}

/// `dynamic_batching` of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DynamicBatching {
    /// `preferred_batch_size`
    pub preferred_batch_sizes: Vec<u32>,
    /// `max_queue_delay_microseconds`
    pub max_queue_delay_microseconds: u64,
}

impl Configuration {
    /// A configuration that names op libraries and nothing else.
    pub fn with_op_libraries<P: AsRef<str>>(
        op_libraries: impl IntoIterator<Item = P>,
    ) -> Configuration {
        let op_libraries = op_libraries
            .into_iter()
            .map(|path| path.as_ref().to_owned())
            .collect();
        Configuration {
            op_libraries,
            ..Configuration::default()
        }
    }

    /// The text of `config.pbtxt`.
    pub fn to_text(&self, model: &Model) -> String {
        let mut text = String::new();
        self.write(model, &mut text)
            .expect("writing to a string does not fail");
        text
    }

    fn write(&self, model: &Model, text: &mut String) -> std::fmt::Result {
        writeln!(text, "name: {}", quoted(&model.name))?;
        writeln!(text, "backend: {}", quoted(model.format.framework().name()))?;
        writeln!(text, "platform: {}", quoted(model.format.platform()))?;
        writeln!(text, "max_batch_size: {}", self.max_batch_size)?;
        if !self.omit_tensors {
            self.write_tensors("input", &model.inputs(), text)?;
            self.write_tensors("output", &model.outputs(), text)?;
        }
        if let Some(gpu) = self.gpu {
            writeln!(
                text,
                "instance_group [\n  {{ count: 1 kind: KIND_GPU gpus: [{gpu}] }}\n]"
            )?;
        } else if let Some(count) = self.instance_count {
            writeln!(
                text,
                "instance_group [\n  {{ count: {count} kind: KIND_CPU }}\n]"
            )?;
        }
        if let Some(batching) = &self.dynamic_batching {
            writeln!(text, "dynamic_batching {{")?;
            if !batching.preferred_batch_sizes.is_empty() {
                writeln!(
                    text,
                    "  preferred_batch_size: {:?}",
                    batching.preferred_batch_sizes
                )?;
            }
            let delay = batching.max_queue_delay_microseconds;
            writeln!(text, "  max_queue_delay_microseconds: {delay}\n}}")?;
        }
        if let Some(count) = self.latest_versions {
            writeln!(
                text,
                "version_policy: {{ latest {{ num_versions: {count} }} }}"
            )?;
        }
        if !self.op_libraries.is_empty() {
            writeln!(text, "model_operations {{")?;
            for path in &self.op_libraries {
                writeln!(text, "  op_library_filename: {}", quoted(path))?;
            }
            writeln!(text, "}}")?;
        }
        for (key, value) in &self.parameters {
            let (key, value) = (quoted(key), quoted(value));
            writeln!(
                text,
                "parameters {{ key: {key} value {{ string_value: {value} }} }}"
            )?;
        }
        Ok(())
    }

    fn write_tensors(
        &self,
        field: &str,
        tensors: &[TensorSpec],
        text: &mut String,
    ) -> std::fmt::Result {
        writeln!(text, "{field} [")?;
        for (index, tensor) in tensors.iter().enumerate() {
            let dims = if self.max_batch_size > 0 {
                &tensor.dims[1..]
            } else {
                &tensor.dims[..]
            };
            let comma = if index + 1 < tensors.len() { "," } else { "" };
            let (name, data_type) = (quoted(&tensor.name), tensor.data_type);
            writeln!(
                text,
                "  {{ name: {name} data_type: TYPE_{data_type} dims: {dims:?} }}{comma}"
            )?;
        }
        writeln!(text, "]")
    }
}

impl ModelRepository {
    /// The repository in the folder `root`, which is created where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be created.
    pub fn create(root: impl Into<PathBuf>) -> Result<ModelRepository, RepositoryError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(|source| RepositoryError::Create {
            path: root.clone(),
            source,
        })?;
        Ok(ModelRepository { root })
    }

    /// The repository's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a model: `<repository>/<name>`.
    pub fn model_folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes the model in its format as version 1 with a `config.pbtxt`, and returns its folder.
    /// Each file is replaced as a whole, so that a server which polls never reads half of one.
    ///
    /// # Errors
    /// When a file cannot be written, or when the model cannot be batched as configured or
    /// expressed in its format.
    pub fn add(
        &self,
        model: &Model,
        configuration: &Configuration,
    ) -> Result<PathBuf, RepositoryError> {
        check_batching(model, configuration)?;
        let folder = self.model_folder(&model.name);
        self.add_version(model, 1)?;
        ModelFile::new("config.pbtxt", configuration.to_text(model).into_bytes()).write(&folder)?;
        Ok(folder)
    }

    /// Writes one version of the model without touching its configuration, and returns the
    /// version's folder.
    ///
    /// # Errors
    /// When a file cannot be written, or the model cannot be expressed in its format.
    pub fn add_version(&self, model: &Model, version: u32) -> Result<PathBuf, RepositoryError> {
        let folder = self.model_folder(&model.name).join(version.to_string());
        model.write(&folder)?;
        Ok(folder)
    }
}

fn check_batching(model: &Model, configuration: &Configuration) -> Result<(), RepositoryError> {
    if configuration.max_batch_size == 0 {
        return Ok(());
    }
    let parameter_is_input = model.parameter_source == ParameterSource::Input;
    let unfit = |tensor: &TensorSpec| {
        tensor.dims.len() < 2
            || tensor.dims[0] != -1
            || (parameter_is_input && tensor.dims.len() != model.dims.len())
    };
    match model
        .inputs()
        .into_iter()
        .chain(model.outputs())
        .find(unfit)
    {
        None => Ok(()),
        Some(tensor) => Err(RepositoryError::NotBatched {
            model: model.name.clone(),
            max_batch_size: configuration.max_batch_size,
            tensor: tensor.name,
        }),
    }
}

/// A string of the protobuf text format.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\{byte:03o}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Op};

    fn model() -> Model {
        Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 64],
            ParameterSource::Constant,
        )
    }

    #[test]
    fn a_full_configuration() {
        let configuration = Configuration {
            max_batch_size: 8,
            op_libraries: vec!["a \"b\".so".to_owned(), "ö.so".to_owned()],
            instance_count: Some(2),
            gpu: None,
            dynamic_batching: Some(DynamicBatching {
                preferred_batch_sizes: vec![4, 8],
                max_queue_delay_microseconds: 100,
            }),
            latest_versions: Some(2),
            parameters: vec![("runtime".to_owned(), "onnxruntime-1.20.1".to_owned())],
            omit_tensors: false,
        };
        assert_eq!(
            configuration.to_text(&model()),
            r#"name: "bias_gelu_fp32"
backend: "onnxruntime"
platform: "onnxruntime_onnx"
max_batch_size: 8
input [
  { name: "x" data_type: TYPE_FP32 dims: [64] }
]
output [
  { name: "y" data_type: TYPE_FP32 dims: [64] }
]
instance_group [
  { count: 2 kind: KIND_CPU }
]
dynamic_batching {
  preferred_batch_size: [4, 8]
  max_queue_delay_microseconds: 100
}
version_policy: { latest { num_versions: 2 } }
model_operations {
  op_library_filename: "a \"b\".so"
  op_library_filename: "\303\266.so"
}
parameters { key: "runtime" value { string_value: "onnxruntime-1.20.1" } }
"#
        );
    }

    #[test]
    fn layout_on_disk() {
        let scratch = tempfile::tempdir().unwrap();
        let repository = ModelRepository::create(scratch.path().join("models")).unwrap();
        let folder = repository
            .add(&model(), &Configuration::with_op_libraries(["ops.so"]))
            .unwrap();
        repository.add_version(&model(), 2).unwrap();
        assert_eq!(folder, repository.root().join("bias_gelu_fp32"));
        for file in ["config.pbtxt", "1/model.onnx", "2/model.onnx"] {
            assert!(folder.join(file).is_file(), "{file}");
        }
    }

    #[test]
    fn a_parameter_input_stands_against_batching() {
        let scratch = tempfile::tempdir().unwrap();
        let repository = ModelRepository::create(scratch.path()).unwrap();
        let configuration = Configuration {
            max_batch_size: 4,
            ..Configuration::default()
        };
        let model = Model::new(
            Op::RmsNorm,
            DataType::Fp32,
            &[-1, 8],
            ParameterSource::Input,
        );
        let error = repository.add(&model, &configuration).unwrap_err();
        assert!(error.to_string().contains("'weight'"), "{error}");
    }
}
