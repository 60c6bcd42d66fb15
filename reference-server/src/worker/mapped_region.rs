//! Memory of a client that is a part of a file: POSIX shared memory.
//!
//! Nothing is mapped before a request uses it: for inputs without the right to write, unless the
//! framework may write to its inputs.

use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::mm::{MapFlags, ProtFlags};

use super::backend::ExecutionError;
use super::bus_error::Watched;
use super::client_memory::Access;
use crate::ipc::client_memory::holds;

/// A part of a file, and its mappings.
#[derive(Debug)]
pub(super) struct MappedRegion {
    file: OwnedFd,
    /// Where in the file the region begins, in bytes.
    offset: u64,
    /// How long the region is.
    bytes: u64,
    /// For reading and for writing.
    mappings: [Mutex<Option<Arc<Mapping>>>; 2],
}

impl MappedRegion {
    /// `bytes` bytes of `file` from `offset` on, of which nothing is mapped yet.
    pub(super) fn new(file: OwnedFd, offset: u64, bytes: u64) -> Self {
        Self {
            file,
            offset,
            bytes,
            mappings: Default::default(),
        }
    }

    /// `length` bytes at `offset`, which lie in the region.
    ///
    /// # Errors
    /// The file has become shorter, or it cannot be mapped.
    pub(super) fn part(
        &self,
        offset: u64,
        length: u64,
        access: Access,
    ) -> Result<MappedPart, ExecutionError> {
        self.check_file()?;
        let mapping = {
            let mut mapping = self.mappings[access as usize].lock();
            match &*mapping {
                Some(mapping) if !mapping.watched.is_damaged() => mapping.clone(),
                _ => {
                    let new = Arc::new(Mapping::new(self, access)?);
                    mapping.insert(new).clone()
                }
            }
        };
        // SAFETY: the mapping holds the whole region behind its start, and the part lies in that.
        let address = unsafe { mapping.base.add(mapping.lead + offset as usize) };
        Ok(MappedPart {
            mapping,
            address,
            length: length as usize,
            access,
        })
    }

    /// The file is as long as it was when it was registered, at this moment.
    fn check_file(&self) -> Result<(), ExecutionError> {
        let size = rustix::fs::fstat(&self.file)
            .map_err(|error| {
                ExecutionError(format!(
                    "failed to look at the file of the shared memory region: {error}"
                ))
            })?
            .st_size;
        if holds(size as u64, self.offset, self.bytes) {
            Ok(())
        } else {
            Err(truncated())
        }
    }
}

/// What a client is told that shortened the file of its region.
fn truncated() -> ExecutionError {
    ExecutionError(
        "the file of the shared memory region has become shorter than the region that was \
         registered; unregister it and register what is there"
            .into(),
    )
}

/// A mapped region.
#[derive(Debug)]
struct Mapping {
    watched: Watched,
    base: NonNull<u8>,
    length: usize,
    /// Bytes in front of the region, up to a page.
    lead: usize,
}

// SAFETY: a mapping is plain memory that belongs to no thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; what is in it is handed out by `MappedPart` alone.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(region: &MappedRegion, access: Access) -> Result<Self, ExecutionError> {
        let refused = |reason: &dyn std::fmt::Display| {
            ExecutionError(format!(
                "failed to map the shared memory region ({} bytes): {reason}",
                region.bytes
            ))
        };
        let page = rustix::param::page_size() as u64;
        let lead = region.offset % page;
        let length = region
            .bytes
            .checked_add(lead)
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| length.checked_next_multiple_of(page as usize))
            .ok_or_else(|| refused(&"it is larger than what can be addressed"))?;
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::Write => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: a new mapping at an address that the kernel chooses aliases nothing.
        let base = unsafe {
            rustix::mm::mmap(
                std::ptr::null_mut(),
                length,
                protection,
                MapFlags::SHARED | MapFlags::NORESERVE,
                &region.file,
                region.offset - lead,
            )
        }
        .map_err(|error| refused(&error))?;
        let base = NonNull::new(base.cast::<u8>()).expect("mmap does not return null");
        let Some(watched) = Watched::new(base, length) else {
            // SAFETY: the mapping was just made, and nobody has it.
            unsafe { rustix::mm::munmap(base.as_ptr().cast(), length).ok() };
            return Err(refused(&"this worker has mapped too many of them"));
        };
        Ok(Self {
            watched,
            base,
            length,
            lead: lead as usize,
        })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.watched.end();
        // SAFETY: the mapping was made by `new`; each `MappedPart` of it holds this value.
        unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.length).ok() };
    }
}

/// A tensor's place in such a region, mapped. The client may change what is there at any time.
#[derive(Debug)]
pub struct MappedPart {
    mapping: Arc<Mapping>,
    address: NonNull<u8>,
    length: usize,
    access: Access,
}

impl MappedPart {
    /// Where it is.
    pub fn address(&self) -> NonNull<u8> {
        self.address
    }

    /// How long it is, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Copies what is there.
    pub fn copy_to(&self, target: &mut [u8]) {
        let length = self.length.min(target.len());
        // SAFETY: the part is mapped and that long; the target is memory of this process alone.
        unsafe {
            self.address
                .copy_to_nonoverlapping(NonNull::from(target).cast(), length)
        };
    }

    /// Copies `source` there, as far as it fits.
    pub fn copy_from(&self, source: &[u8]) {
        assert_eq!(self.access, Access::Write, "it is mapped for reading");
        let length = self.length.min(source.len());
        // SAFETY: the part is mapped, may be written to and is that long.
        unsafe {
            self.address
                .copy_from_nonoverlapping(NonNull::from(source).cast(), length)
        };
    }

    /// Whether what was read from it or written to it can be relied on.
    ///
    /// # Errors
    /// The file has become shorter meanwhile.
    pub fn check(&self) -> Result<(), ExecutionError> {
        if self.mapping.watched.is_damaged() {
            Err(truncated())
        } else {
            Ok(())
        }
    }
}
