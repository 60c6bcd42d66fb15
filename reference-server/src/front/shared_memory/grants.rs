//! The regions that one worker process was given.

use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use parking_lot::Mutex;

use super::registration::{RegisteredMemory, Registration};
use crate::ipc::client_memory::{ClientMemoryId, Grant, GrantedMemory, Notice, send};

/// See the module.
#[derive(Debug)]
pub struct Grants {
    socket: OwnedFd,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    granted: HashSet<ClientMemoryId>,
    /// Revocations that the socket had no room for.
    unsent: Vec<ClientMemoryId>,
}

impl Grants {
    /// Nothing given yet; `socket` leads to the worker.
    pub fn new(socket: OwnedFd) -> Arc<Self> {
        Arc::new(Self {
            socket,
            state: Mutex::default(),
        })
    }

    /// Gives the worker a region, unless it has it. To be called before a request that uses it is
    /// submitted.
    ///
    /// # Errors
    /// The worker does not read, or is gone.
    pub fn give(self: &Arc<Self>, registration: &Registration) -> rustix::io::Result<()> {
        let mut state = self.state.lock();
        if state.granted.contains(&registration.id()) {
            return Ok(());
        }
        self.send_unsent(&mut state);
        let memory = match registration.memory() {
            RegisteredMemory::System { offset, file, .. } => GrantedMemory::File {
                file: file.as_fd(),
                offset: *offset,
            },
            RegisteredMemory::Cuda(memory) => GrantedMemory::Cuda(*memory),
        };
        let grant = Notice::Grant(Grant {
            id: registration.id(),
            memory,
            bytes: registration.byte_size(),
        });
        send(&self.socket, &grant)?;
        state.granted.insert(registration.id());
        drop(state);
        registration.held_by(self);
        Ok(())
    }

    /// Tells the worker that no request uses a region any more.
    pub fn revoke(&self, id: ClientMemoryId) {
        let mut state = self.state.lock();
        if state.granted.remove(&id) {
            state.unsent.push(id);
            self.send_unsent(&mut state);
        }
    }

    fn send_unsent(&self, state: &mut State) {
        while let Some(&id) = state.unsent.last() {
            if send(&self.socket, &Notice::Revoke(id)).is_err() {
                break;
            }
            state.unsent.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;
    use crate::ipc::client_memory::{pair, receive};

    #[test]
    fn a_worker_gets_a_region_once_and_is_told_of_its_end() {
        let registration = Registration::new(
            "a",
            RegisteredMemory::System {
                key: "/a".into(),
                offset: 0,
                file: memfd_create("test", MemfdFlags::CLOEXEC).unwrap(),
            },
            64,
        );
        let id = registration.id();
        let (front, worker) = pair().unwrap();
        let grants = Grants::new(front);
        grants.give(&registration).unwrap();
        grants.give(&registration).unwrap();
        drop(registration);
        drop(grants);
        let told = std::iter::from_fn(|| receive(&worker).unwrap()).collect::<Vec<_>>();
        assert!(
            matches!(&told[..], [Notice::Grant(grant), Notice::Revoke(revoked)]
                if grant.id == id && grant.bytes == 64 && *revoked == id),
            "{told:?}"
        );
    }
}
