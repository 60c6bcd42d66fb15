//! A model of which ONNX Runtime can create a session, whatever op libraries register.

use std::io;
use std::path::PathBuf;

use crate::configuration::Device;
use crate::worker::backend::ModelSpecification;

/// `ModelProto` with one node, `output = Identity(input)`, on one float; field numbers are those of
/// `onnx.proto`. All runtimes that are supported read this version of the format.
const MODEL: &[u8] = b"\
    \x08\x08\
    \x3a\x45\
        \x0a\x19\x0a\x05input\x12\x06output\x22\x08Identity\
        \x12\x05probe\
        \x5a\x0f\x0a\x05input\x12\x06\x0a\x04\x08\x01\x12\x00\
        \x62\x10\x0a\x06output\x12\x06\x0a\x04\x08\x01\x12\x00\
    \x42\x04\x0a\x00\x10\x0d";

/// The model as a file, for as long as this lives.
pub struct SessionModel {
    folder: tempfile::TempDir,
}

impl SessionModel {
    /// Writes the file.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written.
    pub fn write() -> io::Result<Self> {
        let model = Self {
            folder: tempfile::Builder::new().prefix("probe-").tempdir()?,
        };
        std::fs::write(model.file(), MODEL)?;
        Ok(model)
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("identity.onnx")
    }

    /// What to ask a worker to load, under a `key` of its own each time.
    pub fn specification(&self, key: u64) -> ModelSpecification {
        ModelSpecification {
            key,
            name: "probe".to_owned(),
            version: 1,
            file: self.file(),
            declared_inputs: Vec::new(),
            declared_outputs: Vec::new(),
            op_libraries: Vec::new(),
            instances: vec![Device::Cpu],
            parameters: std::collections::BTreeMap::new(),
        }
    }
}
