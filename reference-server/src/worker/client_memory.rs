//! Shared-memory regions of clients, as far as this worker was given them.
//!
//! A thread reads what the front sends. Nothing is mapped or opened before a request uses it.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::backend::ExecutionError;
use super::gpu;
use super::gpu_region::{GpuPart, GpuRegion};
use super::mapped_region::{MappedPart, MappedRegion};
use crate::ipc::client_memory::{
    ClientMemoryId, CudaMemory, Grant, GrantedMemory, Notice, holds, receive,
};

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
    /// Memory of a GPU was among it.
    has_gpu: AtomicBool,
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
                let id = grant.id;
                let granted = Arc::new(Granted::new(grant));
                if let Memory::Gpu(_) = granted.memory {
                    self.has_gpu.store(true, Ordering::Relaxed);
                }
                self.granted.lock().insert(id, granted);
                self.arrived.notify_all();
            }
            Notice::Revoke(id) => {
                // Let go of outside of the lock, once no execution uses it.
                let revoked = self.granted.lock().remove(&id);
                drop(revoked);
            }
        }
    }

    /// The part of `length` bytes at `offset` of a client's memory.
    ///
    /// # Errors
    /// The worker was not given that memory, the part leaves it, its file has become shorter, or it
    /// cannot be mapped or opened.
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

    /// Whether a GPU with memory of clients takes no more work of this process. Asked after a failure.
    pub fn is_lost(&self) -> bool {
        self.has_gpu.load(Ordering::Relaxed) && gpu::is_any_lost()
    }
}

/// Memory that was given.
#[derive(Debug)]
struct Granted {
    bytes: u64,
    memory: Memory,
}

#[derive(Debug)]
enum Memory {
    File(MappedRegion),
    Gpu(ClosedRegion),
}

/// Memory of a GPU, which the first request opens that uses it.
#[derive(Debug)]
struct ClosedRegion {
    memory: CudaMemory,
    opened: Mutex<Option<Arc<GpuRegion>>>,
}

impl Granted {
    fn new(grant: Grant<OwnedFd>) -> Self {
        let bytes = grant.bytes;
        let memory = match grant.memory {
            GrantedMemory::File { file, offset } => {
                Memory::File(MappedRegion::new(file, offset, bytes))
            }
            GrantedMemory::Cuda(memory) => Memory::Gpu(ClosedRegion {
                memory,
                opened: Mutex::default(),
            }),
        };
        Self { bytes, memory }
    }

    fn part(&self, offset: u64, length: u64, access: Access) -> Result<Part, ExecutionError> {
        if !holds(self.bytes, offset, length) {
            return Err(ExecutionError(format!(
                "{length} bytes at {offset} are not in the shared memory region, which has {}",
                self.bytes
            )));
        }
        match &self.memory {
            Memory::File(region) => region.part(offset, length, access).map(Part::Mapped),
            Memory::Gpu(region) => {
                let region = region.open(self.bytes)?;
                Ok(Part::Gpu(GpuPart::new(region, offset, length as usize)))
            }
        }
    }
}

impl ClosedRegion {
    fn open(&self, bytes: u64) -> Result<Arc<GpuRegion>, ExecutionError> {
        let mut opened = self.opened.lock();
        if let Some(region) = &*opened {
            return Ok(region.clone());
        }
        let region = GpuRegion::open(&self.memory, bytes).map_err(|error| {
            ExecutionError(format!(
                "failed to open the CUDA shared memory region: {error}"
            ))
        })?;
        Ok(opened.insert(Arc::new(region)).clone())
    }
}

/// A tensor's place in a client's memory. The client may change what is there at any time.
#[derive(Debug)]
pub enum Part {
    /// In memory of this machine.
    Mapped(MappedPart),
    /// In memory of a GPU.
    Gpu(GpuPart),
}

impl Part {
    /// How long it is, in bytes.
    pub fn length(&self) -> usize {
        match self {
            Self::Mapped(part) => part.length(),
            Self::Gpu(part) => part.length(),
        }
    }

    /// Copies what is there, as far as it fits.
    ///
    /// # Errors
    /// A GPU does not copy.
    pub fn copy_to(&self, target: &mut [u8]) -> Result<(), ExecutionError> {
        match self {
            Self::Mapped(part) => part.copy_to(target),
            Self::Gpu(part) => part.copy_to(target)?,
        }
        Ok(())
    }

    /// Copies `source` there, as far as it fits.
    ///
    /// # Errors
    /// A GPU does not copy.
    pub fn copy_from(&self, source: &[u8]) -> Result<(), ExecutionError> {
        match self {
            Self::Mapped(part) => part.copy_from(source),
            Self::Gpu(part) => part.copy_from(source)?,
        }
        Ok(())
    }

    /// Whether what was read from it or written to it can be relied on.
    ///
    /// # Errors
    /// Its file has become shorter meanwhile.
    pub fn check(&self) -> Result<(), ExecutionError> {
        match self {
            Self::Mapped(part) => part.check(),
            // A client that frees what it has registered breaks CUDA's rules, and is not noticed here.
            Self::Gpu(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;
    use crate::ipc::client_memory::CUDA_HANDLE_BYTES;

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
            memory: GrantedMemory::File {
                file: file.try_clone().unwrap(),
                offset,
            },
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
        part.copy_to(&mut read).unwrap();
        assert_eq!(read, [4106_u32 as u8, 4107_u32 as u8, 4108_u32 as u8]);
        memory
            .part(ID, 4998, 2, Access::Write)
            .unwrap()
            .copy_from(&[1, 2])
            .unwrap();
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
        part.copy_to(&mut [0; 50]).unwrap();
    }

    #[test]
    fn memory_of_a_gpu_that_cannot_be_opened_is_refused_with_the_reason() {
        let memory = ClientMemory::default();
        assert!(!memory.is_lost());
        memory.note(Notice::Grant(Grant {
            id: ID,
            memory: GrantedMemory::Cuda(CudaMemory {
                handle: [7; CUDA_HANDLE_BYTES],
                device: 0,
            }),
            bytes: 64,
        }));
        let part = |offset| memory.part(ID, offset, 64, Access::Read);
        let text = part(0).unwrap_err().0;
        let expected = match gpu::present() {
            Ok(_) => "the CUDA handle cannot be opened on GPU 0",
            Err(_) => "NVIDIA's driver (libcuda.so.1)",
        };
        assert!(text.contains(expected), "{text}");
        let text = part(1).unwrap_err().0;
        assert!(text.contains("64 bytes at 1 are not in"), "{text}");
    }

    #[test]
    fn a_file_that_is_cut_off_is_noticed_before_and_during_use() {
        let file = file(64 << 10);
        let memory = granted(&file, 0, 64 << 10);
        let parts = [Access::Read, Access::Write]
            .map(|access| memory.part(ID, 0, 64 << 10, access).unwrap());
        ftruncate(&file, 8192).unwrap();
        let mut read = vec![9; 64 << 10];
        parts[0].copy_to(&mut read).unwrap();
        assert_eq!((read[8191], read[8192]), (8191_u32 as u8, 0));
        assert!(parts[0].check().is_err());
        assert!(parts[1].check().is_ok(), "nobody wrote there yet");
        parts[1].copy_from(&read).unwrap();
        assert!(parts[1].check().is_err());

        let refused = memory.part(ID, 0, 16, Access::Read).unwrap_err();
        assert!(refused.0.contains("has become shorter"), "{refused}");
        // Once it is long enough again, it is mapped anew.
        ftruncate(&file, 64 << 10).unwrap();
        let part = memory.part(ID, 0, 64 << 10, Access::Read).unwrap();
        part.copy_to(&mut read).unwrap();
        assert!(part.check().is_ok());
        assert!(parts[0].check().is_err());
    }
}
