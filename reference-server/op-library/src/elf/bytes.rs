//! Where an ELF file's bytes come from.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Random access to a file's bytes. A read beyond the end, or one that fails, gives nothing.
pub(crate) trait Bytes {
    /// Length in bytes.
    fn len(&self) -> u64;

    /// The `size` bytes at `offset`.
    fn read(&self, offset: u64, size: u64) -> Option<Vec<u8>>;
}

/// The bytes of an open file.
pub(crate) struct FileBytes {
    file: File,
    len: u64,
}

impl FileBytes {
    /// `file`, of which the first `len` bytes are read at most.
    pub(crate) const fn new(file: File, len: u64) -> Self {
        Self { file, len }
    }
}

impl Bytes for FileBytes {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        // The bound keeps a corrupt size from asking for more memory than the file is long.
        let size = in_bounds(offset, size, self.len)?;
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }
}

impl Bytes for Vec<u8> {
    fn len(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, size: u64) -> Option<Vec<u8>> {
        let size = in_bounds(offset, size, self.len() as u64)?;
        let start = usize::try_from(offset).ok()?;
        Some(self[start..start + size].to_vec())
    }
}

fn in_bounds(offset: u64, size: u64, len: u64) -> Option<usize> {
    if offset.checked_add(size)? > len {
        return None;
    }
    usize::try_from(size).ok()
}
