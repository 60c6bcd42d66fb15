//! What the loader fills in when it maps a file.

use object::elf;

use super::image::{long, word};
use super::memory::Memory;

/// Relocations with an addend, the only ones of 64-bit processors.
const ENTRY_SIZE: usize = 24;

/// Bytes read at a time.
const BLOCK: u64 = ENTRY_SIZE as u64 * 4096;

/// One place that the loader fills in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Relocation {
    /// The address of the place.
    pub place: u64,
    /// How it is filled in, such as `R_X86_64_RELATIVE`; a number of its processor.
    pub kind: u32,
    /// Index of the dynamic symbol that it refers to; 0 for none.
    pub symbol: u32,
    pub addend: i64,
}

/// The relocations in `tables`, each an address and a size in bytes, up to what cannot be read.
pub(crate) fn iterate<'a>(
    memory: &'a Memory<'_>,
    tables: &'a [(u64, u64)],
) -> impl Iterator<Item = Relocation> + 'a {
    tables
        .iter()
        .flat_map(move |(address, size)| {
            let blocks = (0..*size).step_by(BLOCK as usize);
            blocks.map_while(move |start| {
                memory.read(address.checked_add(start)?, BLOCK.min(size - start))
            })
        })
        .flat_map(|block| {
            let entries = block.chunks_exact(ENTRY_SIZE).map(|entry| Relocation {
                place: long(entry, 0),
                kind: word(entry, 8),
                symbol: word(entry, 12),
                addend: long(entry, 16).cast_signed(),
            });
            entries.collect::<Vec<_>>()
        })
}

/// Whether a relocation asks for a variable's distance from the thread pointer.
#[cfg(target_arch = "x86_64")]
pub(super) const fn is_static_tls(kind: u32) -> bool {
    kind == elf::R_X86_64_TPOFF64.0
}

/// Whether a relocation asks for a variable's distance from the thread pointer.
#[cfg(target_arch = "aarch64")]
pub(super) const fn is_static_tls(kind: u32) -> bool {
    kind == elf::R_AARCH64_TLS_TPREL.0
}
