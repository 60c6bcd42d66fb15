//! Models as files of a load request, and where the server keeps them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_ops::{Configuration, Model, ModelRepository};

use super::client::Response;
use super::server::Server;

/// Files by their names in a load request: `file:1/model.onnx`.
pub type ModelFiles = BTreeMap<String, Vec<u8>>;

/// The files of a version of a model.
pub fn files_of(model: &Model, version: u32) -> ModelFiles {
    let folder = tempfile::tempdir().unwrap();
    let repository = ModelRepository::create(folder.path()).unwrap();
    repository.add(model, &Configuration::default()).unwrap();
    let version_folder = repository.model_folder(&model.name).join("1");
    let files = tree(&version_folder)
        .into_iter()
        .filter(|path| path.is_file());
    files
        .map(|path| {
            let inner = path.strip_prefix(&version_folder).unwrap();
            let name = format!("file:{version}/{}", inner.display());
            (name, fs::read(path).unwrap())
        })
        .collect()
}

/// A configuration in JSON that names a backend, an op library and nothing else.
pub fn configuration(backend: &str, library: &Path) -> Value {
    json!({
        "backend": backend,
        "model_operations": {"op_library_filename": [library]},
    })
}

/// Loads a model over HTTP from files.
pub fn load(server: &Server, name: &str, configuration: &Value, files: &ModelFiles) -> Response {
    let mut parameters = json!({"config": configuration.to_string()});
    for (name, content) in files {
        parameters[name] = STANDARD.encode(content).into();
    }
    let path = format!("/v2/repository/models/{name}/load");
    server.post(&path, json!({"parameters": parameters}).to_string())
}

/// A folder for what a server writes into `$TMPDIR`.
pub struct TemporaryFolder(tempfile::TempDir);

impl TemporaryFolder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A server in explicit mode, with nothing loaded, that writes there.
    pub fn start(&self, repository: &Path, flags: &[&str]) -> Server {
        let explicit = ["--model-control-mode", "explicit"];
        let flags = [&explicit, flags].concat();
        Server::start_in(
            repository,
            &flags,
            &[("TMPDIR", self.path().to_str().unwrap())],
        )
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Everything in it but what frameworks leave there: ONNX Runtime 1.32 has a file `.ses`.
    pub fn written(&self) -> Vec<PathBuf> {
        let mut paths = tree(self.path());
        paths.retain(|path| *path != self.path().join(".ses"));
        paths
    }

    /// The folders of models that came as files.
    pub fn models(&self) -> Vec<PathBuf> {
        let is_model = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap();
            path.parent().unwrap().parent() == Some(self.path()) && name.starts_with("model-")
        };
        let paths = tree(self.path()).into_iter();
        paths.filter(is_model).collect()
    }
}

/// Every path below a folder.
pub fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            paths.push(entry.path());
        }
    }
    paths.sort();
    paths
}
