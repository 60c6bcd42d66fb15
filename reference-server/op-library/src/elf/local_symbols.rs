//! Symbols that are in a file and are not exported.

use object::elf;

use super::image::{half, word};
use super::{Bytes, Sections};

const SYMBOL_SIZE: usize = 24;

/// Whether the full symbol table, which a stripped file does not have, holds a definition of
/// `name`. Files whose tables cannot be read have none.
pub(crate) fn has_local_definition(sections: &Sections, bytes: &dyn Bytes, name: &str) -> bool {
    search(sections, bytes, name).unwrap_or(false)
}

fn search(sections: &Sections, bytes: &dyn Bytes, name: &str) -> Option<bool> {
    let symbols = sections
        .iter()
        .find(|section| section.kind == elf::SHT_SYMTAB.0)?;
    let strings = sections.get(symbols.link)?.content(bytes)?;
    let found = symbols
        .content(bytes)?
        .chunks_exact(SYMBOL_SIZE)
        .filter(|symbol| half(symbol, 6) != elf::SHN_UNDEF.0)
        .filter_map(|symbol| strings.get(usize::try_from(word(symbol, 0)).ok()?..))
        .any(|rest| {
            rest.strip_prefix(name.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&0))
        });
    Some(found)
}
