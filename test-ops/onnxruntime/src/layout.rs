//! The configuration block: what one build of this library can be turned into afterwards.
//!
//! The block stands in a section of its own and is read when the library runs. A builder that
//! writes another block into a copy of the file makes another library of it, without a compiler.
//! The sample libraries in C++ have the same block (`sample-library/configuration.h`).
//!
//! | offset | size | content                                                     |
//! |-------:|-----:|-------------------------------------------------------------|
//! |      0 |   16 | [`MAGIC`]                                                   |
//! |     16 |    1 | signature: added to each element of each result             |
//! |     17 |    1 | operators: bit 0 BiasGelu, 1 RmsNorm, 2 Modulo, 3 SelectAbove |
//! |     18 |    1 | fault: 0 none, else one of the `FAULT_` constants           |
//! |     19 |    1 | length of the domain                                        |
//! |     20 |    4 | API level, little endian; zero where a framework has none   |
//! |     24 |   64 | domain in the framework's spelling, UTF-8, zeros behind it  |

/// Name of the block's section.
pub const SECTION: &str = ".op_library_configuration";
/// First bytes of the block.
pub const MAGIC: [u8; 16] = *b"op library conf\x01";
/// Bytes of the block.
pub const SIZE: usize = 88;

/// Longest domain in bytes.
pub const DOMAIN_CAPACITY: usize = 64;

/// Registration returns an error status.
pub const FAULT_REGISTRATION_FAILS: u8 = 1;
/// Registration does not check whether the runtime has the API level.
pub const FAULT_UNCHECKED_API: u8 = 2;
/// The first execution writes to address zero.
pub const FAULT_KERNEL_CRASHES: u8 = 3;
/// The first execution throws a C++ exception.
pub const FAULT_KERNEL_THROWS: u8 = 4;
/// The first execution never returns.
pub const FAULT_KERNEL_HANGS: u8 = 5;
/// The first execution panics.
pub const FAULT_KERNEL_PANICS: u8 = 6;
/// A static initializer writes to address zero. This and what follows exists in C++.
pub const FAULT_INITIALIZER_CRASHES: u8 = 7;
/// A static initializer calls `abort`.
pub const FAULT_INITIALIZER_ABORTS: u8 = 8;
/// A static initializer throws a C++ exception.
pub const FAULT_INITIALIZER_THROWS: u8 = 9;
/// A static initializer never returns.
pub const FAULT_INITIALIZER_HANGS: u8 = 10;
/// A kernel takes other arguments than its operator's schema says.
pub const FAULT_SCHEMA_DISAGREES: u8 = 11;

/// The block's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Configuration {
    /// Added to each element of each result.
    pub signature: u8,
    /// Operators that are registered, as [`op_bit`]s.
    pub ops: u8,
    /// What goes wrong; zero for nothing.
    pub fault: u8,
    /// Level of the C interface.
    pub api_level: u32,
    /// Operator domain.
    pub domain: Domain,
}

/// A domain of at most 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Domain {
    length: u8,
    bytes: [u8; DOMAIN_CAPACITY],
}

impl Domain {
    /// The domain `name`, where it fits.
    pub const fn new(name: &str) -> Option<Domain> {
        let name = name.as_bytes();
        if name.len() > DOMAIN_CAPACITY {
            return None;
        }
        let mut bytes = [0; DOMAIN_CAPACITY];
        let mut index = 0;
        while index < name.len() {
            bytes[index] = name[index];
            index += 1;
        }
        Some(Domain {
            length: name.len() as u8,
            bytes,
        })
    }

    /// The domain's UTF-8 text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length).min(DOMAIN_CAPACITY)]
    }
}

/// The bit of an operator by its place in the table above.
pub const fn op_bit(op: u8) -> u8 {
    1 << op
}

impl Configuration {
    /// The block's bytes.
    pub const fn encode(&self) -> [u8; SIZE] {
        let mut block = [0; SIZE];
        let mut index = 0;
        while index < MAGIC.len() {
            block[index] = MAGIC[index];
            index += 1;
        }
        block[16] = self.signature;
        block[17] = self.ops;
        block[18] = self.fault;
        block[19] = self.domain.length;
        let level = self.api_level.to_le_bytes();
        index = 0;
        while index < level.len() {
            block[20 + index] = level[index];
            index += 1;
        }
        index = 0;
        while index < DOMAIN_CAPACITY {
            block[24 + index] = self.domain.bytes[index];
            index += 1;
        }
        block
    }

    /// Reads a block's bytes, whatever they are.
    pub fn decode(block: &[u8; SIZE]) -> Configuration {
        let mut bytes = [0; DOMAIN_CAPACITY];
        bytes.copy_from_slice(&block[24..24 + DOMAIN_CAPACITY]);
        Configuration {
            signature: block[16],
            ops: block[17],
            fault: block[18],
            api_level: u32::from_le_bytes([block[20], block[21], block[22], block[23]]),
            domain: Domain {
                length: block[19],
                bytes,
            },
        }
    }
}
