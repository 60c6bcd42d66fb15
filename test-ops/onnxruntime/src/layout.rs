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
//! |     88 |    1 | form: bit 0 BiasGelu has no bias, 1 kernels without operators |
//! |     89 |    1 | length of the name                                          |
//! |     90 |    1 | length of the version                                       |
//! |     91 |    1 | zero: what follows stands in the file as a text of its own  |
//! |     92 |   40 | name of the one operator, in place of its own; may be empty |
//! |    132 |    8 | version of TensorRT's plugins                               |

/// Name of the block's section.
pub const SECTION: &str = ".op_library_configuration";
/// First bytes of the block.
pub const MAGIC: [u8; 16] = *b"op library conf\x01";
/// Bytes of the block.
pub const SIZE: usize = 140;

/// Longest domain in bytes.
pub const DOMAIN_CAPACITY: usize = 64;
/// Longest name in bytes.
pub const NAME_CAPACITY: usize = 40;
/// Longest version in bytes.
pub const VERSION_CAPACITY: usize = 8;

const DOMAIN_OFFSET: usize = 24;
const NAME_OFFSET: usize = 92;
const VERSION_OFFSET: usize = 132;

/// BiasGelu takes `x` alone.
pub const FORM_WITHOUT_BIAS: u8 = 1;
/// Kernels are registered for operators that others define.
pub const FORM_KERNELS_ONLY: u8 = 2;

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
/// With the first kernel on a GPU goes one that writes to an address which is none.
pub const FAULT_DEVICE_KERNEL_WRITES_ASTRAY: u8 = 12;
/// Before the first kernel on a GPU comes one that never ends.
pub const FAULT_DEVICE_KERNEL_HANGS: u8 = 13;
/// Before the first kernel on a GPU, more memory is asked for than a GPU has.
pub const FAULT_DEVICE_MEMORY_IS_EXHAUSTED: u8 = 14;
/// After the first kernel on a GPU, all of its memory that is free is taken, and kept.
pub const FAULT_DEVICE_MEMORY_IS_TAKEN: u8 = 15;

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
    pub domain: Text<DOMAIN_CAPACITY>,
    /// What is registered of an operator, as `FORM_` bits.
    pub form: u8,
    /// Name of the one operator; empty for its own.
    pub name: Text<NAME_CAPACITY>,
    /// Version of plugins.
    pub version: Text<VERSION_CAPACITY>,
}

/// A text of at most `CAPACITY` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<const CAPACITY: usize> {
    length: u8,
    bytes: [u8; CAPACITY],
}

impl<const CAPACITY: usize> Text<CAPACITY> {
    /// The text, where it fits.
    pub const fn new(text: &str) -> Option<Text<CAPACITY>> {
        let text = text.as_bytes();
        if text.len() > CAPACITY {
            return None;
        }
        let mut bytes = [0; CAPACITY];
        let mut index = 0;
        while index < text.len() {
            bytes[index] = text[index];
            index += 1;
        }
        Some(Text {
            length: text.len() as u8,
            bytes,
        })
    }

    /// The text in UTF-8.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length).min(CAPACITY)]
    }

    /// Puts the text's bytes into the block from `offset` on.
    const fn encode(&self, mut block: [u8; SIZE], offset: usize) -> [u8; SIZE] {
        let mut index = 0;
        while index < CAPACITY {
            block[offset + index] = self.bytes[index];
            index += 1;
        }
        block
    }

    /// The text of this length whose bytes stand in the block from `offset` on.
    fn decode(block: &[u8; SIZE], offset: usize, length: u8) -> Text<CAPACITY> {
        let mut bytes = [0; CAPACITY];
        bytes.copy_from_slice(&block[offset..offset + CAPACITY]);
        Text { length, bytes }
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
        block[88] = self.form;
        block[89] = self.name.length;
        block[90] = self.version.length;
        block = self.domain.encode(block, DOMAIN_OFFSET);
        block = self.name.encode(block, NAME_OFFSET);
        self.version.encode(block, VERSION_OFFSET)
    }

    /// Reads a block's bytes, whatever they are.
    pub fn decode(block: &[u8; SIZE]) -> Configuration {
        Configuration {
            signature: block[16],
            ops: block[17],
            fault: block[18],
            api_level: u32::from_le_bytes([block[20], block[21], block[22], block[23]]),
            domain: Text::decode(block, DOMAIN_OFFSET, block[19]),
            form: block[88],
            name: Text::decode(block, NAME_OFFSET, block[89]),
            version: Text::decode(block, VERSION_OFFSET, block[90]),
        }
    }
}
