//! All regions by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};

use super::key::{self, KeyError};
use super::registration::{RegisteredMemory, Registration};
use crate::ipc::client_memory::holds;
use crate::protocol::shared_memory::SystemRegion;
use crate::protocol::{ErrorKind, RequestError};

/// Most regions that clients may register, where the limit on open files allows them: each takes one.
const MOST_REGIONS: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub struct SharedMemory {
    regions: Mutex<BTreeMap<String, Arc<Registration>>>,
    most: usize,
}

/// A tensor's place in a region, inside of its bounds.
#[derive(Clone, Debug)]
pub struct RegionPart {
    /// The region, which stays as it is as long as this value.
    pub registration: Arc<Registration>,
    /// Offset in it, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub byte_size: u64,
}

impl Default for SharedMemory {
    /// No regions. They may take a quarter of the files that this process may open.
    fn default() -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self {
            regions: Mutex::default(),
            most: MOST_REGIONS.min(files / 4) as usize,
        }
    }
}

impl SharedMemory {
    /// Registers a part of a POSIX shared-memory object.
    ///
    /// # Errors
    /// The name is taken, the key opens nothing, or the object is shorter.
    pub fn register_system(&self, region: &SystemRegion) -> Result<(), RequestError> {
        let SystemRegion {
            name,
            key,
            offset,
            byte_size,
        } = region;
        let mut regions = self.regions.lock();
        if regions.contains_key(name) {
            return Err(RequestError::new(
                ErrorKind::AlreadyExists,
                format!("shared memory region '{name}' already in manager"),
            ));
        }
        let refused = |reason: &dyn std::fmt::Display| {
            RequestError::invalid(format!(
                "failed to register shared memory region '{name}': {reason}"
            ))
        };
        if regions.len() >= self.most {
            return Err(refused(&format_args!(
                "clients have registered {} regions already; unregister some",
                self.most
            )));
        }
        let file = key::open(key).map_err(|error| match error {
            KeyError::Reserved => RequestError::invalid(format!(
                "cannot register shared memory region '{name}' with key '{key}' as {error}"
            )),
            error => RequestError::internal(format!(
                "Unable to open shared memory region: '{key}': {error}"
            )),
        })?;
        let size = rustix::fs::fstat(&file)
            .map_err(|error| refused(&error))?
            .st_size;
        if *byte_size == 0 {
            return Err(refused(&"invalid args: byte_size must not be 0"));
        }
        if !holds(size as u64, *offset, *byte_size) {
            return Err(refused(&format_args!(
                "invalid args: {byte_size} bytes at {offset} are not in '{key}', which has {size}"
            )));
        }
        let memory = RegisteredMemory::System {
            key: key.clone(),
            offset: *offset,
            file,
        };
        let registration = Arc::new(Registration::new(name, memory, *byte_size));
        regions.insert(name.clone(), registration);
        Ok(())
    }

    /// The regions of system shared memory, or the one of that name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn system_regions(&self, name: Option<&str>) -> Result<Vec<SystemRegion>, RequestError> {
        let regions = self.regions.lock();
        if let Some(name) = name
            && !regions.contains_key(name)
        {
            return Err(RequestError::not_found(format!(
                "Unable to find system shared memory region: '{name}'"
            )));
        }
        let wanted = regions
            .values()
            .filter(|region| name.is_none_or(|name| name == region.name()));
        Ok(wanted
            .map(|region| {
                let RegisteredMemory::System { key, offset, .. } = region.memory();
                SystemRegion {
                    name: region.name().to_owned(),
                    key: key.clone(),
                    offset: *offset,
                    byte_size: region.byte_size(),
                }
            })
            .collect())
    }

    /// Lets go of all regions of system shared memory, or of the one of that name if there is one.
    /// Requests that use it still do until they are answered; the name is free at once.
    pub fn unregister_system(&self, name: Option<&str>) {
        // Dropped outside of the lock, which tells workers.
        let _released: Vec<Arc<Registration>> = match name {
            Some(name) => self.regions.lock().remove(name).into_iter().collect(),
            None => std::mem::take(&mut *self.regions.lock())
                .into_values()
                .collect(),
        };
    }

    /// The CUDA regions, of which there are none, so that a name finds nothing.
    ///
    /// # Errors
    /// A name was given.
    pub fn no_cuda_region(&self, name: Option<&str>) -> Result<(), RequestError> {
        let Some(name) = name else {
            return Ok(());
        };
        Err(RequestError::not_found(
            if self.regions.lock().contains_key(name) {
                format!(
                    "The region named '{name}' is registered as system shared memory, not CUDA shared \
                     memory"
                )
            } else {
                format!("Unable to find cuda shared memory region: '{name}'")
            },
        ))
    }

    /// A part of a region, for a tensor.
    ///
    /// # Errors
    /// There is no such region, or the part leaves it.
    pub fn part(
        &self,
        name: &str,
        offset: u64,
        byte_size: u64,
    ) -> Result<RegionPart, RequestError> {
        let registration = self.regions.lock().get(name).cloned().ok_or_else(|| {
            RequestError::not_found(format!("Unable to find shared memory region: '{name}'"))
        })?;
        let size = registration.byte_size();
        if offset >= size {
            return Err(RequestError::invalid(format!(
                "Invalid offset for shared memory region: '{name}': {offset} in {size} bytes"
            )));
        }
        if !holds(size, offset, byte_size) {
            return Err(RequestError::invalid(format!(
                "Invalid offset + byte size for shared memory region: '{name}': {byte_size} bytes at \
                 {offset} in {size} bytes"
            )));
        }
        Ok(RegionPart {
            registration,
            offset,
            byte_size,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustix::fs::{MemfdFlags, memfd_create};

    use super::*;

    /// A registry with one region `a`.
    fn with_region(byte_size: u64) -> SharedMemory {
        let memory = RegisteredMemory::System {
            key: "/a".into(),
            offset: 16,
            file: memfd_create("test", MemfdFlags::CLOEXEC).unwrap(),
        };
        let registration = Arc::new(Registration::new("a", memory, byte_size));
        let shared_memory = SharedMemory::default();
        let mut regions = shared_memory.regions.lock();
        regions.insert("a".into(), registration);
        drop(regions);
        shared_memory
    }

    #[test]
    fn names_are_found_and_let_go_of() {
        let shared_memory = with_region(64);
        assert_eq!(shared_memory.system_regions(None).unwrap().len(), 1);
        let told = shared_memory.system_regions(Some("a")).unwrap();
        assert_eq!((told[0].offset, told[0].byte_size), (16, 64));
        let error = shared_memory.system_regions(Some("b")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(shared_memory.no_cuda_region(None).is_ok());
        for name in ["a", "b"] {
            let error = shared_memory.no_cuda_region(Some(name)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotFound);
        }
        shared_memory.unregister_system(Some("b"));
        let part = shared_memory.part("a", 0, 64).unwrap();
        shared_memory.unregister_system(Some("a"));
        assert!(shared_memory.part("a", 0, 64).is_err());
        assert_eq!(part.registration.byte_size(), 64);
    }

    #[test]
    fn there_is_a_limit_to_regions() {
        let shared_memory = SharedMemory {
            most: 1,
            ..with_region(64)
        };
        let region = SystemRegion {
            name: "b".into(),
            key: "/b".into(),
            offset: 0,
            byte_size: 1,
        };
        let error = shared_memory.register_system(&region).unwrap_err();
        assert!(error.message.contains("1 regions already"), "{error}");
    }

    proptest! {
        #[test]
        fn a_part_that_is_given_lies_in_its_region(
            size in prop_oneof![1_u64..100, 1..=u64::MAX],
            offset in prop_oneof![0_u64..100, any::<u64>()],
            byte_size in prop_oneof![0_u64..100, any::<u64>()],
        ) {
            let inside = u128::from(offset) + u128::from(byte_size) <= u128::from(size);
            match with_region(size).part("a", offset, byte_size) {
                Ok(part) => {
                    prop_assert!(inside);
                    prop_assert_eq!((part.offset, part.byte_size), (offset, byte_size));
                }
                Err(error) => {
                    prop_assert!(!inside || offset == size);
                    prop_assert_eq!(error.kind, ErrorKind::Invalid);
                }
            }
        }
    }
}
