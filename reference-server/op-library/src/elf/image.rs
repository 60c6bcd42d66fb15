//! One 64-bit little-endian ELF file as the dynamic loader sees it.

use object::elf;

use super::header::Table;
use super::memory::Memory;
use super::notes::Notes;
use super::relocations::{self, is_static_tls};
use super::symbols::{Definition, RawReference};
use super::{Bytes, Header, Symbols};

/// What the dynamic loader would read of a shared library.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    pub soname: Option<String>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<String>,
    /// `DT_RPATH`, unexpanded, with `:` between folders.
    pub rpath: Option<String>,
    /// `DT_RUNPATH`, likewise.
    pub runpath: Option<String>,
    /// `DT_FLAGS_1`.
    pub flags_1: u64,
    /// The loader writes to the code when it maps the file.
    pub text_relocations: bool,
    /// It asks for a stack whose content can be executed, or does not say that it needs none.
    pub executable_stack: bool,
    /// Size in bytes of its thread-local variables, where they have to lie at a fixed distance from
    /// the thread pointer.
    pub static_tls_size: u64,
    /// The levels of x86-64 that it needs, as bits of `GNU_PROPERTY_X86_ISA_1_NEEDED`.
    pub x86_isa_needed: u32,
    pub symbols: Symbols,
    /// Versions that this file needs of others.
    pub version_needs: Vec<VersionNeed>,
    /// Versions that this file defines.
    pub version_definitions: Vec<String>,
    /// The build id as hexadecimal digits.
    pub build_id: Option<String>,
    /// The parts of the file that are mapped, as (offset, size), in order and without overlaps.
    pub mapped: Vec<(u64, u64)>,
    /// Where the dynamic string table lies in the file, as (offset, size).
    pub string_table: (u64, u64),
    /// The address of the dynamic symbol table.
    pub symbol_table: u64,
    /// Number of dynamic symbols, the null symbol included.
    pub symbol_count: u64,
    /// The table of the functions that the loader calls when it has mapped the file, as
    /// (address, size).
    pub initializers: (u64, u64),
    /// One more such function.
    pub initializer: Option<u64>,
    /// The relocation tables, each as (address, size).
    pub relocation_tables: Vec<(u64, u64)>,
}

/// A version that a file needs of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct VersionNeed {
    /// The other file's name.
    pub file: String,
    /// The version's name, such as `GLIBC_2.38`.
    pub version: String,
    /// Whether it may be missing.
    pub weak: bool,
}

/// Why a file cannot be read as a shared library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageError {
    /// The file is shorter than `needs`, the end of `part`.
    Truncated { part: &'static str, needs: u64 },
    /// A table contradicts itself.
    Corrupt { part: &'static str },
}

/// The entries of the dynamic table that matter here. Addresses are virtual.
#[derive(Clone, Copy, Debug, Default)]
struct Dynamic {
    strings: u64,
    strings_size: u64,
    symbols: u64,
    gnu_hash: Option<u64>,
    hash: Option<u64>,
    version_indexes: Option<u64>,
    version_needs: Option<(u64, u64)>,
    version_definitions: Option<(u64, u64)>,
}

const SECTION_HEADER_SIZE: usize = 64;
const DYNAMIC_ENTRY_SIZE: usize = 16;
const SYMBOL_SIZE: u64 = 24;

const CORRUPT_DYNAMIC: ImageError = ImageError::Corrupt {
    part: "dynamic table",
};
const CORRUPT_SYMBOLS: ImageError = ImageError::Corrupt {
    part: "dynamic symbol table",
};
const CORRUPT_VERSIONS: ImageError = ImageError::Corrupt {
    part: "symbol version table",
};

impl Image {
    /// Reads `bytes`, whose header is `header` and native.
    pub(crate) fn read(header: &Header, bytes: &dyn Bytes) -> Result<Self, ImageError> {
        let memory = Memory::read_headers(header, bytes)?;
        let notes = Notes::read(&memory);
        let mut image = Self {
            mapped: memory.mapped(),
            build_id: notes.build_id,
            x86_isa_needed: notes.x86_isa_needed,
            executable_stack: memory
                .of_kind(elf::PT_GNU_STACK)
                .next()
                .is_none_or(|segment| segment.flags & elf::PF_X.0 != 0),
            ..Self::default()
        };
        if image.mapped.is_empty() {
            return Err(ImageError::Corrupt {
                part: "program header table",
            });
        }
        let table = memory.of_kind(elf::PT_DYNAMIC).next();
        let entries = table
            .and_then(|table| bytes.read(table.offset, table.file_size))
            .ok_or(CORRUPT_DYNAMIC)?;
        image.read_dynamic(&entries, &memory, header)?;
        Ok(image)
    }

    fn read_dynamic(
        &mut self,
        entries: &[u8],
        memory: &Memory<'_>,
        header: &Header,
    ) -> Result<(), ImageError> {
        let entries: Vec<(i64, u64)> = entries
            .chunks_exact(DYNAMIC_ENTRY_SIZE)
            .map(|entry| (long(entry, 0).cast_signed(), long(entry, 8)))
            .take_while(|(tag, _)| *tag != elf::DT_NULL.0)
            .collect();
        let value = |tag: elf::DynamicTag| {
            entries
                .iter()
                .find(|(other, _)| *other == tag.0)
                .map(|(_, value)| *value)
        };
        let dynamic = Dynamic {
            strings: value(elf::DT_STRTAB).ok_or(CORRUPT_DYNAMIC)?,
            strings_size: value(elf::DT_STRSZ).ok_or(CORRUPT_DYNAMIC)?,
            symbols: value(elf::DT_SYMTAB).ok_or(CORRUPT_DYNAMIC)?,
            gnu_hash: value(elf::DT_GNU_HASH),
            hash: value(elf::DT_HASH),
            version_indexes: value(elf::DT_VERSYM),
            version_needs: value(elf::DT_VERNEED).zip(value(elf::DT_VERNEEDNUM)),
            version_definitions: value(elf::DT_VERDEF).zip(value(elf::DT_VERDEFNUM)),
        };
        let strings_offset = memory.offset(dynamic.strings).ok_or(CORRUPT_DYNAMIC)?;
        self.string_table = (strings_offset, dynamic.strings_size);
        self.symbols.strings =
            memory
                .read(dynamic.strings, dynamic.strings_size)
                .ok_or(ImageError::Corrupt {
                    part: "dynamic string table",
                })?;
        let text = |offset: u64| {
            let offset = u32::try_from(offset).ok()?;
            self.symbols.text(offset).map(str::to_owned)
        };
        let text_of = |tag| {
            value(tag)
                .map(|offset| text(offset).ok_or(CORRUPT_DYNAMIC))
                .transpose()
        };
        self.soname = text_of(elf::DT_SONAME)?;
        self.rpath = text_of(elf::DT_RPATH)?;
        self.runpath = text_of(elf::DT_RUNPATH)?;
        self.flags_1 = value(elf::DT_FLAGS_1).unwrap_or(0);
        let flags = value(elf::DT_FLAGS).unwrap_or(0);
        self.text_relocations = value(elf::DT_TEXTREL).is_some() || flags & elf::DF_TEXTREL.0 != 0;
        self.symbol_table = dynamic.symbols;
        self.initializers = value(elf::DT_INIT_ARRAY)
            .zip(value(elf::DT_INIT_ARRAYSZ))
            .unwrap_or_default();
        self.initializer = value(elf::DT_INIT);
        self.relocation_tables = [
            value(elf::DT_RELA).zip(value(elf::DT_RELASZ)),
            value(elf::DT_JMPREL).zip(value(elf::DT_PLTRELSZ)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if flags & elf::DF_STATIC_TLS.0 != 0 {
            self.static_tls_size = self.read_static_tls_size(memory);
        }
        self.needed = entries
            .iter()
            .filter(|(tag, _)| *tag == elf::DT_NEEDED.0)
            .map(|(_, offset)| text(*offset).ok_or(CORRUPT_DYNAMIC))
            .collect::<Result<_, _>>()?;
        self.read_versions(&dynamic, memory)?;
        self.read_symbols(&dynamic, memory, header)
    }

    /// The flag alone does not tell whose variables lie in the static block: the relocations do.
    fn read_static_tls_size(&self, memory: &Memory<'_>) -> u64 {
        let is_own = |symbol: u32| {
            let entry = self
                .symbol_table
                .checked_add(u64::from(symbol) * SYMBOL_SIZE);
            let entry = entry.and_then(|at| memory.read(at, SYMBOL_SIZE));
            symbol == 0 || entry.is_some_and(|entry| half(&entry, 6) != elf::SHN_UNDEF.0)
        };
        let own = relocations::iterate(memory, &self.relocation_tables)
            .any(|relocation| is_static_tls(relocation.kind) && is_own(relocation.symbol));
        let segments = memory.of_kind(elf::PT_TLS);
        let size = segments.map(|segment| segment.memory_size).max();
        size.filter(|_| own).unwrap_or(0)
    }

    /// Reads which versions are defined and needed, and under which index symbols refer to them.
    ///
    /// Source: Linux Standard Base, "Symbol Versioning".
    fn read_versions(&mut self, dynamic: &Dynamic, memory: &Memory<'_>) -> Result<(), ImageError> {
        let mut names: Vec<(u16, u32)> = Vec::new();
        if let Some((address, count)) = dynamic.version_definitions {
            let mut at = address;
            for _ in 0..count.min(MAX_VERSIONS) {
                let entry = memory.read(at, 20).ok_or(CORRUPT_VERSIONS)?;
                let auxiliary = at.wrapping_add(word(&entry, 12).into());
                let auxiliary = memory.read(auxiliary, 8).ok_or(CORRUPT_VERSIONS)?;
                let name = word(&auxiliary, 0);
                names.push((half(&entry, 4), name));
                let name = self.symbols.text(name).ok_or(CORRUPT_VERSIONS)?.to_owned();
                self.version_definitions.push(name);
                match word(&entry, 16) {
                    0 => break,
                    next => at = at.wrapping_add(next.into()),
                }
            }
        }
        if let Some((address, count)) = dynamic.version_needs {
            let mut at = address;
            for _ in 0..count.min(MAX_VERSIONS) {
                let entry = memory.read(at, 16).ok_or(CORRUPT_VERSIONS)?;
                let file = self
                    .symbols
                    .text(word(&entry, 4))
                    .ok_or(CORRUPT_VERSIONS)?
                    .to_owned();
                let mut auxiliary = at.wrapping_add(word(&entry, 8).into());
                for _ in 0..half(&entry, 2) {
                    if self.version_needs.len() as u64 == MAX_VERSIONS {
                        return Err(CORRUPT_VERSIONS);
                    }
                    let need = memory.read(auxiliary, 16).ok_or(CORRUPT_VERSIONS)?;
                    let name = word(&need, 8);
                    names.push((half(&need, 6), name));
                    self.version_needs.push(VersionNeed {
                        file: file.clone(),
                        version: self.symbols.text(name).ok_or(CORRUPT_VERSIONS)?.to_owned(),
                        weak: half(&need, 4) & elf::VER_FLG_WEAK.0 != 0,
                    });
                    match word(&need, 12) {
                        0 => break,
                        next => auxiliary = auxiliary.wrapping_add(next.into()),
                    }
                }
                match word(&entry, 12) {
                    0 => break,
                    next => at = at.wrapping_add(next.into()),
                }
            }
        }
        // Indexes 0 and 1 mean local and unversioned, whatever the tables call them.
        for (index, name) in names {
            let index = usize::from(index & !elf::VERSYM_HIDDEN.0);
            if index >= 2 {
                if self.symbols.version_names.len() <= index {
                    self.symbols.version_names.resize(index + 1, None);
                }
                self.symbols.version_names[index] = Some(name);
            }
        }
        Ok(())
    }

    fn read_symbols(
        &mut self,
        dynamic: &Dynamic,
        memory: &Memory<'_>,
        header: &Header,
    ) -> Result<(), ImageError> {
        let count = symbol_count(dynamic, memory, header).ok_or(CORRUPT_SYMBOLS)?;
        self.symbol_count = count;
        let size = count.checked_mul(SYMBOL_SIZE).ok_or(CORRUPT_SYMBOLS)?;
        let table = memory.read(dynamic.symbols, size).ok_or(CORRUPT_SYMBOLS)?;
        let versions = match dynamic.version_indexes {
            Some(address) => Some(memory.read(address, count * 2).ok_or(CORRUPT_VERSIONS)?),
            None => None,
        };
        self.symbols.versioned = versions.is_some() && !self.version_definitions.is_empty();
        let mut left = self.symbols.strings.len().saturating_mul(MAX_SHARING);
        // The symbol with index 0 is the null symbol.
        for (index, symbol) in table.chunks_exact(SYMBOL_SIZE as usize).enumerate().skip(1) {
            let name = word(symbol, 0);
            let (binding, kind) = (symbol[4] >> 4, symbol[4] & 0xf);
            let visibility = symbol[5] & 0x3;
            let section = half(symbol, 6);
            let version = versions
                .as_ref()
                .map_or(0, |versions| half(versions, index * 2));
            let global = binding == elf::STB_GLOBAL.0
                || binding == elf::STB_WEAK.0
                || binding == elf::STB_GNU_UNIQUE.0;
            if !global || name == 0 {
                continue;
            }
            let length = self.symbols.length(name).ok_or(CORRUPT_SYMBOLS)?;
            left = left.checked_sub(length).ok_or(CORRUPT_SYMBOLS)?;
            if section == elf::SHN_UNDEF.0 {
                self.symbols.references.push(RawReference {
                    name,
                    version: version & !elf::VERSYM_HIDDEN.0,
                    weak: binding == elf::STB_WEAK.0,
                });
            } else if visibility == elf::STV_DEFAULT.0 || visibility == elf::STV_PROTECTED.0 {
                self.symbols.definitions.push(Definition {
                    hash: self.symbols.hash(name).ok_or(CORRUPT_SYMBOLS)?,
                    name,
                    version: version & !elf::VERSYM_HIDDEN.0,
                    hidden: version & elf::VERSYM_HIDDEN.0 != 0,
                    unique: binding == elf::STB_GNU_UNIQUE.0,
                    function: kind == elf::STT_FUNC.0 || kind == elf::STT_GNU_IFUNC.0,
                    address: long(symbol, 8),
                });
            }
        }
        self.symbols.definitions.sort_unstable();
        Ok(())
    }
}

/// Names share the ends of others in the table of texts, and all of them together are hardly longer
/// than the table; where they are many times as long, the table of symbols is damaged.
const MAX_SHARING: usize = 16;

/// More versions than any library has; keeps a table that links to itself from being read for ever.
const MAX_VERSIONS: u64 = 4096;

pub(super) fn read_table(table: &Table, bytes: &dyn Bytes) -> Option<Vec<u8>> {
    bytes.read(table.offset, table.end().checked_sub(table.offset)?)
}

/// Number of dynamic symbols. The dynamic table does not tell it; the section table does where
/// there is one, and the hash table that the loader uses tells it otherwise.
fn symbol_count(dynamic: &Dynamic, memory: &Memory<'_>, header: &Header) -> Option<u64> {
    section_symbol_count(dynamic, memory, header)
        .or_else(|| {
            let header = memory.read(dynamic.hash?, 8)?;
            Some(word(&header, 4).into())
        })
        .or_else(|| gnu_hash_symbol_count(dynamic.gnu_hash?, memory))
}

fn section_symbol_count(dynamic: &Dynamic, memory: &Memory<'_>, header: &Header) -> Option<u64> {
    if usize::from(header.section_headers.entry_size) != SECTION_HEADER_SIZE {
        return None;
    }
    read_table(&header.section_headers, memory.bytes)?
        .chunks_exact(SECTION_HEADER_SIZE)
        .find(|section| {
            word(section, 4) == elf::SHT_DYNSYM.0 && long(section, 16) == dynamic.symbols
        })
        .map(|section| long(section, 32) / SYMBOL_SIZE)
}

/// The last symbol is the end of the chain that starts furthest.
fn gnu_hash_symbol_count(address: u64, memory: &Memory<'_>) -> Option<u64> {
    let header = memory.read(address, 16)?;
    let (buckets, first, bloom) = (word(&header, 0), word(&header, 4), word(&header, 8));
    let buckets_at = address.checked_add(16 + u64::from(bloom) * 8)?;
    let table = memory.read(buckets_at, u64::from(buckets) * 4)?;
    let furthest = table.chunks_exact(4).map(|bucket| word(bucket, 0)).max()?;
    if furthest < first {
        return Some(first.into());
    }
    let mut chain_at = buckets_at
        .checked_add(u64::from(buckets) * 4)?
        .checked_add(u64::from(furthest - first) * 4)?;
    let mut count = u64::from(furthest);
    loop {
        let block = memory.read_up_to(chain_at, CHAIN_BLOCK)?;
        for value in block.chunks_exact(4) {
            count += 1;
            if word(value, 0) & 1 != 0 {
                return Some(count);
            }
        }
        if block.len() < 4 {
            return None;
        }
        chain_at = chain_at.checked_add((block.len() & !3) as u64)?;
    }
}

/// Bytes of a hash chain that are read at a time.
const CHAIN_BLOCK: u64 = 4096;

/// The little-endian 16-bit number at `at`; callers have checked the length.
pub(crate) fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The little-endian 32-bit number at `at`.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The little-endian 64-bit number at `at`.
pub(crate) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}
