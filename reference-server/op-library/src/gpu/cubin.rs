//! Machine code for NVIDIA GPUs that lies in a file as it is, an ELF file within the file.

use object::elf;

use super::architecture::{Architecture, ComputeCapability, Portability};
use crate::elf::{Bytes, Header, long, notes, word};

/// Offset of `e_flags` and of the version of the layout in the header of a 64-bit file.
const FLAGS: usize = 48;
const ABI_VERSION: usize = 8;

/// The layout of `e_flags` from CUDA 13 on, and for compute capability 10 from its beginning: the
/// architecture stands in the second byte. Before, it stands in the first.
///
/// Source: `EF_CUDA_SM` and `EF_CUDA_SM_MASK` in LLVM's `BinaryFormat/ELF.h`.
const SECOND_LAYOUT: u8 = 8;

/// The flag of architecture-specific code in the first layout.
const EXACT: u32 = 0x800;

/// The note in which the assembler leaves its options. In the second layout, nothing else tells
/// architecture-specific code.
const TOOL_INFO: u32 = 2000;
const TOOL_OPTION: &[u8] = b"-arch sm_";

const SECTION_HEADER_SIZE: u64 = 64;

/// More than a cubin's sections, and more than its notes need.
const MAX_SECTIONS: u16 = 4096;
const MAX_NOTE: u64 = 1 << 14;

/// The architecture of the cubin at `offset`; `None` where there is another ELF file, or none.
pub(super) fn read(bytes: &dyn Bytes, offset: u64) -> Option<Architecture> {
    let start = bytes.read(offset, Header::MAX_SIZE)?;
    let header = Header::parse(&start).ok()?;
    if header.machine != elf::EM_CUDA.0 || header.class != elf::ELFCLASS64.0 {
        return None;
    }
    let flags = word(&start, FLAGS);
    let (number, exact) = if start[ABI_VERSION] < SECOND_LAYOUT {
        (flags & 0xff, flags & EXACT != 0)
    } else {
        let number = flags >> 8 & 0xff;
        (
            number,
            is_exact(bytes, offset, &header, number).unwrap_or(false),
        )
    };
    Some(Architecture {
        capability: ComputeCapability::of_number(number),
        portability: if exact {
            Portability::Exact
        } else {
            Portability::Baseline
        },
    })
}

/// Whether the assembler was asked for architecture-specific code.
fn is_exact(bytes: &dyn Bytes, offset: u64, header: &Header, number: u32) -> Option<bool> {
    let table = header.section_headers;
    if u64::from(table.entry_size) != SECTION_HEADER_SIZE || table.count > MAX_SECTIONS {
        return None;
    }
    let size = SECTION_HEADER_SIZE * u64::from(table.count);
    let sections = bytes.read(offset.checked_add(table.offset)?, size)?;
    let option = [TOOL_OPTION, format!("{number}a").as_bytes()].concat();
    let is_named = sections
        .chunks_exact(SECTION_HEADER_SIZE as usize)
        .filter(|section| word(section, 4) == elf::SHT_NOTE.0)
        .filter_map(|section| {
            let at = offset.checked_add(long(section, 24))?;
            bytes.read(at, long(section, 32).min(MAX_NOTE))
        })
        .any(|content| {
            notes(&content)
                .filter(|note| note.kind == TOOL_INFO)
                .any(|note| contains(note.content, &option))
        });
    Some(is_named)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The header of a cubin of one layout.
    fn header(abi_version: u8, flags: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[8] = abi_version;
        bytes[18] = 190;
        bytes[48..52].copy_from_slice(&flags.to_le_bytes());
        bytes
    }

    /// The header of a cubin of the second layout, whose assembler was called with `options`.
    fn with_note(flags: u32, options: &[u8]) -> Vec<u8> {
        let mut bytes = header(8, flags);
        let note_at = bytes.len() as u64;
        bytes.extend_from_slice(&12_u32.to_le_bytes());
        bytes.extend_from_slice(&(options.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&TOOL_INFO.to_le_bytes());
        bytes.extend_from_slice(b"NVIDIA Corp\0");
        bytes.extend_from_slice(options);
        let note_size = bytes.len() as u64 - note_at;
        let table_at = bytes.len() as u64;
        let mut section = [0; 64];
        section[4..8].copy_from_slice(&7_u32.to_le_bytes());
        section[24..32].copy_from_slice(&note_at.to_le_bytes());
        section[32..40].copy_from_slice(&note_size.to_le_bytes());
        bytes.extend_from_slice(&section);
        bytes[40..48].copy_from_slice(&table_at.to_le_bytes());
        bytes[58..60].copy_from_slice(&64_u16.to_le_bytes());
        bytes[60..62].copy_from_slice(&1_u16.to_le_bytes());
        bytes
    }

    fn name(bytes: Vec<u8>) -> Option<String> {
        read(&bytes, 0).map(Architecture::binary_name)
    }

    #[test]
    fn both_layouts_tell_the_architecture() {
        // Flags as the assemblers of CUDA 12.4 and 13.0 write them.
        assert_eq!(name(header(7, 0x0050_0550)).as_deref(), Some("sm_80"));
        assert_eq!(name(header(7, 0x005a_0d5a)).as_deref(), Some("sm_90a"));
        assert_eq!(name(header(8, 0x0600_5a04)).as_deref(), Some("sm_90"));
        assert_eq!(name(header(8, 0x0600_7902)).as_deref(), Some("sm_121"));
        let exact = with_note(0x0600_6402, b"-arch sm_100a -m 64 ");
        assert_eq!(name(exact).as_deref(), Some("sm_100a"));
        let baseline = with_note(0x0600_6402, b"-arch sm_100 -m 64 ");
        assert_eq!(name(baseline).as_deref(), Some("sm_100"));
    }

    #[test]
    fn other_elf_files_are_no_cubins() {
        let mut bytes = header(7, 0x0050_0550);
        bytes[18] = 62;
        assert_eq!(name(bytes), None);
        assert_eq!(name(b"\x7fELF\x02\x01\x01".to_vec()), None);
    }

    proptest! {
        #[test]
        fn damaged_cubins_are_read_or_refused(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..16),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = with_note(0x0600_6402, b"-arch sm_100a -m 64 ");
            for (index, value) in flips {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            let _ = read(&bytes, 0);
        }
    }
}
