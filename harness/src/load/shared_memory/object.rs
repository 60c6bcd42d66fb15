//! A POSIX shared-memory object.
//!
//! It has no name any more once the server has opened it: nothing is left behind, however the load test
//! ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

/// Where the system has shared-memory objects.
const FOLDER: &str = "/dev/shm";

/// See the module.
#[derive(Debug)]
pub struct Object {
    name: String,
    byte_size: u64,
    file: File,
    /// Its path for as long as it has a name.
    path: Option<PathBuf>,
}

/// The system refuses the object.
#[derive(Debug, thiserror::Error)]
#[error("failed to make or use a shared-memory object of {byte_size} bytes in {FOLDER}: {source}")]
pub struct ObjectError {
    /// Its size.
    byte_size: u64,
    source: io::Error,
}

impl Object {
    /// A new object of that name and size.
    ///
    /// # Errors
    /// There is one of that name, or no memory for it.
    pub fn new(name: &str, byte_size: u64) -> Result<Self, ObjectError> {
        let path = PathBuf::from(FOLDER).join(name);
        let failed = |source| ObjectError { byte_size, source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let object = Self {
            name: name.to_owned(),
            byte_size,
            file,
            path: Some(path),
        };
        object.file.set_len(byte_size).map_err(failed)?;
        Ok(object)
    }

    /// The key of the object for `shm_open`.
    pub fn key(&self) -> String {
        format!("/{}", self.name)
    }

    /// Takes the object's name away. Who has opened it keeps it.
    pub fn unlink(&mut self) {
        if let Some(path) = self.path.take() {
            // It is gone already, or there is nothing that could be done.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Writes `bytes` at `offset`.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<(), ObjectError> {
        let written = self.file.write_all_at(bytes, offset);
        written.map_err(|source| self.failed(source))
    }

    /// Reads `bytes` at `offset`.
    ///
    /// # Errors
    /// The system's.
    pub fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), ObjectError> {
        let read = self.file.read_exact_at(bytes, offset);
        read.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> ObjectError {
        ObjectError {
            byte_size: self.byte_size,
            source,
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.unlink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_can_be_used_when_it_has_no_name_any_more() {
        let name = format!("harness-object-test-{}", std::process::id());
        let mut object = Object::new(&name, 16).unwrap();
        let path = PathBuf::from(FOLDER).join(&name);
        assert_eq!(std::fs::read(&path).unwrap(), [0; 16]);
        assert!(Object::new(&name, 16).is_err());
        object.unlink();
        assert!(!path.exists());
        object.write(&[1, 2], 14).unwrap();
        let mut found = [0; 3];
        object.read(&mut found, 13).unwrap();
        assert_eq!(found, [0, 1, 2]);
        assert!(object.read(&mut found, 14).is_err());
    }
}
