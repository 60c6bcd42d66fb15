//! Element types of KServe v2, and values of them as bytes.

use std::fmt;
use std::str::FromStr;

use half::{bf16, f16};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};
use serde_json::Value;

/// An element type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the protocol's own names")]
pub enum DataType {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Fp16,
    Fp32,
    Fp64,
    Bf16,
    Bytes,
}

/// An element type that the protocol does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no element type of the protocol")]
pub struct UnknownDataType(String);

impl DataType {
    const ALL: [Self; 14] = [
        Self::Bool,
        Self::Uint8,
        Self::Uint16,
        Self::Uint32,
        Self::Uint64,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Fp16,
        Self::Fp32,
        Self::Fp64,
        Self::Bf16,
        Self::Bytes,
    ];

    /// The protocol's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::Uint8 => "UINT8",
            Self::Uint16 => "UINT16",
            Self::Uint32 => "UINT32",
            Self::Uint64 => "UINT64",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Fp16 => "FP16",
            Self::Fp32 => "FP32",
            Self::Fp64 => "FP64",
            Self::Bf16 => "BF16",
            Self::Bytes => "BYTES",
        }
    }

    /// Bytes of an element; `None` where they differ.
    pub fn size(self) -> Option<usize> {
        match self {
            Self::Bool | Self::Uint8 | Self::Int8 => Some(1),
            Self::Uint16 | Self::Int16 | Self::Fp16 | Self::Bf16 => Some(2),
            Self::Uint32 | Self::Int32 | Self::Fp32 => Some(4),
            Self::Uint64 | Self::Int64 | Self::Fp64 => Some(8),
            Self::Bytes => None,
        }
    }

    /// Whether values are rounded to fewer digits than a decimal text has.
    pub fn tolerance(self) -> f64 {
        match self {
            Self::Fp16 | Self::Bf16 => 1e-2,
            Self::Fp32 => 1e-5,
            Self::Fp64 => 1e-12,
            _ => 0.0,
        }
    }

    /// `count` elements that are zero, or empty.
    pub fn zeros(self, count: usize) -> Vec<u8> {
        // An empty byte string is its length alone.
        vec![0; count * self.size().unwrap_or(4)]
    }

    /// `count` random elements: floating-point numbers from 0 to 1, whole numbers from 0 to 127, so
    /// that they can be indices and fit every type, byte strings of 16 letters.
    pub fn random(self, count: usize, random: &mut StdRng) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count * self.size().unwrap_or(20));
        for _ in 0..count {
            match self {
                Self::Fp16 => bytes.extend(f16::from_f32(random.random()).to_le_bytes()),
                Self::Bf16 => bytes.extend(bf16::from_f32(random.random()).to_le_bytes()),
                Self::Fp32 => bytes.extend(random.random::<f32>().to_le_bytes()),
                Self::Fp64 => bytes.extend(random.random::<f64>().to_le_bytes()),
                Self::Bool => bytes.push((random.next_u32() & 1) as u8),
                Self::Bytes => {
                    bytes.extend(16_u32.to_le_bytes());
                    bytes.extend((0..16).map(|_| b'a' + random.random_range(0..26_u8)));
                }
                whole => {
                    bytes.push(random.random_range(0..128_u8));
                    bytes.resize(bytes.len() + whole.size().unwrap_or(1) - 1, 0);
                }
            }
        }
        bytes
    }

    /// The bytes of a JSON value; `None` where it is none of this type.
    pub fn encode(self, value: &Value) -> Option<Vec<u8>> {
        let whole = |size: usize, low: i128, high: i128| {
            let number = match value {
                Value::Number(number) => number
                    .as_i64()
                    .map(i128::from)
                    .or(number.as_u64().map(i128::from))?,
                _ => return None,
            };
            (low..=high)
                .contains(&number)
                .then(|| number.to_le_bytes()[..size].to_vec())
        };
        match self {
            Self::Bool => match value {
                Value::Bool(value) => Some(vec![u8::from(*value)]),
                _ => whole(1, 0, 1),
            },
            Self::Uint8 => whole(1, 0, u8::MAX.into()),
            Self::Uint16 => whole(2, 0, u16::MAX.into()),
            Self::Uint32 => whole(4, 0, u32::MAX.into()),
            Self::Uint64 => whole(8, 0, u64::MAX.into()),
            Self::Int8 => whole(1, i8::MIN.into(), i8::MAX.into()),
            Self::Int16 => whole(2, i16::MIN.into(), i16::MAX.into()),
            Self::Int32 => whole(4, i32::MIN.into(), i32::MAX.into()),
            Self::Int64 => whole(8, i64::MIN.into(), i64::MAX.into()),
            Self::Fp16 => Some(f16::from_f64(value.as_f64()?).to_le_bytes().to_vec()),
            Self::Bf16 => Some(bf16::from_f64(value.as_f64()?).to_le_bytes().to_vec()),
            Self::Fp32 => Some((value.as_f64()? as f32).to_le_bytes().to_vec()),
            Self::Fp64 => Some(value.as_f64()?.to_le_bytes().to_vec()),
            Self::Bytes => {
                let text = value.as_str()?.as_bytes();
                let mut bytes = u32::try_from(text.len()).ok()?.to_le_bytes().to_vec();
                bytes.extend(text);
                Some(bytes)
            }
        }
    }

    /// Elements as JSON values, which are compared with expected ones; `None` where the bytes do not
    /// end with an element.
    pub fn decode(self, bytes: &[u8]) -> Option<Vec<Value>> {
        let Some(size) = self.size() else {
            return byte_strings(bytes);
        };
        let chunks = bytes.chunks_exact(size);
        if !chunks.remainder().is_empty() {
            return None;
        }
        let value = |chunk: &[u8]| {
            let mut wide = [0; 8];
            wide[..size].copy_from_slice(chunk);
            let unsigned = u64::from_le_bytes(wide);
            let shift = 64 - 8 * size as u32;
            match self {
                Self::Bool => Value::from(unsigned != 0),
                Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Uint64 => Value::from(unsigned),
                Self::Fp16 => Value::from(f16::from_bits(unsigned as u16).to_f64()),
                Self::Bf16 => Value::from(bf16::from_bits(unsigned as u16).to_f64()),
                Self::Fp32 => Value::from(f64::from(f32::from_bits(unsigned as u32))),
                Self::Fp64 => Value::from(f64::from_bits(unsigned)),
                // Sign extension.
                _ => Value::from(((unsigned << shift) as i64) >> shift),
            }
        };
        Some(chunks.map(value).collect())
    }
}

fn byte_strings(mut bytes: &[u8]) -> Option<Vec<Value>> {
    let mut strings = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        strings.push(Value::from(String::from_utf8_lossy(text)));
        bytes = rest;
    }
    Some(strings)
}

impl FromStr for DataType {
    type Err = UnknownDataType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|data_type| data_type.name() == text)
            .ok_or_else(|| UnknownDataType(text.to_owned()))
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;

    #[test]
    fn what_does_not_fit_a_type_is_no_value_of_it() {
        assert_eq!(DataType::Uint8.encode(&Value::from(256)), None);
        assert_eq!(DataType::Int8.encode(&Value::from(-129)), None);
        assert_eq!(DataType::Int8.encode(&Value::from(-1)), Some(vec![0xff]));
        assert_eq!(DataType::Int32.encode(&Value::from(0.5)), None);
        assert_eq!(DataType::Bytes.encode(&Value::from(1)), None);
        assert_eq!(DataType::Bool.encode(&Value::from(true)), Some(vec![1]));
        let largest = Value::from(u64::MAX);
        assert_eq!(DataType::Uint64.encode(&largest), Some(vec![0xff; 8]));
    }

    proptest! {
        #[test]
        fn random_elements_survive_the_way_through_json(seed: u64, count in 0_usize..20) {
            for data_type in DataType::ALL {
                let bytes = data_type.random(count, &mut StdRng::seed_from_u64(seed));
                let values = data_type.decode(&bytes).unwrap();
                prop_assert_eq!(values.len(), count, "{}", data_type);
                let again: Vec<u8> =
                    values.iter().flat_map(|value| data_type.encode(value).unwrap()).collect();
                prop_assert_eq!(again, bytes, "{}", data_type);
                prop_assert_eq!(data_type.decode(&data_type.zeros(count)).unwrap().len(), count);
                prop_assert_eq!(data_type.name().parse(), Ok(data_type));
            }
        }

        #[test]
        fn any_bytes_are_decoded_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for data_type in DataType::ALL {
                let _ = data_type.decode(&bytes);
            }
        }
    }
}
