//! All regions by their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};

use super::handle_check::{HandleCheck, HandleCheckError};
use super::key::{self, KeyError};
use super::registration::{RegisteredMemory, Registration};
use crate::ipc::client_memory::{CudaMemory, holds};
use crate::protocol::shared_memory::{CudaRegion, SystemRegion};
use crate::protocol::{ErrorKind, RequestError};

/// Most regions that clients may register, where the limit on open files allows them: those of system
/// shared memory take one each.
const MOST_REGIONS: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub struct SharedMemory {
    regions: Mutex<BTreeMap<String, Arc<Registration>>>,
    most: usize,
    /// Runs while there is CUDA memory, and while the first is registered.
    handle_check: Mutex<Option<HandleCheck>>,
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
            handle_check: Mutex::default(),
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
        self.admit(&regions, name)?;
        let refused = |reason: &dyn std::fmt::Display| refused(name, reason);
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

    /// Whether another region may be registered, under that name.
    fn admit(
        &self,
        regions: &BTreeMap<String, Arc<Registration>>,
        name: &str,
    ) -> Result<(), RequestError> {
        if regions.contains_key(name) {
            return Err(RequestError::new(
                ErrorKind::AlreadyExists,
                format!("shared memory region '{name}' already in manager"),
            ));
        }
        if regions.len() >= self.most {
            return Err(refused(
                name,
                &format_args!(
                    "clients have registered {} regions already; unregister some",
                    self.most
                ),
            ));
        }
        Ok(())
    }

    /// Registers memory of a GPU, once another process has opened it. Waits for that.
    ///
    /// # Errors
    /// The name is taken, or the handle opens nothing that is as long.
    pub fn register_cuda(&self, region: &CudaRegion) -> Result<(), RequestError> {
        let CudaRegion {
            name,
            handle,
            device_id,
            byte_size,
        } = region;
        self.admit(&self.regions.lock(), name)?;
        if *byte_size == 0 {
            return Err(refused(name, &"invalid args: byte_size must not be 0"));
        }
        let memory = CudaMemory {
            handle: *handle,
            device: *device_id,
        };
        if let Err(error) = self.check_handle(&memory, *byte_size) {
            self.end_unused_check();
            return Err(match error {
                HandleCheckError::Refused(reason) => refused(name, &reason),
                error => RequestError::internal(format!(
                    "failed to register shared memory region '{name}': {error}"
                )),
            });
        }
        let registration = Registration::new(name, RegisteredMemory::Cuda(memory), *byte_size);
        let mut regions = self.regions.lock();
        self.admit(&regions, name)?;
        regions.insert(name.clone(), Arc::new(registration));
        Ok(())
    }

    fn check_handle(&self, memory: &CudaMemory, byte_size: u64) -> Result<(), HandleCheckError> {
        let mut process = self.handle_check.lock();
        if let Some(check) = &mut *process {
            match check.check(memory, byte_size) {
                // It was ended, or the GPU was lost to it: another one is asked.
                Err(HandleCheckError::Ended(_)) => *process = None,
                Err(error @ HandleCheckError::TooLong) => {
                    *process = None;
                    return Err(error);
                }
                outcome => return outcome,
            }
        }
        let mut check = HandleCheck::start()?;
        let outcome = check.check(memory, byte_size);
        if matches!(outcome, Ok(()) | Err(HandleCheckError::Refused(_))) {
            *process = Some(check);
        }
        outcome
    }

    /// Ends the process that checks handles where there is no CUDA region: it has a context on the GPU.
    fn end_unused_check(&self) {
        if !self
            .regions
            .lock()
            .values()
            .any(|region| Kind::Cuda.has(region))
        {
            // Dropped outside of the lock.
            let unused = self.handle_check.lock().take();
            drop(unused);
        }
    }

    /// The regions of CUDA memory, or the one of that name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn cuda_regions(&self, name: Option<&str>) -> Result<Vec<CudaRegion>, RequestError> {
        let regions = self.of_kind(name, Kind::Cuda)?;
        let told = regions.iter().filter_map(|region| match region.memory() {
            RegisteredMemory::Cuda(memory) => Some(CudaRegion {
                name: region.name().to_owned(),
                handle: memory.handle,
                device_id: memory.device,
                byte_size: region.byte_size(),
            }),
            RegisteredMemory::System { .. } => None,
        });
        Ok(told.collect())
    }

    /// The regions of system shared memory, or the one of that name.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn system_regions(&self, name: Option<&str>) -> Result<Vec<SystemRegion>, RequestError> {
        let regions = self.of_kind(name, Kind::System)?;
        let told = regions.iter().filter_map(|region| match region.memory() {
            RegisteredMemory::System { key, offset, .. } => Some(SystemRegion {
                name: region.name().to_owned(),
                key: key.clone(),
                offset: *offset,
                byte_size: region.byte_size(),
            }),
            RegisteredMemory::Cuda(_) => None,
        });
        Ok(told.collect())
    }

    /// All regions of a kind, or the one of that name.
    fn of_kind(
        &self,
        name: Option<&str>,
        kind: Kind,
    ) -> Result<Vec<Arc<Registration>>, RequestError> {
        let regions = self.regions.lock();
        let Some(name) = name else {
            let of_kind = regions.values().filter(|region| kind.has(region));
            return Ok(of_kind.cloned().collect());
        };
        match regions.get(name) {
            Some(region) if kind.has(region) => Ok(vec![region.clone()]),
            Some(_) => Err(RequestError::not_found(format!(
                "The region named '{name}' is registered as {} shared memory, not {} shared memory",
                kind.other().in_registration(),
                kind.in_registration()
            ))),
            None => Err(RequestError::not_found(format!(
                "Unable to find {} shared memory region: '{name}'",
                kind.in_search()
            ))),
        }
    }

    /// Lets go of all regions of a kind, or of the one of that name if there is one of that kind.
    /// Requests that use it still do until they are answered; the name is free at once. With CUDA memory it
    /// may wait for a check of a handle that is under way.
    pub fn unregister(&self, name: Option<&str>, kind: Kind) {
        let mut regions = self.regions.lock();
        let is_meant = |own: &str, region: &Registration| {
            kind.has(region) && name.is_none_or(|name| name == own)
        };
        let released: Vec<_> = regions
            .extract_if(.., |own, region| is_meant(own, region))
            .collect();
        drop(regions);
        // Dropped outside of the lock, which tells workers.
        drop(released);
        if kind == Kind::Cuda {
            self.end_unused_check();
        }
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

/// Why a region cannot be registered, as a client is told.
fn refused(name: &str, reason: &dyn std::fmt::Display) -> RequestError {
    RequestError::invalid(format!(
        "failed to register shared memory region '{name}': {reason}"
    ))
}

/// The two kinds of regions, which clients register and let go of separately and which share their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// POSIX shared memory.
    System,
    /// Memory of a GPU.
    Cuda,
}

impl Kind {
    fn has(self, region: &Registration) -> bool {
        match region.memory() {
            RegisteredMemory::System { .. } => self == Self::System,
            RegisteredMemory::Cuda(_) => self == Self::Cuda,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::System => Self::Cuda,
            Self::Cuda => Self::System,
        }
    }

    /// What Triton calls it where a name is of the other kind.
    fn in_registration(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Cuda => "CUDA",
        }
    }

    /// What Triton calls it where there is no such name.
    fn in_search(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Cuda => "cuda",
        }
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
        assert!(shared_memory.cuda_regions(None).unwrap().is_empty());
        for name in ["a", "b"] {
            let error = shared_memory.cuda_regions(Some(name)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotFound);
        }
        shared_memory.unregister(Some("b"), Kind::System);
        shared_memory.unregister(Some("a"), Kind::Cuda);
        shared_memory.unregister(None, Kind::Cuda);
        let part = shared_memory.part("a", 0, 64).unwrap();
        shared_memory.unregister(Some("a"), Kind::System);
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
