//! Symbols that are in a file, exported or not.

use object::elf;

use super::image::{half, long, word};
use super::{Bytes, Sections};

const SYMBOL_SIZE: usize = 24;

/// Longer names are passed over: a damaged table, all of whose names are as long as the table of
/// texts, must not take the time of both together.
const MAX_NAME: usize = 4096;

/// The full symbol table, which a stripped file does not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocalSymbols {
    table: Vec<u8>,
    strings: Vec<u8>,
}

impl LocalSymbols {
    /// Reads the table; a file without a readable one has no such symbols.
    pub(crate) fn read(sections: &Sections, bytes: &dyn Bytes) -> Self {
        Self::try_read(sections, bytes).unwrap_or_default()
    }

    fn try_read(sections: &Sections, bytes: &dyn Bytes) -> Option<Self> {
        let symbols = sections
            .iter()
            .find(|section| section.kind == elf::SHT_SYMTAB.0)?;
        Some(Self {
            table: symbols.content(bytes)?,
            strings: sections.get(symbols.link)?.content(bytes)?,
        })
    }

    /// Names and addresses of all symbols that are defined in the file.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = (&str, u64)> {
        self.table
            .chunks_exact(SYMBOL_SIZE)
            .filter(|symbol| half(symbol, 6) != elf::SHN_UNDEF.0)
            .filter_map(|symbol| {
                let rest = self.strings.get(usize::try_from(word(symbol, 0)).ok()?..)?;
                let name = &rest[..memchr::memchr(0, &rest[..rest.len().min(MAX_NAME)])?];
                Some((std::str::from_utf8(name).ok()?, long(symbol, 8)))
            })
    }

    /// Whether there is a definition of `name`.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.definitions().any(|(other, _)| other == name)
    }
}
