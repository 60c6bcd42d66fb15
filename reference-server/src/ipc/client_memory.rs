//! Memory of clients: how the front gives a worker a shared-memory region that a client registered.
//!
//! The front never maps such a region. It hands its file descriptor, or its CUDA handle, to each worker
//! that executes a request with tensors in it, before that request, over a socket of its own; a
//! descriptor of the request then names the region by its [`ClientMemoryId`]. A worker that is started
//! later gets what its first such request needs in the same way.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// Number of a registration, unique in the life of the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientMemoryId(pub NonZeroU64);

/// What a worker is told about memory of clients.
#[derive(Debug)]
pub enum Notice<F> {
    /// It may be used from now on.
    Grant(Grant<F>),
    /// No request uses it any more.
    Revoke(ClientMemoryId),
}

/// Memory of a client that a worker may use.
#[derive(Debug)]
pub struct Grant<F> {
    /// Its number.
    pub id: ClientMemoryId,
    /// What it is.
    pub memory: GrantedMemory<F>,
    /// How long it is, in bytes.
    pub bytes: u64,
}

/// What a client's memory is.
#[derive(Debug)]
pub enum GrantedMemory<F> {
    /// A part of a file.
    File {
        /// The file of the region.
        file: F,
        /// Where in the file the memory begins, in bytes.
        offset: u64,
    },
    /// Memory of a GPU, from the beginning of an allocation.
    Cuda(CudaMemory),
}

/// Memory that another process has allocated on a GPU and shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CudaMemory {
    /// What that process knows it by.
    pub handle: CudaHandle,
    /// The GPU that it is on, counted from 0 as the server's processes see them.
    pub device: u32,
}

/// Bytes of a `cudaIpcMemHandle_t` (`CUDA_IPC_HANDLE_SIZE`).
pub const CUDA_HANDLE_BYTES: usize = 64;

/// A `cudaIpcMemHandle_t`.
pub type CudaHandle = [u8; CUDA_HANDLE_BYTES];

const GRANT_FILE: u64 = 1;
const REVOKE: u64 = 2;
const GRANT_CUDA: u64 = 3;

/// Words of a notice: its kind, the number, the offset or the device, the length.
const NOTICE_WORDS: usize = 4;
/// Bytes of a notice: its words, and a CUDA handle, which is zeros where there is none.
const NOTICE_BYTES: usize = NOTICE_WORDS * size_of::<u64>() + CUDA_HANDLE_BYTES;

/// The two ends of a socket for notices; each notice arrives whole or not at all.
///
/// # Errors
/// The system's error where it refuses a socket.
pub fn pair() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// Sends a notice (front). Never waits.
///
/// # Errors
/// The system's error: `AGAIN` where the worker has too many notices to read, `PIPE` where it is gone.
pub fn send(socket: impl AsFd, notice: &Notice<BorrowedFd<'_>>) -> rustix::io::Result<()> {
    const NO_HANDLE: CudaHandle = [0; CUDA_HANDLE_BYTES];
    let (words, handle, file) = match notice {
        Notice::Grant(Grant { id, memory, bytes }) => match memory {
            GrantedMemory::File { offset, file } => {
                let words = [GRANT_FILE, id.0.get(), *offset, *bytes];
                (words, &NO_HANDLE, Some(*file))
            }
            GrantedMemory::Cuda(CudaMemory { handle, device }) => {
                let words = [GRANT_CUDA, id.0.get(), u64::from(*device), *bytes];
                (words, handle, None)
            }
        },
        Notice::Revoke(id) => ([REVOKE, id.0.get(), 0, 0], &NO_HANDLE, None),
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let files = file.as_slice();
    if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(Errno::NOBUFS);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let parts = [
        IoSlice::new(bytemuck::cast_slice(&words)),
        IoSlice::new(handle),
    ];
    rustix::net::sendmsg(socket, &parts, &mut ancillary, flags)?;
    Ok(())
}

/// Waits for the next notice (worker); `None` at the end.
///
/// # Errors
/// The system's error; `BADMSG` for what [`send`] does not send.
pub fn receive(socket: impl AsFd) -> rustix::io::Result<Option<Notice<OwnedFd>>> {
    let mut bytes = [0; NOTICE_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            socket.as_fd(),
            &mut [IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let file = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    let word = |number: usize| {
        let bytes = &bytes[number * 8..][..8];
        u64::from_ne_bytes(bytes.try_into().expect("eight bytes"))
    };
    if received.bytes != NOTICE_BYTES {
        return Err(Errno::BADMSG);
    }
    let id = NonZeroU64::new(word(1)).ok_or(Errno::BADMSG)?;
    let id = ClientMemoryId(id);
    let memory = match (word(0), file) {
        (GRANT_FILE, Some(file)) => GrantedMemory::File {
            file,
            offset: word(2),
        },
        (GRANT_CUDA, None) => GrantedMemory::Cuda(CudaMemory {
            handle: *bytes.last_chunk().expect("a notice is longer"),
            device: u32::try_from(word(2)).map_err(|_| Errno::BADMSG)?,
        }),
        (REVOKE, None) => return Ok(Some(Notice::Revoke(id))),
        _ => return Err(Errno::BADMSG),
    };
    let bytes = word(3);
    Ok(Some(Notice::Grant(Grant { id, memory, bytes })))
}

/// Whether `length` bytes at `offset` lie in memory of `bytes` bytes.
pub fn holds(bytes: u64, offset: u64, length: u64) -> bool {
    offset.checked_add(length).is_some_and(|end| end <= bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::fs::MemfdFlags;

    use super::*;

    fn id(number: u64) -> ClientMemoryId {
        ClientMemoryId(NonZeroU64::new(number).unwrap())
    }

    #[test]
    fn a_grant_brings_its_file_and_a_revocation_its_number() {
        let (front, worker) = pair().unwrap();
        let file = rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
        rustix::io::write(&file, b"hello").unwrap();
        let grant = Notice::Grant(Grant {
            id: id(7),
            memory: GrantedMemory::File {
                file: file.as_fd(),
                offset: 4096,
            },
            bytes: u64::MAX,
        });
        send(&front, &grant).unwrap();
        send(&front, &Notice::Revoke(id(7))).unwrap();
        drop(front);
        let Some(Notice::Grant(received)) = receive(&worker).unwrap() else {
            panic!("a grant was sent");
        };
        assert_eq!((received.id, received.bytes), (id(7), u64::MAX));
        let GrantedMemory::File { file, offset: 4096 } = received.memory else {
            panic!("a file was sent, at 4096");
        };
        let mut contents = [0; 5];
        rustix::io::pread(&file, &mut contents, 0).unwrap();
        assert_eq!(&contents, b"hello");
        let flags = rustix::io::fcntl_getfd(&file).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let next = receive(&worker).unwrap();
        assert!(matches!(next, Some(Notice::Revoke(revoked)) if revoked == id(7)));
        assert!(receive(&worker).unwrap().is_none());
    }

    #[test]
    fn a_grant_of_a_gpus_memory_brings_its_handle() {
        let (front, worker) = pair().unwrap();
        let sent = CudaMemory {
            handle: std::array::from_fn(|number| number as u8),
            device: 3,
        };
        let grant = Notice::Grant(Grant {
            id: id(8),
            memory: GrantedMemory::Cuda(sent),
            bytes: 5,
        });
        send(&front, &grant).unwrap();
        let Some(Notice::Grant(received)) = receive(&worker).unwrap() else {
            panic!("a grant was sent");
        };
        assert_eq!((received.id, received.bytes), (id(8), 5));
        assert!(matches!(received.memory, GrantedMemory::Cuda(memory) if memory == sent));
    }

    #[test]
    fn a_worker_that_does_not_read_makes_nobody_wait() {
        let (front, _worker) = pair().unwrap();
        let refused = (0..1_000_000).find_map(|_| send(&front, &Notice::Revoke(id(1))).err());
        assert_eq!(refused, Some(Errno::AGAIN));
    }

    #[test]
    fn what_is_no_notice_is_refused() {
        let (front, worker) = pair().unwrap();
        for words in [
            [0, 1, 0, 0],
            [REVOKE, 0, 0, 0],
            [4, 1, 0, 64],
            [GRANT_FILE, 1, 0, 64],
            [GRANT_CUDA, 0, 0, 64],
            [GRANT_CUDA, 1, u64::MAX, 64],
        ] {
            let mut notice = [0_u64; NOTICE_BYTES / 8];
            notice[..words.len()].copy_from_slice(&words);
            rustix::io::write(&front, bytemuck::cast_slice(&notice)).unwrap();
            assert_eq!(receive(&worker).unwrap_err(), Errno::BADMSG);
        }
        rustix::io::write(&front, &[1]).unwrap();
        assert_eq!(receive(&worker).unwrap_err(), Errno::BADMSG);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside_or_is_refused(
            bytes in prop_oneof![0_u64..100, any::<u64>()],
            offset in prop_oneof![0_u64..100, any::<u64>()],
            length in prop_oneof![0_u64..100, any::<u64>()],
        ) {
            let end = u128::from(offset) + u128::from(length);
            prop_assert_eq!(holds(bytes, offset, length), end <= u128::from(bytes));
        }
    }
}
