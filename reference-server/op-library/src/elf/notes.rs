//! Notes: what the tools that built a file left in it for others to read.

use object::elf;

use super::image::word;
use super::memory::{Memory, Segment};

/// Notes are short; a longer segment is damaged, and its start is enough.
const MAX_SIZE: u64 = 1 << 16;

/// The notes of the GNU tools that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// The build id as hexadecimal digits.
    pub build_id: Option<String>,
    /// The levels of x86-64 that the file needs, as bits of `GNU_PROPERTY_X86_ISA_1_NEEDED`.
    pub x86_isa_needed: u32,
}

impl Notes {
    /// Reads the segments of notes and of properties; the property note can lie in either.
    pub(super) fn read(memory: &Memory<'_>) -> Self {
        let mut notes = Self::default();
        let segments = memory.of_kind(elf::PT_NOTE);
        for segment in segments.chain(memory.of_kind(elf::PT_GNU_PROPERTY)) {
            notes.read_segment(segment, memory);
        }
        notes
    }

    fn read_segment(&mut self, segment: &Segment, memory: &Memory<'_>) {
        let size = segment.file_size.min(MAX_SIZE);
        let Some(content) = memory.bytes.read(segment.offset, size) else {
            return;
        };
        for note in iterate(&content) {
            if note.name != b"GNU\0" {
                continue;
            }
            if note.kind == elf::NT_GNU_BUILD_ID.0 {
                let digits = note.content.iter().map(|byte| format!("{byte:02x}"));
                self.build_id.get_or_insert_with(|| digits.collect());
            } else if note.kind == elf::NT_GNU_PROPERTY_TYPE_0.0 {
                self.x86_isa_needed |= x86_isa_needed(note.content);
            }
        }
    }
}

/// One note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Note<'a> {
    /// Who made it, with the zero byte at its end.
    pub name: &'a [u8],
    pub kind: u32,
    pub content: &'a [u8],
}

/// The notes in `content`, up to the first one that does not fit into it.
///
/// Source: System V ABI, chapter 5, "Note Section"; names and contents are padded to 4 bytes.
pub(crate) fn iterate(content: &[u8]) -> impl Iterator<Item = Note<'_>> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let header = rest.get(..12)?;
        let name_size = usize::try_from(word(header, 0)).ok()?;
        let content_size = usize::try_from(word(header, 4)).ok()?;
        let content_at = 12_usize.checked_add(name_size.checked_next_multiple_of(4)?)?;
        let end = content_at.checked_add(content_size)?;
        let note = Note {
            name: rest.get(12..12_usize.checked_add(name_size)?)?,
            kind: word(header, 8),
            content: rest.get(content_at..end)?,
        };
        // The padding behind the last one may be missing.
        rest = rest.get(end.checked_next_multiple_of(4)?..).unwrap_or(&[]);
        Some(note)
    })
}

/// The needed levels in the properties of one note.
///
/// Source: x86-64 psABI, "Program Property"; a property is a type, a size and content that is
/// padded to 8 bytes.
fn x86_isa_needed(properties: &[u8]) -> u32 {
    let mut needed = 0;
    let mut rest = properties;
    while let Some(header) = rest.get(..8) {
        let size = word(header, 4) as usize;
        let Some(content) = rest.get(8..).and_then(|rest| rest.get(..size)) else {
            break;
        };
        if word(header, 0) == elf::GNU_PROPERTY_X86_ISA_1_NEEDED.0 && size == 4 {
            needed |= word(content, 0);
        }
        rest = size
            .checked_next_multiple_of(8)
            .and_then(|size| rest.get(8..)?.get(size..))
            .unwrap_or(&[]);
    }
    needed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn note(name: &[u8], kind: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&(name.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(content.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&kind.to_le_bytes());
        for part in [name, content] {
            bytes.extend_from_slice(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn notes_are_read_one_after_the_other() {
        let mut content = note(b"GNU\0", 3, &[0xc0, 0xff, 0xee]);
        content.extend(note(b"stapsdt\0", 7, b"probe"));
        let notes: Vec<Note<'_>> = iterate(&content).collect();
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[0].content, [0xc0, 0xff, 0xee]);
        assert_eq!(notes[1].name, b"stapsdt\0");
        assert_eq!(iterate(&content[..content.len() - 4]).count(), 1);
    }

    #[test]
    fn the_needed_level_stands_among_other_properties() {
        let mut properties = Vec::new();
        for (kind, value) in [(0xc000_0002_u32, 3_u32), (0xc000_8002, 4), (0xc001_0002, 7)] {
            for word in [kind, 4, value, 0] {
                properties.extend_from_slice(&word.to_le_bytes());
            }
        }
        assert_eq!(x86_isa_needed(&properties), 4);
        assert_eq!(x86_isa_needed(&properties[..16]), 0);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read(content in prop::collection::vec(any::<u8>(), 0..200)) {
            for note in iterate(&content) {
                let _ = x86_isa_needed(note.content);
            }
            let _ = x86_isa_needed(&content);
        }
    }
}
