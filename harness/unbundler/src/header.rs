//! What a part begins with.

use std::fmt;
use std::io::{self, Read};

/// The first bytes of a header.
const MAGIC: [u8; 16] = *b"CUSTOM-OP-BUNDLE";

/// Bytes of a header.
pub(crate) const HEADER_SIZE: u64 = 36;

/// What all parts of one bundle share, and parts of different bundles do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BundleId([u8; 16]);

impl BundleId {
    /// The id of a bundle of which `description` tells enough that no other one has the same.
    #[must_use]
    pub fn of(description: &str) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(description.as_bytes()).as_bytes()[..16]);
        Self(id)
    }

    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        (text.len() == 32 && text.is_ascii()).then_some(())?;
        let mut id = [0; 16];
        for (index, byte) in id.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a part begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub bundle: BundleId,
    /// 0 for the first part.
    pub number: u32,
}

impl Header {
    pub(crate) fn bytes(self) -> Vec<u8> {
        let number = self.number.to_le_bytes();
        [&MAGIC[..], &self.bundle.0, &number].concat()
    }

    /// The header at the beginning of `reader`; `None` where something else is there.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(reader: &mut impl Read) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        reader.take(HEADER_SIZE).read_to_end(&mut bytes)?;
        let header = bytes.strip_prefix(&MAGIC).and_then(|rest| {
            let (id, number) = rest.split_first_chunk::<16>()?;
            Some(Self {
                bundle: BundleId(*id),
                number: u32::from_le_bytes(number.try_into().ok()?),
            })
        });
        Ok(header)
    }
}

/// The file name of part `number`: `part-000`.
#[must_use]
pub fn part_name(number: u32) -> String {
    format!("part-{number:03}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_header_is_read_as_it_was_written(number: u32, text: String) {
            let header = Header { bundle: BundleId::of(&text), number };
            let bytes = header.bytes();
            prop_assert_eq!(bytes.len() as u64, HEADER_SIZE);
            prop_assert_eq!(Header::read(&mut bytes.as_slice()).unwrap(), Some(header));
            prop_assert_eq!(BundleId::parse(&header.bundle.to_string()), Some(header.bundle));
        }

        #[test]
        fn anything_else_is_no_header(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(Header::read(&mut bytes.as_slice()).unwrap(), None);
        }

        #[test]
        fn any_text_can_be_taken_for_an_id(text: String) {
            let _ = BundleId::parse(&text);
        }
    }
}
