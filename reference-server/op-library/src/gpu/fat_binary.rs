//! NVIDIA's fat binaries: the same kernels for several architectures, as machine code and as PTX.
//!
//! The format is published nowhere. What is read here was found in what the compiler of CUDA 11 to
//! 13 writes, and agrees with what its `cuobjdump` lists: a header of 16 bytes (magic number, version
//! 1, size of the header, size of what follows), then entries, each a header and a payload.

use super::architecture::{Architecture, ComputeCapability, Portability};
use super::code::Module;
use crate::elf::{Bytes, half, long, word};

/// The magic number of a fat binary as it stands in a little-endian file.
pub(super) const MAGIC: [u8; 4] = 0xBA55_ED50_u32.to_le_bytes();

const VERSION: u16 = 1;
const HEADER_SIZE: u64 = 16;

/// The part of an entry's header that all versions have.
const ENTRY_SIZE: u64 = 64;

/// Kinds of entries. Others hold what has to be linked first.
const PTX: u16 = 1;
const MACHINE_CODE: u16 = 2;
/// Machine code of another encoding, which the driver finishes.
const MERCURY: u16 = 16;

/// Flags of an entry.
const COMPRESSED: u64 = 0x2000 | 0x8000;
const EXACT: u64 = 1 << 20;
const FAMILY: u64 = 1 << 21;

/// A fat binary in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FatBinary {
    pub module: Module,
    /// Whether any of its entries is compressed.
    pub compressed: bool,
    /// The first byte behind it in the file.
    pub end: u64,
    /// Entries that were read.
    pub entries: usize,
}

/// Reads the fat binary at `offset`, which ends before `limit`; of its entries at most `max_entries`.
/// `None` where the bytes only happen to look like one.
pub(super) fn read(
    bytes: &dyn Bytes,
    offset: u64,
    limit: u64,
    max_entries: usize,
) -> Option<FatBinary> {
    let header = bytes.read(offset, HEADER_SIZE)?;
    let header_size = u64::from(half(&header, 6));
    if !header.starts_with(&MAGIC) || half(&header, 4) != VERSION || header_size < HEADER_SIZE {
        return None;
    }
    let mut at = offset.checked_add(header_size)?;
    let end = at.checked_add(long(&header, 8))?;
    if end > limit {
        return None;
    }
    let mut binary = FatBinary {
        module: Module::default(),
        compressed: false,
        end,
        entries: 0,
    };
    while end - at >= ENTRY_SIZE && binary.entries < max_entries {
        let entry = bytes.read(at, ENTRY_SIZE)?;
        let (size, payload) = (u64::from(word(&entry, 4)), long(&entry, 8));
        if size < ENTRY_SIZE {
            break;
        }
        binary.entries += 1;
        binary.add(&entry);
        match at.checked_add(size).and_then(|at| at.checked_add(payload)) {
            Some(next) if next <= end => at = next,
            _ => break,
        }
    }
    Some(binary)
}

impl FatBinary {
    fn add(&mut self, entry: &[u8]) {
        let flags = long(entry, 40);
        let architecture = Architecture {
            capability: ComputeCapability::of_number(word(entry, 28)),
            portability: if flags & EXACT != 0 {
                Portability::Exact
            } else if flags & FAMILY != 0 {
                Portability::Family
            } else {
                Portability::Baseline
            },
        };
        match half(entry, 0) {
            PTX => self.module.ptx.insert(architecture),
            MACHINE_CODE | MERCURY => self.module.binaries.insert(architecture),
            _ => return,
        };
        self.compressed |= flags & COMPRESSED != 0;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An entry as the compiler writes it.
    fn entry(kind: u16, architecture: u32, flags: u64, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..2].copy_from_slice(&kind.to_le_bytes());
        bytes[2..4].copy_from_slice(&0x101_u16.to_le_bytes());
        bytes[4..8].copy_from_slice(&64_u32.to_le_bytes());
        bytes[8..16].copy_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes[28..32].copy_from_slice(&architecture.to_le_bytes());
        bytes[40..48].copy_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    /// A fat binary with machine code for 8.0, 9.0a and 10.0f, and compressed PTX for 8.0.
    pub(in crate::gpu) fn sample() -> Vec<u8> {
        let entries = [
            entry(2, 80, 0x11, &[0; 24]),
            entry(2, 90, 0x10_0011, &[0; 8]),
            entry(2, 100, 0x120_0011, &[0; 8]),
            entry(1, 80, 0x8011, &[0; 16]),
            entry(8, 75, 0x8011, &[0; 8]),
        ]
        .concat();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&0x0010_0001_u32.to_le_bytes());
        bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&entries);
        bytes
    }

    #[test]
    fn entries_are_read_with_their_architecture() {
        let bytes = sample();
        let binary = read(&bytes, 0, bytes.len() as u64, 100).expect("a fat binary");
        let names = binary.module.binaries.iter().map(|code| code.binary_name());
        assert_eq!(names.collect::<Vec<_>>(), ["sm_80", "sm_90a", "sm_100f"]);
        let names = binary.module.ptx.iter().map(|code| code.ptx_name());
        assert_eq!(names.collect::<Vec<_>>(), ["compute_80"]);
        assert!(binary.compressed);
        assert_eq!((binary.entries, binary.end), (5, bytes.len() as u64));
        let few = read(&bytes, 0, bytes.len() as u64, 1).expect("a fat binary");
        assert_eq!(few.module.binaries.len(), 1);
        assert!(!few.compressed);
        assert_eq!(read(&bytes, 0, bytes.len() as u64 - 1, 100), None);
    }

    proptest! {
        #[test]
        fn damaged_binaries_are_read_or_refused(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..16),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = sample();
            for (index, value) in flips {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            let len = bytes.len() as u64;
            if let Some(binary) = read(&bytes, 0, len, 100) {
                prop_assert!(binary.end <= len);
            }
        }
    }
}
