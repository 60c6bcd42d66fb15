//! Cutting an archive into parts.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::writing;
use crate::header::{HEADER_SIZE, Header};
use crate::trailer::{self, TRAILER_SIZE};
use crate::{BundleId, CLibraryVersion, Index, Part, WriteError, part_name};

/// Kept free in the first part for the list of all: room for some 800 parts.
const RESERVED: u64 = 64 << 10;

/// Cuts what is written to it into the parts of one bundle.
#[derive(Debug)]
pub struct PartWriter {
    folder: PathBuf,
    bundle: BundleId,
    /// Longest part in bytes.
    limit: u64,
    /// Bytes of the program in the first part.
    program: u64,
    file: File,
    hasher: blake3::Hasher,
    /// Bytes in the part that is being written.
    written: u64,
    /// The parts that are finished.
    parts: Vec<Part>,
}

impl PartWriter {
    /// Begins the parts of `bundle` in `folder`, each of at most `limit` bytes, the first with
    /// `program` at its head.
    ///
    /// # Errors
    /// `limit` leaves no room behind the program, `folder` holds a bundle, or it cannot be written.
    pub fn create(
        folder: &Path,
        bundle: BundleId,
        limit: u64,
        program: &[u8],
    ) -> Result<Self, WriteError> {
        let size = program.len() as u64;
        let least = size + HEADER_SIZE + RESERVED + 1;
        if limit < least {
            return Err(WriteError::TooSmall { limit, least });
        }
        fs::create_dir_all(folder).map_err(writing(folder))?;
        let first = folder.join(part_name(0));
        if first.exists() {
            return Err(WriteError::Occupied {
                folder: folder.to_owned(),
            });
        }
        let mut writer = Self {
            folder: folder.to_owned(),
            bundle,
            limit,
            program: size,
            file: File::create(&first).map_err(writing(&first))?,
            hasher: blake3::Hasher::new(),
            written: 0,
            parts: Vec::new(),
        };
        writer.put(program).map_err(writing(&first))?;
        writer.begin().map_err(writing(&first))?;
        Ok(writer)
    }

    /// Ends the last part and writes the list of all into the first one. Returns the parts' files.
    ///
    /// # Errors
    /// There are more parts than the first one can list, or it cannot be written.
    pub fn finish(
        mut self,
        c_library: Option<CLibraryVersion>,
        unpacked: u64,
    ) -> Result<Vec<PathBuf>, WriteError> {
        self.end();
        let files: Vec<PathBuf> = (0..self.number())
            .map(|number| self.folder.join(part_name(number)))
            .collect();
        let index = Index {
            bundle: self.bundle,
            c_library,
            unpacked,
            parts: self.parts,
        };
        let text = index.render();
        if text.len() as u64 + TRAILER_SIZE > RESERVED {
            return Err(WriteError::TooMany {
                parts: index.parts.len(),
                limit: self.limit,
            });
        }
        let first = &files[0];
        let tail = trailer::bytes(&text, self.program, index.parts[0].size);
        File::options()
            .append(true)
            .open(first)
            .and_then(|mut file| {
                file.write_all(&tail)?;
                file.set_permissions(Permissions::from_mode(0o755))
            })
            .map_err(writing(first))?;
        Ok(files)
    }

    /// Number of finished parts, which is the number of the current one.
    fn number(&self) -> u32 {
        u32::try_from(self.parts.len()).unwrap_or(u32::MAX)
    }

    fn begin(&mut self) -> io::Result<()> {
        let header = Header {
            bundle: self.bundle,
            number: self.number(),
        };
        self.put(&header.bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self) {
        self.parts.push(Part {
            size: self.written,
            hash: self.hasher.finalize(),
        });
        self.hasher.reset();
        self.written = 0;
    }

    /// How many more bytes the current part can take.
    fn room(&self) -> u64 {
        let reserved = if self.parts.is_empty() { RESERVED } else { 0 };
        self.limit - reserved - self.written
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.room() == 0 {
            self.end();
            self.file = File::create(self.folder.join(part_name(self.number())))?;
            self.begin()?;
        }
        let length = bytes
            .len()
            .min(usize::try_from(self.room()).unwrap_or(usize::MAX));
        self.put(&bytes[..length])?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
