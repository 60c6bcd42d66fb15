//! A file by the virtual addresses that its tables speak of.

use object::elf;

use super::image::{ImageError, long, read_table, word};
use super::{Bytes, Header};

/// The program headers of one file, and its bytes by virtual address.
pub(crate) struct Memory<'a> {
    segments: Vec<Segment>,
    pub bytes: &'a dyn Bytes,
}

/// A program header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub kind: u32,
    pub flags: u32,
    pub offset: u64,
    pub address: u64,
    pub file_size: u64,
    pub memory_size: u64,
}

const PROGRAM_HEADER_SIZE: usize = 56;

impl<'a> Memory<'a> {
    /// Reads the program headers of `bytes`, whose header is `header`.
    pub(crate) fn read_headers(header: &Header, bytes: &'a dyn Bytes) -> Result<Self, ImageError> {
        let table = header.program_headers;
        if table.count > 0 && usize::from(table.entry_size) != PROGRAM_HEADER_SIZE {
            return Err(ImageError::Corrupt {
                part: "program header table",
            });
        }
        let content = read_table(&table, bytes).ok_or(ImageError::Truncated {
            part: "program header table",
            needs: table.end(),
        })?;
        let segments = content
            .chunks_exact(PROGRAM_HEADER_SIZE)
            .map(|entry| Segment {
                kind: word(entry, 0),
                flags: word(entry, 4),
                offset: long(entry, 8),
                address: long(entry, 16),
                file_size: long(entry, 32),
                memory_size: long(entry, 40),
            })
            .collect();
        let memory = Self { segments, bytes };
        let furthest = memory
            .loaded()
            .map(|segment| segment.offset.saturating_add(segment.file_size))
            .max();
        match furthest {
            Some(end) if end > bytes.len() => Err(ImageError::Truncated {
                part: "last segment",
                needs: end,
            }),
            _ => Ok(memory),
        }
    }

    /// The headers of one kind, such as `PT_NOTE`.
    pub(crate) fn of_kind(&self, kind: elf::ProgramType) -> impl Iterator<Item = &Segment> {
        self.segments
            .iter()
            .filter(move |segment| segment.kind == kind.0)
    }

    /// The parts of the file that the loader maps.
    pub(crate) fn loaded(&self) -> impl Iterator<Item = &Segment> {
        self.of_kind(elf::PT_LOAD)
    }

    /// The parts of the file that the loader maps, as (offset, size), in order and without overlaps.
    pub(crate) fn mapped(&self) -> Vec<(u64, u64)> {
        let mut parts: Vec<(u64, u64)> = self
            .loaded()
            .map(|segment| (segment.offset, segment.file_size))
            .collect();
        parts.sort_unstable();
        let mut end = 0;
        for (offset, size) in &mut parts {
            let own_end = offset.saturating_add(*size);
            *offset = end.max(*offset);
            *size = own_end.saturating_sub(*offset);
            end = end.max(own_end);
        }
        parts
    }

    /// Where `address` lies in the file.
    pub(crate) fn offset(&self, address: u64) -> Option<u64> {
        Some(self.place(address)?.0)
    }

    /// Where `address` lies in the file, and how many bytes its segment has from there on.
    fn place(&self, address: u64) -> Option<(u64, u64)> {
        self.loaded().find_map(|segment| {
            let within = address.checked_sub(segment.address)?;
            (within < segment.file_size).then(|| {
                Some((
                    segment.offset.checked_add(within)?,
                    segment.file_size - within,
                ))
            })?
        })
    }

    pub(crate) fn read(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        if size == 0 {
            return Some(Vec::new());
        }
        self.bytes.read(self.offset(address)?, size)
    }

    /// The bytes at `address` up to the end of its segment, at most `size` of them.
    pub(crate) fn read_up_to(&self, address: u64, size: u64) -> Option<Vec<u8>> {
        let (offset, available) = self.place(address)?;
        self.bytes.read(offset, size.min(available))
    }
}
