//! POSIX shared-memory objects as a client makes them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// An object that is removed at the end.
#[derive(Debug)]
pub struct Object {
    name: String,
    file: File,
}

impl Object {
    /// A new object of `size` zeros.
    pub fn new(size: u64) -> Self {
        let name = unique_name();
        let file = OpenOptions::new()
            .create_new(true)
            .read(true)
            .write(true)
            .open(path(&name))
            .unwrap();
        file.set_len(size).unwrap();
        Self { name, file }
    }

    /// Its key.
    pub fn key(&self) -> String {
        format!("/{}", self.name)
    }

    /// Changes its size.
    pub fn set_size(&self, size: u64) {
        self.file.set_len(size).unwrap();
    }

    /// Writes into it.
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, offset).unwrap();
    }

    /// Reads from it.
    pub fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).unwrap();
        bytes
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        std::fs::remove_file(path(&self.name)).ok();
    }
}

/// A name that nothing in `/dev/shm` has.
pub fn unique_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("reference-server-test-{}-{number}", std::process::id())
}

/// Where an object of this name is in the file system.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}
