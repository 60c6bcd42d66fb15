//! The section table, which the loader does not read and a stripped file need not have.

use super::Bytes;
use super::header::Header;
use super::image::{long, read_table, word};

const SECTION_HEADER_SIZE: usize = 64;

/// The sections of one file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sections {
    all: Vec<Section>,
    names: Vec<u8>,
}

/// One entry of the section table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    name: u32,
    /// `sh_type`, such as `SHT_SYMTAB`.
    pub kind: u32,
    pub offset: u64,
    pub size: u64,
    /// Index of the section that belongs to this one.
    pub link: u32,
}

impl Sections {
    /// Reads the table; a file without a readable one has no sections.
    pub(crate) fn read(header: &Header, bytes: &dyn Bytes) -> Self {
        if usize::from(header.section_headers.entry_size) != SECTION_HEADER_SIZE {
            return Self::default();
        }
        let table = read_table(&header.section_headers, bytes).unwrap_or_default();
        let all: Vec<Section> = table
            .chunks_exact(SECTION_HEADER_SIZE)
            .map(|section| Section {
                name: word(section, 0),
                kind: word(section, 4),
                offset: long(section, 24),
                size: long(section, 32),
                link: word(section, 40),
            })
            .collect();
        let names = all
            .get(usize::from(header.section_names))
            .and_then(|section| section.content(bytes))
            .unwrap_or_default();
        Self { all, names }
    }

    /// All of them, in the table's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Section> {
        self.all.iter()
    }

    /// The section with that index.
    pub(crate) fn get(&self, index: u32) -> Option<&Section> {
        self.all.get(usize::try_from(index).ok()?)
    }

    /// The first section of that name.
    pub(crate) fn named(&self, name: &str) -> Option<&Section> {
        self.all.iter().find(|section| {
            let start = usize::try_from(section.name).ok();
            let rest = start.and_then(|start| self.names.get(start..));
            rest.and_then(|rest| rest.strip_prefix(name.as_bytes()))
                .is_some_and(|rest| rest.first() == Some(&0))
        })
    }
}

impl Section {
    /// Its bytes.
    pub(crate) fn content(&self, bytes: &dyn Bytes) -> Option<Vec<u8>> {
        bytes.read(self.offset, self.size)
    }
}
