//! Symbols that are in a file and are not exported.

use object::elf;

use super::image::{half, long, read_table, word};
use super::{Bytes, Header};

const SECTION_HEADER_SIZE: usize = 64;
const SYMBOL_SIZE: usize = 24;

/// Whether the full symbol table, which a stripped file does not have, holds a definition of
/// `name`. Files whose tables cannot be read have none.
pub(crate) fn has_local_definition(header: &Header, bytes: &dyn Bytes, name: &str) -> bool {
    search(header, bytes, name).unwrap_or(false)
}

fn search(header: &Header, bytes: &dyn Bytes, name: &str) -> Option<bool> {
    if usize::from(header.section_headers.entry_size) != SECTION_HEADER_SIZE {
        return None;
    }
    let table = read_table(&header.section_headers, bytes)?;
    let sections: Vec<&[u8]> = table.chunks_exact(SECTION_HEADER_SIZE).collect();
    let content = |section: &[u8]| bytes.read(long(section, 24), long(section, 32));
    let symbols = sections
        .iter()
        .find(|section| word(section, 4) == elf::SHT_SYMTAB.0)?;
    let strings = content(sections.get(usize::try_from(word(symbols, 40)).ok()?)?)?;
    let found = content(symbols)?
        .chunks_exact(SYMBOL_SIZE)
        .filter(|symbol| half(symbol, 6) != elf::SHN_UNDEF.0)
        .filter_map(|symbol| strings.get(usize::try_from(word(symbol, 0)).ok()?..))
        .any(|rest| {
            rest.strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&0))
        });
    Some(found)
}
