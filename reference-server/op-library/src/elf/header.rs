//! The ELF header: what kind of file this is and for which machine.

use std::fmt;

use object::elf;

/// What the ELF header tells. Read for every class and byte order.
///
/// Source: System V ABI, chapter 4, "ELF Header".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub class: u8,
    pub byte_order: u8,
    pub machine: u16,
    pub object_type: ObjectType,
    pub program_headers: Table,
    pub section_headers: Table,
    /// Index of the section that holds the names of sections.
    pub section_names: u16,
}

/// Where a table of headers lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub offset: u64,
    pub entry_size: u16,
    pub count: u16,
}

impl Table {
    /// First byte behind the table.
    pub(crate) fn end(&self) -> u64 {
        self.offset
            .saturating_add(u64::from(self.entry_size) * u64::from(self.count))
    }
}

/// `e_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectType {
    Relocatable,
    Executable,
    Shared,
    Core,
    Other(u16),
}

/// Why the first bytes of a file are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// The magic number is not there.
    NotElf,
    /// The file ends within the header.
    Truncated,
}

impl Header {
    /// Size of the longest header, that of 64-bit files.
    pub(crate) const MAX_SIZE: u64 = 64;

    /// Reads the header from a file's first bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        if !bytes.starts_with(&elf::ELFMAG) {
            return Err(HeaderError::NotElf);
        }
        Self::parse_fields(bytes).ok_or(HeaderError::Truncated)
    }

    fn parse_fields(bytes: &[u8]) -> Option<Self> {
        let class = *bytes.get(4)?;
        let byte_order = *bytes.get(5)?;
        let big = byte_order == elf::ELFDATA2MSB.0;
        let half = |at: usize| -> Option<u16> {
            let field = bytes.get(at..at + 2)?.try_into().ok()?;
            Some(if big {
                u16::from_be_bytes(field)
            } else {
                u16::from_le_bytes(field)
            })
        };
        let word = |at: usize| -> Option<u64> {
            let field = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(u64::from(if big {
                u32::from_be_bytes(field)
            } else {
                u32::from_le_bytes(field)
            }))
        };
        let long = |at: usize| -> Option<u64> {
            let field = bytes.get(at..at + 8)?.try_into().ok()?;
            Some(if big {
                u64::from_be_bytes(field)
            } else {
                u64::from_le_bytes(field)
            })
        };
        let (program_offset, section_offset, sizes) = if class == elf::ELFCLASS32.0 {
            (word(28)?, word(32)?, 42)
        } else {
            (long(32)?, long(40)?, 54)
        };
        Some(Self {
            class,
            byte_order,
            machine: half(18)?,
            object_type: match half(16)? {
                1 => ObjectType::Relocatable,
                2 => ObjectType::Executable,
                3 => ObjectType::Shared,
                4 => ObjectType::Core,
                other => ObjectType::Other(other),
            },
            program_headers: Table {
                offset: program_offset,
                entry_size: half(sizes)?,
                count: half(sizes + 2)?,
            },
            section_headers: Table {
                offset: section_offset,
                entry_size: half(sizes + 4)?,
                count: half(sizes + 6)?,
            },
            section_names: half(sizes + 8)?,
        })
    }

    /// Whether a process of this machine can map it.
    pub(crate) const fn is_native(&self) -> bool {
        self.class == elf::ELFCLASS64.0
            && self.byte_order == elf::ELFDATA2LSB.0
            && self.machine == NATIVE_MACHINE
    }

    /// The architecture of this machine, in the words of [`Display`](fmt::Display).
    pub(crate) fn native_architecture() -> String {
        describe(elf::ELFCLASS64.0, elf::ELFDATA2LSB.0, NATIVE_MACHINE)
    }
}

#[cfg(target_arch = "x86_64")]
const NATIVE_MACHINE: u16 = elf::EM_X86_64.0;
#[cfg(target_arch = "aarch64")]
const NATIVE_MACHINE: u16 = elf::EM_AARCH64.0;

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe(self.class, self.byte_order, self.machine))
    }
}

fn describe(class: u8, byte_order: u8, machine: u16) -> String {
    let name = match elf::Machine(machine) {
        elf::EM_X86_64 => "x86-64".to_owned(),
        elf::EM_386 => "x86 (i386)".to_owned(),
        elf::EM_AARCH64 => "AArch64".to_owned(),
        elf::EM_ARM => "ARM".to_owned(),
        elf::EM_PPC64 => "POWER (ppc64)".to_owned(),
        elf::EM_RISCV => "RISC-V".to_owned(),
        elf::EM_S390 => "IBM Z (s390x)".to_owned(),
        elf::EM_CUDA => "NVIDIA GPU (a cubin)".to_owned(),
        elf::Machine(other) => format!("machine number {other}"),
    };
    let bits = match class {
        1 => "32-bit".to_owned(),
        2 => "64-bit".to_owned(),
        other => format!("class {other}"),
    };
    let order = match byte_order {
        1 => "little-endian".to_owned(),
        2 => "big-endian".to_owned(),
        other => format!("byte order {other}"),
    };
    format!("{name}, {bits}, {order}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_the_header_of_this_very_program() {
        let program = std::fs::read("/proc/self/exe").expect("readable");
        let header = Header::parse(&program).expect("an ELF header");
        assert!(header.is_native(), "{header}");
        assert_eq!(header.object_type, ObjectType::Shared);
        assert_eq!(header.to_string(), Header::native_architecture());
        assert!(header.section_headers.end() <= program.len() as u64);
    }

    #[test]
    fn a_big_endian_32_bit_header_is_read_in_its_own_order() {
        let mut bytes = vec![0; 52];
        bytes[..7].copy_from_slice(b"\x7fELF\x01\x02\x01");
        bytes[17] = 3;
        bytes[19] = 20;
        bytes[31] = 52;
        bytes[43] = 32;
        bytes[45] = 2;
        let header = Header::parse(&bytes).expect("a header");
        assert_eq!(header.object_type, ObjectType::Shared);
        assert_eq!(header.machine, 20);
        assert_eq!(header.program_headers.end(), 52 + 64);
        assert!(!header.is_native());
    }

    #[test]
    fn tells_no_elf_from_a_piece_of_one() {
        assert_eq!(Header::parse(b"MZ\x90\0"), Err(HeaderError::NotElf));
        assert_eq!(Header::parse(b"\x7fEL"), Err(HeaderError::NotElf));
        assert_eq!(
            Header::parse(b"\x7fELF\x02\x01"),
            Err(HeaderError::Truncated)
        );
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let mut with_magic = elf::ELFMAG.to_vec();
            with_magic.extend_from_slice(&bytes);
            let _ = Header::parse(&bytes);
            if let Ok(header) = Header::parse(&with_magic) {
                let _ = (header.to_string(), header.section_headers.end());
            }
        }
    }
}
