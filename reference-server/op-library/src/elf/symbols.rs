//! The dynamic symbols of one file: what it defines, and what it wants from others.

use object::elf::gnu_hash;

/// No name is longer.
const MAX_NAME: usize = 1 << 20;

/// What the GNU hash of an empty name is.
const GNU_HASH_START: u32 = 5381;

/// A compact table of dynamic symbols. Names stay in the file's own string table, so that a
/// framework's library with 100,000 symbols costs a few megabytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbols {
    pub(super) strings: Vec<u8>,
    /// Sorted by hash.
    pub(super) definitions: Vec<Definition>,
    pub(super) references: Vec<RawReference>,
    /// Names of versions that this file defines or needs, by version index; offsets of strings.
    pub(super) version_names: Vec<Option<u32>>,
    /// Whether symbols carry versions at all.
    pub(super) versioned: bool,
}

/// A symbol that this file exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Definition {
    pub hash: u32,
    pub name: u32,
    /// Version index: 0 and 1 are unversioned.
    pub version: u16,
    /// Not the default version: found only by a reference that names it.
    pub hidden: bool,
    pub unique: bool,
    pub function: bool,
    pub address: u64,
}

/// A symbol that this file wants from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawReference {
    pub name: u32,
    pub version: u16,
    pub weak: bool,
}

/// A symbol that a file wants from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    /// The symbol's name as it stands in the file.
    pub name: &'a str,
    /// The version that has to come with it.
    pub version: Option<&'a str>,
    /// Whether the file can live without it.
    pub weak: bool,
}

impl Symbols {
    /// The text at an offset of the string table; `None` where it does not end or is not UTF-8.
    pub(crate) fn text(&self, offset: u32) -> Option<&str> {
        let start = usize::try_from(offset).ok()?;
        let rest = self.strings.get(start..)?;
        let end = self.length(offset)?;
        std::str::from_utf8(&rest[..end]).ok()
    }

    /// The length of the text at an offset of the string table; `None` where it does not end.
    pub(super) fn length(&self, offset: u32) -> Option<usize> {
        let rest = self.strings.get(usize::try_from(offset).ok()?..)?;
        memchr::memchr(0, &rest[..rest.len().min(MAX_NAME)])
    }

    /// The hash of the name at an offset of the string table, as GNU hash tables have it; `None`
    /// where the name does not end.
    ///
    /// In one pass: the names of a framework's library are up to 80 MB.
    pub(super) fn hash(&self, offset: u32) -> Option<u32> {
        let mut hash = GNU_HASH_START;
        for byte in self.strings.get(usize::try_from(offset).ok()?..)? {
            if *byte == 0 {
                return Some(hash);
            }
            hash = hash.wrapping_mul(33).wrapping_add(u32::from(*byte));
        }
        None
    }

    /// Whether a reference to `name` with `version` is satisfied by this file.
    ///
    /// The rule is the dynamic loader's: a file without versions satisfies any; a reference with a
    /// version takes that version or an unversioned definition; a reference without one takes the
    /// default version.
    pub(crate) fn satisfies(&self, name: &str, version: Option<&str>) -> bool {
        self.named(name).any(|definition| match version {
            _ if !self.versioned => true,
            None => !definition.hidden || definition.version <= 2,
            Some(version) if definition.version >= 2 => {
                self.version_name(definition.version) == Some(version)
            }
            Some(_) => !definition.hidden,
        })
    }

    /// Whether this file exports `name` in any version.
    pub(crate) fn exports(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// Whether this file exports `name` as a function.
    pub(crate) fn exports_function(&self, name: &str) -> bool {
        self.named(name).any(|definition| definition.function)
    }

    /// The address of the function that this file exports as `name`.
    pub(crate) fn function_address(&self, name: &str) -> Option<u64> {
        self.named(name)
            .find(|definition| definition.function)
            .map(|definition| definition.address)
    }

    /// The names of all exports, in no useful order.
    pub(crate) fn export_names(&self) -> impl Iterator<Item = &str> {
        self.definitions
            .iter()
            .filter_map(|definition| self.text(definition.name))
    }

    /// The exports that exist once in a process (`STB_GNU_UNIQUE`).
    pub(crate) fn unique_names(&self) -> impl Iterator<Item = &str> {
        self.definitions
            .iter()
            .filter(|definition| definition.unique)
            .filter_map(|definition| self.text(definition.name))
    }

    /// Everything that this file wants from others, in the file's order.
    pub(crate) fn references(&self) -> impl Iterator<Item = Reference<'_>> {
        self.references.iter().filter_map(|reference| {
            Some(Reference {
                name: self.text(reference.name)?,
                version: self.version_name(reference.version),
                weak: reference.weak,
            })
        })
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Definition> {
        let hash = gnu_hash(name.as_bytes());
        let start = self
            .definitions
            .partition_point(|definition| definition.hash < hash);
        self.definitions[start..]
            .iter()
            .take_while(move |definition| definition.hash == hash)
            .filter(move |definition| self.text(definition.name) == Some(name))
    }

    fn version_name(&self, index: u16) -> Option<&str> {
        let name = (*self.version_names.get(usize::from(index))?)?;
        self.text(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hashes_are_those_of_gnu_hash_tables(name in "[ -~]{0,40}", before in "[a-z]{0,5}") {
            let symbols = Symbols {
                strings: format!("{before}{name}\0").into(),
                ..Symbols::default()
            };
            let offset = u32::try_from(before.len()).unwrap();
            prop_assert_eq!(symbols.hash(offset), Some(gnu_hash(name.as_bytes())));
            let end = u32::try_from(symbols.strings.len()).unwrap();
            prop_assert_eq!(symbols.hash(end), None);
        }
    }
}
