//! Code for AMD GPUs: bundles of code objects, as HIP's compiler makes them.

use crate::elf::{Bytes, long};

/// What a bundle begins with.
///
/// Source: Clang documentation, "Clang Offload Bundler".
pub(super) const MAGIC: &[u8; 24] = b"__CLANG_OFFLOAD_BUNDLE__";

/// What a compressed bundle begins with. Its header does not tell the architectures.
pub(super) const COMPRESSED_MAGIC: &[u8; 4] = b"CCOB";

/// More than a bundle's code objects, and longer than the name of an architecture.
const MAX_ENTRIES: u64 = 1024;
const MAX_NAME: u64 = 256;

/// The architectures in the bundle at `offset`, such as `gfx90a:xnack+`.
pub(super) fn read(bytes: &dyn Bytes, offset: u64) -> Option<Vec<String>> {
    let header = bytes.read(offset, MAGIC.len() as u64 + 8)?;
    if !header.starts_with(MAGIC) {
        return None;
    }
    let count = long(&header, MAGIC.len());
    let mut at = offset.checked_add(header.len() as u64)?;
    let mut targets = Vec::new();
    for _ in 0..count.min(MAX_ENTRIES) {
        // Offset and size of the code object, length of its name.
        let entry = bytes.read(at, 24)?;
        let name_size = long(&entry, 16);
        if name_size > MAX_NAME {
            return None;
        }
        let name = bytes.read(at.checked_add(24)?, name_size)?;
        at = at.checked_add(24)?.checked_add(name_size)?;
        // The kind and the triple come first; the part for the host has no architecture.
        let target = std::str::from_utf8(&name)
            .ok()
            .filter(|name| name.starts_with("hip"))
            .and_then(|name| name.rsplit_once("--"))
            .map(|(_, target)| target.to_owned());
        targets.extend(target.filter(|target| target.starts_with("gfx")));
    }
    Some(targets)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A bundle with code objects of these names.
    pub(in crate::gpu) fn bundle(names: &[&str]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(names.len() as u64).to_le_bytes());
        for name in names {
            for number in [4096, 0, name.len() as u64] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    #[test]
    fn the_architectures_are_the_ends_of_the_names() {
        let bytes = bundle(&[
            "host-x86_64-unknown-linux--",
            "hipv4-amdgcn-amd-amdhsa--gfx90a:xnack+",
            "hipv4-amdgcn-amd-amdhsa--gfx1100",
        ]);
        let targets = read(&bytes, 0).expect("a bundle");
        assert_eq!(targets, ["gfx90a:xnack+", "gfx1100"]);
        assert_eq!(read(&bytes, 1), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bundles_are_read_or_refused(rest in prop::collection::vec(any::<u8>(), 0..200), count: u64) {
            let mut bytes = MAGIC.to_vec();
            bytes.extend_from_slice(&count.to_le_bytes());
            bytes.extend_from_slice(&rest);
            let _ = read(&bytes, 0);
        }
    }
}
