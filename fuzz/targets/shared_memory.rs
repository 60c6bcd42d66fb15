//! The registration of a region, and the bounds of a tensor in it.
#![no_main]

use fuzz_targets as _;
use libfuzzer_sys::fuzz_target;
use reference_server::front::shared_memory::registry::SharedMemory;
use reference_server::protocol::shared_memory::SystemRegion;

/// The object that registrations can find, with its size in bytes.
const OBJECT: (&str, u64) = ("custom-op-fuzz", 4096);

fuzz_target!(
    init: {
        let path = std::path::Path::new("/dev/shm").join(OBJECT.0);
        std::fs::write(path, vec![0; OBJECT.1 as usize]).expect("there is shared memory");
    },
    |input: (&str, bool, u64, u64)| {
        let (body, by_object, offset, byte_size) = input;
        let Ok(mut region) = SystemRegion::parse(Some("r"), body.as_bytes()) else {
            return;
        };
        if by_object {
            region.key = format!("/{}", OBJECT.0);
        }
        let memory = SharedMemory::default();
        if memory.register_system(&region).is_err() {
            return;
        }
        if by_object {
            let end = region.offset.checked_add(region.byte_size);
            assert!(end.is_some_and(|end| end <= OBJECT.1), "{region:?} was registered");
        }
        if let Ok(part) = memory.part("r", offset, byte_size) {
            let end = part.offset.checked_add(part.byte_size);
            assert!(end.is_some_and(|end| end <= region.byte_size));
        }
    }
);
