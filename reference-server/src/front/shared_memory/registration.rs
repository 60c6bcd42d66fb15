//! One region that a client registered.

use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::grants::Grants;
use crate::ipc::client_memory::{ClientMemoryId, CudaMemory};

/// What kind of memory a region is.
#[derive(Debug)]
pub enum RegisteredMemory {
    /// A POSIX shared-memory object.
    System {
        /// Its name, as the client gave it.
        key: String,
        /// Where in it the region begins, in bytes.
        offset: u64,
        /// The object.
        file: OwnedFd,
    },
    /// Memory of a GPU.
    Cuda(CudaMemory),
}

/// A region, for as long as it is registered or a request uses it.
#[derive(Debug)]
pub struct Registration {
    id: ClientMemoryId,
    name: String,
    memory: RegisteredMemory,
    byte_size: u64,
    /// The workers that were given it.
    holders: Mutex<Vec<Weak<Grants>>>,
}

impl Registration {
    /// Registers `byte_size` bytes of `memory` under a name.
    pub fn new(name: &str, memory: RegisteredMemory, byte_size: u64) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            id: ClientMemoryId(NonZeroU64::new(number).expect("counted from 1")),
            name: name.to_owned(),
            memory,
            byte_size,
            holders: Mutex::new(Vec::new()),
        }
    }

    /// Its number, which no other registration has.
    pub fn id(&self) -> ClientMemoryId {
        self.id
    }

    /// The name that clients use.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    pub fn memory(&self) -> &RegisteredMemory {
        &self.memory
    }

    /// How long it is, in bytes.
    pub fn byte_size(&self) -> u64 {
        self.byte_size
    }

    /// Notes that a worker was given it.
    pub fn held_by(&self, grants: &Arc<Grants>) {
        let mut holders = self.holders.lock();
        holders.retain(|holder| holder.strong_count() > 0);
        holders.push(Arc::downgrade(grants));
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let holders = self.holders.get_mut().iter();
        holders
            .filter_map(Weak::upgrade)
            .for_each(|grants| grants.revoke(self.id));
    }
}
