//! A file as a program: its functions, its constants, and what the loader links it to.

use std::collections::{BTreeSet, HashMap};

use memchr::memmem::Finder;
use object::elf;

use crate::elf::{Image, LocalSymbols, Memory, half, long, relocations, word};

/// Bytes of machine code that are searched at most.
const MAX_CODE: u64 = 64 << 20;

/// More relocations than any op library has.
const MAX_RELOCATIONS: usize = 4 << 20;

/// The longest text that is read.
const MAX_TEXT: u64 = 1 << 14;

const SYMBOL_SIZE: u64 = 24;

/// The parts of a file that reading its machine code takes.
pub(crate) struct Program<'a> {
    pub memory: &'a Memory<'a>,
    pub local_symbols: &'a LocalSymbols,
    symbols: DynamicSymbols<'a>,
    /// Places that the loader fills with an address in this file, by place.
    pointers: Vec<(u64, u64)>,
    /// Places that the loader fills with the address of a symbol, by place.
    slots: Vec<(u64, u32)>,
    /// The executable parts, each with the address of its first byte.
    code: Vec<(u64, Vec<u8>)>,
    /// The slots that stubs jump to, by the address of the stub: functions of other files are called
    /// through them.
    stubs: HashMap<u64, u64>,
    /// The addresses at which functions begin, in order.
    functions: Vec<u64>,
    /// The functions that the loader calls when it has mapped the file.
    initializers: Vec<u64>,
    /// The part of the data that is read-only once the loader is done.
    relro: (u64, u64),
}

/// The dynamic symbols by their index.
struct DynamicSymbols<'a> {
    image: &'a Image,
    table: Vec<u8>,
}

impl DynamicSymbols<'_> {
    fn entry(&self, index: u32) -> Option<&[u8]> {
        let size = SYMBOL_SIZE as usize;
        self.table
            .chunks_exact(size)
            .nth(usize::try_from(index).ok()?)
    }

    fn name(&self, index: u32) -> Option<&str> {
        self.image.symbols.text(word(self.entry(index)?, 0))
    }

    /// The address of a symbol that is defined in the file.
    fn address(&self, index: u32) -> Option<u64> {
        let entry = self.entry(index)?;
        (half(entry, 6) != elf::SHN_UNDEF.0).then(|| long(entry, 8))
    }
}

impl<'a> Program<'a> {
    /// Reads the tables of a file; `None` for processors whose code is not read.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn read(
        image: &'a Image,
        memory: &'a Memory<'a>,
        local_symbols: &'a LocalSymbols,
    ) -> Option<Self> {
        let table = memory.read(image.symbol_table, image.symbol_count * SYMBOL_SIZE)?;
        let symbols = DynamicSymbols { image, table };
        let mut pointers = Vec::new();
        let mut slots = Vec::new();
        for relocation in relocations(memory, &image.relocation_tables).take(MAX_RELOCATIONS) {
            let target = match elf::R_X86_64_RELATIVE.0 == relocation.kind {
                true => Some(relocation.addend.cast_unsigned()),
                false => {
                    slots.push((relocation.place, relocation.symbol));
                    let address = symbols.address(relocation.symbol);
                    address.map(|address| address.wrapping_add_signed(relocation.addend))
                }
            };
            pointers.extend(target.map(|target| (relocation.place, target)));
        }
        pointers.sort_unstable();
        slots.sort_unstable();
        let relro = memory.of_kind(elf::PT_GNU_RELRO).next();
        let code = code(memory);
        let (array, size) = image.initializers;
        let first = pointers.partition_point(|(place, _)| *place < array);
        let initializers = pointers[first..]
            .iter()
            .take_while(|(place, _)| *place < array.saturating_add(size))
            .map(|(_, target)| *target)
            .chain(image.initializer)
            .collect();
        Some(Self {
            stubs: stubs(&code, &slots),
            initializers,
            code,
            memory,
            local_symbols,
            symbols,
            pointers,
            slots,
            functions: functions(memory).unwrap_or_default(),
            relro: relro.map_or((0, 0), |segment| {
                (
                    segment.address,
                    segment.address.saturating_add(segment.memory_size),
                )
            }),
        })
    }

    /// Reads the tables of a file; `None` for processors whose code is not read.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn read(
        _image: &'a Image,
        _memory: &'a Memory<'a>,
        _local_symbols: &'a LocalSymbols,
    ) -> Option<Self> {
        None
    }

    /// The executable parts, each with the address of its first byte; cut where it gets too much.
    pub(crate) fn code(&self) -> &[(u64, Vec<u8>)] {
        &self.code
    }

    /// The stubs, each with the slot that it jumps to.
    pub(crate) fn stubs(&self) -> impl Iterator<Item = (u64, u64)> {
        self.stubs.iter().map(|(stub, slot)| (*stub, *slot))
    }

    /// The functions that the loader calls when it has mapped the file.
    pub(crate) fn initializers(&self) -> &[u64] {
        &self.initializers
    }

    /// The slot that the stub at `address` jumps to.
    pub(crate) fn slot_of_stub(&self, address: u64) -> Option<u64> {
        self.stubs.get(&address).copied()
    }

    /// The symbol that a call of the stub at `address` goes to.
    pub(crate) fn symbol_of_stub(&self, address: u64) -> Option<&str> {
        self.symbol_at(*self.stubs.get(&address)?)
    }

    /// The code from `start` to `end`.
    pub(crate) fn code_of(&self, start: u64, end: u64) -> Option<&[u8]> {
        self.code.iter().find_map(|(address, bytes)| {
            let start = usize::try_from(start.checked_sub(*address)?).ok()?;
            let end = usize::try_from(end.checked_sub(*address)?).ok()?;
            bytes.get(start..end.min(bytes.len()))
        })
    }

    /// Names of the symbols that the loader's places refer to, with the places.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (u64, &str)> {
        self.slots
            .iter()
            .filter_map(|(place, symbol)| Some((*place, self.symbols.name(*symbol)?)))
    }

    /// The functions that the file defines and exports, with their addresses.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (u64, &str)> {
        let count = u32::try_from(self.symbols.table.len() as u64 / SYMBOL_SIZE).unwrap_or(0);
        (0..count)
            .zip(self.symbols.table.chunks_exact(SYMBOL_SIZE as usize))
            .filter_map(|(_, entry)| {
                let defined = half(entry, 6) != elf::SHN_UNDEF.0;
                let name = self.symbols.image.symbols.text(word(entry, 0))?;
                defined.then(|| (long(entry, 8), name))
            })
    }

    /// What the loader writes to `place`, if it is an address in this file.
    pub(crate) fn pointer(&self, place: u64) -> Option<u64> {
        let index = self
            .pointers
            .binary_search_by_key(&place, |(place, _)| *place);
        Some(self.pointers[index.ok()?].1)
    }

    /// The symbol whose address the loader writes to `place`.
    pub(crate) fn symbol_at(&self, place: u64) -> Option<&str> {
        let index = self.slots.binary_search_by_key(&place, |(place, _)| *place);
        self.symbols.name(self.slots[index.ok()?].1)
    }

    /// What the loader writes to `place`, where the program cannot change it later.
    pub(crate) fn constant_pointer(&self, place: u64) -> Option<u64> {
        let (start, end) = self.relro;
        (start..end).contains(&place).then(|| self.pointer(place))?
    }

    /// The places that the loader fills with one of `targets`, each with what it is.
    pub(crate) fn places_of(&self, targets: &BTreeSet<u64>) -> Vec<(u64, u64)> {
        let pointers = self.pointers.iter();
        let found = pointers.filter(|(_, target)| targets.contains(target));
        found.copied().collect()
    }

    /// The function that `address` lies in, as its beginning and its end.
    pub(crate) fn function_of(&self, address: u64) -> Option<(u64, u64)> {
        let next = self.functions.partition_point(|start| *start <= address);
        let start = *self.functions.get(next.checked_sub(1)?)?;
        let end = self.functions.get(next).copied().or_else(|| {
            let ends = self.code.iter();
            ends.map(|(address, bytes)| address.saturating_add(bytes.len() as u64))
                .find(|end| *end > start)
        });
        Some((start, end?))
    }

    /// Whether `address` lies in an executable part.
    pub(crate) fn is_code(&self, address: u64) -> bool {
        self.memory.loaded().any(|segment| {
            segment.flags & elf::PF_X.0 != 0
                && address
                    .checked_sub(segment.address)
                    .is_some_and(|within| within < segment.file_size)
        })
    }

    /// Whether the program cannot change what lies at `address`.
    pub(crate) fn is_constant(&self, address: u64) -> bool {
        self.memory.loaded().any(|segment| {
            segment.flags & elf::PF_W.0 == 0
                && address
                    .checked_sub(segment.address)
                    .is_some_and(|within| within < segment.file_size)
        })
    }

    /// The text that begins at `address` and ends with a zero byte.
    pub(crate) fn text(&self, address: u64) -> Option<String> {
        if !self.is_constant(address) {
            return None;
        }
        let mut size = 64;
        loop {
            let bytes = self.memory.read_up_to(address, size)?;
            if let Some(end) = memchr::memchr(0, &bytes) {
                return String::from_utf8(bytes[..end].to_vec()).ok();
            }
            if (bytes.len() as u64) < size || size > MAX_TEXT {
                return None;
            }
            size *= 8;
        }
    }

    /// The text of `size` bytes at `address`.
    pub(crate) fn text_of(&self, address: u64, size: u64) -> Option<String> {
        if size > MAX_TEXT || !self.is_constant(address) {
            return None;
        }
        let bytes = self.memory.read(address, size)?;
        String::from_utf8(bytes)
            .ok()
            .filter(|text| !text.contains('\0'))
    }
}

/// The executable parts of a file, up to [`MAX_CODE`].
fn code(memory: &Memory<'_>) -> Vec<(u64, Vec<u8>)> {
    let mut left = MAX_CODE;
    let executable = memory
        .loaded()
        .filter(|segment| segment.flags & elf::PF_X.0 != 0);
    executable
        .filter_map(|segment| {
            let size = segment.file_size.min(left);
            left -= size;
            Some((segment.address, memory.bytes.read(segment.offset, size)?))
        })
        .collect()
}

/// Finds the stubs in `code` that jump to one of `slots`. A stub may begin with a landing pad and a
/// prefix; each place counts from which the jump is reached.
fn stubs(code: &[(u64, Vec<u8>)], slots: &[(u64, u32)]) -> HashMap<u64, u64> {
    /// `jmp [rip + distance]`.
    const JUMP: [u8; 2] = [0xff, 0x25];
    const PREFIX: u8 = 0xf2;
    const LANDING_PAD: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
    let finder = Finder::new(&JUMP);
    let mut stubs = HashMap::new();
    for (address, bytes) in code {
        for at in finder.find_iter(bytes) {
            let Some(distance) = bytes.get(at + 2..at + 6) else {
                continue;
            };
            let next = address.wrapping_add(at as u64 + 6);
            let slot = next.wrapping_add_signed(word(distance, 0).cast_signed().into());
            if slots
                .binary_search_by_key(&slot, |(place, _)| *place)
                .is_err()
            {
                continue;
            }
            let mut start = at;
            stubs.insert(address.wrapping_add(start as u64), slot);
            if bytes[..start].last() == Some(&PREFIX) {
                start -= 1;
                stubs.insert(address.wrapping_add(start as u64), slot);
            }
            if bytes[..start].ends_with(&LANDING_PAD) {
                start -= LANDING_PAD.len();
                stubs.insert(address.wrapping_add(start as u64), slot);
            }
        }
    }
    stubs
}

/// The addresses at which functions begin, from the table that exceptions are unwound with: it is
/// there in stripped files, too.
///
/// Source: Linux Standard Base, "The .eh_frame_hdr section".
fn functions(memory: &Memory<'_>) -> Option<Vec<u64>> {
    /// Version, and the encodings that all linkers write: a count of 4 bytes, and a table of
    /// distances from the section's beginning.
    const HEADER: [u8; 4] = [1, 0x1b, 0x03, 0x3b];
    let segment = memory.of_kind(elf::PT_GNU_EH_FRAME).next()?;
    let header = memory.read(segment.address, 12)?;
    if header[..4] != HEADER {
        return None;
    }
    let size = u64::from(word(&header, 8)) * 8;
    let table = memory.read(segment.address.checked_add(12)?, size)?;
    let mut functions: Vec<u64> = table
        .chunks_exact(8)
        .map(|entry| {
            let distance = word(entry, 0).cast_signed();
            segment.address.wrapping_add_signed(distance.into())
        })
        .collect();
    functions.sort_unstable();
    functions.dedup();
    Some(functions)
}
