//! Memory of clients: how the front gives a worker a shared-memory region that a client registered.
//!
//! The front never maps such a region. It hands its file descriptor to each worker that executes a
//! request with tensors in it, before that request, over a socket of its own; a descriptor of the
//! request then names the region by its [`ClientMemoryId`]. A worker that is started later gets what
//! its first such request needs in the same way.

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
    /// The file of the region.
    pub file: F,
    /// Where in the file the memory begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
}

const GRANT: u64 = 1;
const REVOKE: u64 = 2;

/// Bytes of a notice: its kind, the number, the offset, the length.
const NOTICE_BYTES: usize = 4 * size_of::<u64>();

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
    let words = match notice {
        Notice::Grant(grant) => [GRANT, grant.id.0.get(), grant.offset, grant.bytes],
        Notice::Revoke(id) => [REVOKE, id.0.get(), 0, 0],
    };
    let files: &[BorrowedFd<'_>] = match notice {
        Notice::Grant(grant) => std::slice::from_ref(&grant.file),
        Notice::Revoke(_) => &[],
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !files.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(files)) {
        return Err(Errno::NOBUFS);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    let bytes = IoSlice::new(bytemuck::cast_slice(&words));
    rustix::net::sendmsg(socket, &[bytes], &mut ancillary, flags)?;
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
    let id = NonZeroU64::new(word(1)).map(ClientMemoryId);
    match (received.bytes, word(0), id, file) {
        (NOTICE_BYTES, GRANT, Some(id), Some(file)) => Ok(Some(Notice::Grant(Grant {
            id,
            file,
            offset: word(2),
            bytes: word(3),
        }))),
        (NOTICE_BYTES, REVOKE, Some(id), None) => Ok(Some(Notice::Revoke(id))),
        _ => Err(Errno::BADMSG),
    }
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
            file: file.as_fd(),
            offset: 4096,
            bytes: u64::MAX,
        });
        send(&front, &grant).unwrap();
        send(&front, &Notice::Revoke(id(7))).unwrap();
        drop(front);
        let Some(Notice::Grant(received)) = receive(&worker).unwrap() else {
            panic!("a grant was sent");
        };
        assert_eq!(
            (received.id, received.offset, received.bytes),
            (id(7), 4096, u64::MAX)
        );
        let mut contents = [0; 5];
        rustix::io::pread(&received.file, &mut contents, 0).unwrap();
        assert_eq!(&contents, b"hello");
        let flags = rustix::io::fcntl_getfd(&received.file).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let next = receive(&worker).unwrap();
        assert!(matches!(next, Some(Notice::Revoke(revoked)) if revoked == id(7)));
        assert!(receive(&worker).unwrap().is_none());
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
        for words in [[0, 1, 0, 0], [REVOKE, 0, 0, 0], [GRANT, 1, 0, 64]] {
            rustix::io::write(&front, bytemuck::cast_slice(&words)).unwrap();
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
