//! Tensors of byte strings: each element is a little-endian `u32` length and that many bytes.

use serde::{Deserialize, Serialize};

use super::RequestError;

/// Size of the length in front of each element.
pub const LENGTH_SIZE: usize = size_of::<u32>();

/// Appends one element.
///
/// # Errors
/// 400 where the string is longer than its length can tell.
pub fn append(tensor: &mut Vec<u8>, element: &[u8]) -> Result<(), RequestError> {
    let length = u32::try_from(element.len()).map_err(|_| {
        RequestError::invalid(format!(
            "a string of {} bytes is longer than an element of a BYTES tensor may be ({} bytes)",
            element.len(),
            u32::MAX
        ))
    })?;
    tensor.extend_from_slice(&length.to_le_bytes());
    tensor.extend_from_slice(element);
    Ok(())
}

/// The elements of a tensor; ends early, with `None`, where the lengths do not add up.
pub fn elements(tensor: &[u8]) -> Elements<'_> {
    Elements { rest: tensor }
}

/// Iterator over the elements of a tensor of byte strings.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// What has not been read yet; empty after the last element of a well-formed tensor.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<LENGTH_SIZE>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (element, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(element)
    }
}

/// How the lengths of a tensor of byte strings do not add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unbalanced {
    /// An element is longer than what is left.
    Element {
        /// Its length.
        length: u32,
        /// Bytes that are left.
        available: usize,
    },
    /// What is left is shorter than a length.
    Length {
        /// Bytes that are left.
        available: usize,
    },
    /// There are more elements, or fewer, than the shape has.
    Count {
        /// Elements of the tensor.
        found: usize,
        /// Elements of the shape.
        expected: usize,
    },
}

impl Unbalanced {
    /// The refusal of a request whose input it is: 400, in Triton's words.
    pub fn refusal(self, input: &str, model: &str) -> RequestError {
        RequestError::invalid(match self {
            Self::Element { length, available } => format!(
                "incomplete string data for inference input '{input}', expecting string of length \
                 {length} but only {available} bytes available"
            ),
            Self::Length { available } => format!(
                "incomplete string length indicator for inference input '{input}' for model \
                 '{model}', expecting {LENGTH_SIZE} bytes but only {available} bytes available"
            ),
            Self::Count { found, expected } if found < expected => format!(
                "expected {expected} string elements for inference input '{input}' for model \
                 '{model}', got {found}"
            ),
            Self::Count { found, expected } => format!(
                "unexpected number of string elements {found} for inference input '{input}' for \
                 model '{model}', expecting {expected}"
            ),
        })
    }
}

/// Checks that `tensor` holds exactly `count` elements.
///
/// # Errors
/// How its lengths do not add up.
pub fn validate(tensor: &[u8], count: usize) -> Result<(), Unbalanced> {
    let mut elements = elements(tensor);
    let found = elements.by_ref().count();
    let rest = elements.rest();
    if let Some((length, available)) = rest.split_first_chunk::<LENGTH_SIZE>() {
        Err(Unbalanced::Element {
            length: u32::from_le_bytes(*length),
            available: available.len(),
        })
    } else if !rest.is_empty() {
        Err(Unbalanced::Length {
            available: rest.len(),
        })
    } else if found != count {
        Err(Unbalanced::Count {
            found,
            expected: count,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tensor(elements: &[Vec<u8>]) -> Vec<u8> {
        let mut tensor = Vec::new();
        for element in elements {
            append(&mut tensor, element).unwrap();
        }
        tensor
    }

    #[test]
    fn each_way_of_not_adding_up_is_told_apart() {
        let good = tensor(&[b"ab".to_vec(), Vec::new()]);
        assert_eq!(validate(&good, 2), Ok(()));
        for (bytes, count, expected) in [
            (&good[..], 3, "expected 3 string elements"),
            (&good[..], 1, "unexpected number of string elements 2"),
            (
                &good[..8],
                2,
                "expecting 4 bytes but only 2 bytes available",
            ),
            (
                &good[..5],
                2,
                "expecting string of length 2 but only 1 bytes available",
            ),
        ] {
            let message = validate(bytes, count)
                .unwrap_err()
                .refusal("X", "m")
                .message;
            assert!(
                message.contains(expected) && message.contains("'X'"),
                "{message}"
            );
        }
    }

    proptest! {
        #[test]
        fn elements_read_back(strings in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let tensor = tensor(&strings);
            prop_assert_eq!(validate(&tensor, strings.len()), Ok(()));
            let read: Vec<Vec<u8>> = elements(&tensor).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(read, strings);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>(), count in 0_usize..9) {
            let _ = validate(&bytes, count);
        }
    }
}
