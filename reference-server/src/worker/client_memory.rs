//! Shared-memory regions of clients, as far as this worker was given them.
//!
//! A thread reads what the front sends. Nothing is mapped before a request uses it: for inputs
//! without the right to write, unless the framework may write to its inputs.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use rustix::mm::{MapFlags, ProtFlags};

use super::backend::ExecutionError;
use super::bus_error::Watched;
use crate::ipc::client_memory::{ClientMemoryId, Grant, Notice, holds, receive};

/// How long a request waits for the notice that was sent before it.
const NOTICE_LIMIT: Duration = Duration::from_secs(10);

/// What a tensor in a client's memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is read.
    Read,
    /// It is written.
    Write,
}

/// All memory of clients that this worker may use.
#[derive(Debug, Default)]
pub struct ClientMemory {
    granted: Mutex<HashMap<ClientMemoryId, Arc<Granted>>>,
    arrived: Condvar,
}

impl ClientMemory {
    /// Takes what comes over `socket` from now on.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn from_front(socket: OwnedFd) -> std::io::Result<Arc<Self>> {
        let memory = Arc::new(Self::default());
        std::thread::Builder::new()
            .name("client-memory".to_owned())
            .spawn({
                let memory = memory.clone();
                move || memory.listen(&socket)
            })?;
        Ok(memory)
    }

    fn listen(&self, socket: &OwnedFd) {
        loop {
            match receive(socket) {
                Ok(Some(notice)) => self.note(notice),
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("failed to read a notice about memory of clients: {error}");
                    return;
                }
            }
        }
    }

    fn note(&self, notice: Notice<OwnedFd>) {
        match notice {
            Notice::Grant(grant) => {
                let granted = Arc::new(Granted::new(grant));
                self.granted.lock().insert(granted.grant.id, granted);
                self.arrived.notify_all();
            }
            Notice::Revoke(id) => {
                // Unmapped outside of the lock, once no execution uses it.
                let revoked = self.granted.lock().remove(&id);
                drop(revoked);
            }
        }
    }

    /// The part of `length` bytes at `offset` of a client's memory.
    ///
    /// # Errors
    /// The worker was not given that memory, the part leaves it, its file has become shorter, or it
    /// cannot be mapped.
    pub fn part(
        &self,
        id: ClientMemoryId,
        offset: u64,
        length: u64,
        access: Access,
    ) -> Result<Part, ExecutionError> {
        let granted = {
            let mut granted = self.granted.lock();
            loop {
                if let Some(granted) = granted.get(&id) {
                    break granted.clone();
                }
                if self
                    .arrived
                    .wait_for(&mut granted, NOTICE_LIMIT)
                    .timed_out()
                {
                    return Err(ExecutionError(
                        "the worker was not given the shared memory region of the request".into(),
                    ));
                }
            }
        };
        granted.part(offset, length, access)
    }
}

/// Memory that was given, and its mappings.
#[derive(Debug)]
struct Granted {
    grant: Grant<OwnedFd>,
    /// For reading and for writing.
    mappings: [Mutex<Option<Arc<Mapping>>>; 2],
}

impl Granted {
    fn new(grant: Grant<OwnedFd>) -> Self {
        Self {
            grant,
            mappings: Default::default(),
        }
    }

    fn part(&self, offset: u64, length: u64, access: Access) -> Result<Part, ExecutionError> {
        if !holds(self.grant.bytes, offset, length) {
            return Err(ExecutionError(format!(
                "{length} bytes at {offset} are not in the shared memory region, which has {}",
                self.grant.bytes
            )));
        }
        self.check_file()?;
        let mapping = {
            let mut mapping = self.mappings[access as usize].lock();
            match &*mapping {
                Some(mapping) if !mapping.watched.is_damaged() => mapping.clone(),
                _ => {
                    let new = Arc::new(Mapping::new(&self.grant, access)?);
                    mapping.insert(new).clone()
                }
            }
        };
        // SAFETY: the mapping holds the whole grant behind its start, and the part lies in that.
        let address = unsafe { mapping.base.add(mapping.lead + offset as usize) };
        Ok(Part {
            mapping,
            address,
            length: length as usize,
            access,
        })
    }

    /// The file is as long as it was when it was registered, at this moment.
    fn check_file(&self) -> Result<(), ExecutionError> {
        let size = rustix::fs::fstat(&self.grant.file)
            .map_err(|error| {
                ExecutionError(format!(
                    "failed to look at the file of the shared memory region: {error}"
                ))
            })?
            .st_size;
        if holds(size as u64, self.grant.offset, self.grant.bytes) {
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

/// A mapped grant.
#[derive(Debug)]
struct Mapping {
    watched: Watched,
    base: NonNull<u8>,
    length: usize,
    /// Bytes in front of the grant, up to a page.
    lead: usize,
}

// SAFETY: a mapping is plain memory that belongs to no thread.
unsafe impl Send for Mapping {}
// SAFETY: as above; what is in it is handed out by `Part` alone.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(grant: &Grant<OwnedFd>, access: Access) -> Result<Self, ExecutionError> {
        let refused = |reason: &dyn std::fmt::Display| {
            ExecutionError(format!(
                "failed to map the shared memory region ({} bytes): {reason}",
                grant.bytes
            ))
        };
        let page = rustix::param::page_size() as u64;
        let lead = grant.offset % page;
        let length = grant
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
                &grant.file,
                grant.offset - lead,
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
        // SAFETY: the mapping was made by `new`; each `Part` of it holds this value.
        unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.length).ok() };
    }
}

/// A tensor's place in a client's memory, mapped. The client may change what is there at any time.
#[derive(Debug)]
pub struct Part {
    mapping: Arc<Mapping>,
    address: NonNull<u8>,
    length: usize,
    access: Access,
}

impl Part {
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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    const ID: ClientMemoryId = ClientMemoryId(NonZeroU64::MIN);

    /// A file of `size` bytes, each of which tells its number.
    fn file(size: usize) -> OwnedFd {
        let file = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        let contents: Vec<u8> = (0..size).map(|number| number as u8).collect();
        rustix::io::write(&file, &contents).unwrap();
        file
    }

    fn granted(file: &OwnedFd, offset: u64, bytes: u64) -> ClientMemory {
        let memory = ClientMemory::default();
        memory.note(Notice::Grant(Grant {
            id: ID,
            file: file.try_clone().unwrap(),
            offset,
            bytes,
        }));
        memory
    }

    #[test]
    fn a_part_is_what_the_file_holds_and_what_is_written_goes_there() {
        let file = file(10_000);
        let memory = granted(&file, 4099, 5000);
        let part = memory.part(ID, 7, 3, Access::Read).unwrap();
        let mut read = [0; 3];
        part.copy_to(&mut read);
        assert_eq!(read, [4106_u32 as u8, 4107_u32 as u8, 4108_u32 as u8]);
        memory
            .part(ID, 4998, 2, Access::Write)
            .unwrap()
            .copy_from(&[1, 2]);
        let mut written = [0; 3];
        rustix::io::pread(&file, &mut written, 9096).unwrap();
        assert_eq!(written, [9096_u32 as u8, 1, 2]);
    }

    #[test]
    fn what_leaves_the_memory_or_was_revoked_is_refused() {
        let file = file(100);
        let memory = granted(&file, 10, 50);
        for (offset, length) in [(0, 51), (50, 1), (51, 0), (u64::MAX, 2), (2, u64::MAX)] {
            assert!(memory.part(ID, offset, length, Access::Read).is_err());
        }
        let part = memory.part(ID, 0, 50, Access::Read).unwrap();
        memory.note(Notice::Revoke(ID));
        assert!(memory.granted.lock().is_empty());
        part.copy_to(&mut [0; 50]);
    }

    #[test]
    fn a_file_that_is_cut_off_is_noticed_before_and_during_use() {
        let file = file(64 << 10);
        let memory = granted(&file, 0, 64 << 10);
        let parts = [Access::Read, Access::Write]
            .map(|access| memory.part(ID, 0, 64 << 10, access).unwrap());
        ftruncate(&file, 8192).unwrap();
        let mut read = vec![9; 64 << 10];
        parts[0].copy_to(&mut read);
        assert_eq!((read[8191], read[8192]), (8191_u32 as u8, 0));
        assert!(parts[0].check().is_err());
        assert!(parts[1].check().is_ok(), "nobody wrote there yet");
        parts[1].copy_from(&read);
        assert!(parts[1].check().is_err());

        let refused = memory.part(ID, 0, 16, Access::Read).unwrap_err();
        assert!(refused.0.contains("has become shorter"), "{refused}");
        // Once it is long enough again, it is mapped anew.
        ftruncate(&file, 64 << 10).unwrap();
        let part = memory.part(ID, 0, 64 << 10, Access::Read).unwrap();
        part.copy_to(&mut read);
        assert!(part.check().is_ok());
        assert!(parts[0].check().is_err());
    }
}
