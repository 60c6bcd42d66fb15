//! `/etc/ld.so.cache`: the system's index of libraries.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;

const PATH: &str = "/etc/ld.so.cache";

/// The format of glibc 2.2 and later; older files carry it behind a table of the older format.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER_SIZE: usize = 48;
const ENTRY_SIZE: usize = 24;

/// `flags` of an entry for a 64-bit x86-64 library of the GNU C library 2.
#[cfg(target_arch = "x86_64")]
const NATIVE_FLAGS: u32 = 0x0303;
#[cfg(target_arch = "aarch64")]
const NATIVE_FLAGS: u32 = 0x0a03;

/// Paths of libraries by the name that they are needed under.
pub(super) type LdSoCache = HashMap<String, PathBuf>;

/// The system's index as it is now; empty on a system without one. Read again after a change.
pub(super) fn current() -> Arc<LdSoCache> {
    static READ: Mutex<Option<(SystemTime, Arc<LdSoCache>)>> = Mutex::new(None);
    let Ok(changed) = fs::metadata(PATH).and_then(|data| data.modified()) else {
        return Arc::default();
    };
    let mut read = READ.lock();
    match &*read {
        Some((time, cache)) if *time == changed => Arc::clone(cache),
        _ => {
            let bytes = fs::read(PATH).unwrap_or_default();
            let cache = Arc::new(parse(&bytes).unwrap_or_default());
            *read = Some((changed, Arc::clone(&cache)));
            cache
        }
    }
}

/// Reads the index. Entries for other architectures are left out. Where a name stands several
/// times, the variant that needs no particular processor features is taken: it exists everywhere.
fn parse(bytes: &[u8]) -> Option<LdSoCache> {
    let start = bytes
        .windows(MAGIC.len())
        .step_by(4)
        .position(|window| window == MAGIC)?
        * 4;
    let table = &bytes[start..];
    let word = |at: usize| -> Option<u32> {
        Some(u32::from_le_bytes(
            table.get(at..at.checked_add(4)?)?.try_into().ok()?,
        ))
    };
    let text = |at: u32| -> Option<&str> {
        let rest = table.get(usize::try_from(at).ok()?..)?;
        std::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == 0)?]).ok()
    };
    let count = usize::try_from(word(20)?).ok()?;
    let mut cache = LdSoCache::new();
    for index in 0..count {
        let entry = HEADER_SIZE.checked_add(index.checked_mul(ENTRY_SIZE)?)?;
        let (Some(flags), Some(name), Some(path)) = (word(entry), word(entry + 4), word(entry + 8))
        else {
            break;
        };
        let generic = word(entry + 16) == Some(0) && word(entry + 20) == Some(0);
        if flags != NATIVE_FLAGS {
            continue;
        }
        let (Some(name), Some(path)) = (text(name), text(path)) else {
            continue;
        };
        if generic || !cache.contains_key(name) {
            cache.insert(name.to_owned(), Path::new(path).to_owned());
        }
    }
    Some(cache)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_the_c_library_of_this_machine() {
        let path = current().get("libc.so.6").cloned().expect("in the index");
        assert!(path.is_file(), "{}", path.display());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn arbitrary_bytes_are_read_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            count: u32,
        ) {
            let mut table = MAGIC.to_vec();
            table.extend_from_slice(&count.to_le_bytes());
            table.extend_from_slice(&bytes);
            let _ = parse(&bytes);
            let _ = parse(&table);
        }

        #[test]
        fn a_damaged_index_is_read_or_refused(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
            let mut bytes = fs::read(PATH).unwrap_or_default();
            for (index, value) in flips {
                if !bytes.is_empty() {
                    let at = index.index(bytes.len());
                    bytes[at] = value;
                }
            }
            let _ = parse(&bytes);
        }
    }
}
