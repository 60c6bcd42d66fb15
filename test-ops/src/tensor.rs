use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{DataType, reference};

/// A dense row-major tensor whose values are kept in `f64`, for inputs and expected outputs.
///
/// 64-bit integers are exact up to 2^53, which test data stays below.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Element type on the wire and in the framework.
    pub data_type: DataType,
    /// Extent of each axis, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The values in row-major order, each one representable in `data_type`.
    pub values: Vec<f64>,
}

/// Why two tensors are not the same result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// Element types differ.
    #[error("the data type is {actual}, expected {expected}")]
    DataType {
        /// What was received.
        actual: DataType,
        /// What the model declares.
        expected: DataType,
    },
    /// Shapes differ.
    #[error("the shape is {actual:?}, expected {expected:?}")]
    Shape {
        /// What was received.
        actual: Vec<usize>,
        /// What the reference maths yields.
        expected: Vec<usize>,
    },
    /// A value is outside the tolerance.
    #[error(
        "{count} of {total} values differ beyond the tolerance {tolerance:e}, first at element \
         {index}: {actual:e}, expected {expected:e}"
    )]
    Values {
        /// Number of differing values.
        count: usize,
        /// Number of values compared.
        total: usize,
        /// Row-major index of the first difference.
        index: usize,
        /// What was received there.
        actual: f64,
        /// What the reference maths yields there.
        expected: f64,
        /// Largest difference that would have been accepted there.
        tolerance: f64,
    },
}

impl Tensor {
    /// A tensor of `values`, each rounded to `data_type`.
    ///
    /// # Panics
    /// When `values` does not hold as many elements as `shape` says.
    pub fn new(data_type: DataType, shape: &[usize], values: Vec<f64>) -> Tensor {
        assert_eq!(
            shape.iter().product::<usize>(),
            values.len(),
            "values of a tensor of shape {shape:?}"
        );
        let values = values
            .into_iter()
            .map(|value| data_type.round(value))
            .collect();
        Tensor {
            data_type,
            shape: shape.to_vec(),
            values,
        }
    }

    /// Reproducible values uniform in `[low, high)`; integers for the integer types.
    pub fn random(data_type: DataType, shape: &[usize], low: f64, high: f64, seed: u64) -> Tensor {
        let mut generator = StdRng::seed_from_u64(seed);
        let values = (0..shape.iter().product())
            .map(|_| {
                let value: f64 = generator.random_range(low..high);
                if data_type.is_float() {
                    value
                } else {
                    value.floor()
                }
            })
            .collect();
        Tensor::new(data_type, shape, values)
    }

    /// The elements in little-endian order: the binary tensor extension's form, and ONNX raw data.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.values.len() * self.data_type.size());
        for &value in &self.values {
            match self.data_type {
                DataType::Fp32 => bytes.extend((value as f32).to_le_bytes()),
                DataType::Fp16 => bytes.extend(half::f16::from_f64(value).to_le_bytes()),
                DataType::Int32 => bytes.extend((value as i32).to_le_bytes()),
                DataType::Int64 => bytes.extend((value as i64).to_le_bytes()),
            }
        }
        bytes
    }

    /// Reads what [`Tensor::to_bytes`] writes; `None` where the length does not fit the shape.
    pub fn from_bytes(data_type: DataType, shape: &[usize], bytes: &[u8]) -> Option<Tensor> {
        let elements = shape
            .iter()
            .try_fold(1usize, |product, &extent| product.checked_mul(extent))?;
        if Some(bytes.len()) != elements.checked_mul(data_type.size()) {
            return None;
        }
        let values = match data_type {
            DataType::Fp32 => elements_of(bytes, |bytes| f64::from(f32::from_le_bytes(bytes))),
            DataType::Fp16 => elements_of(bytes, |bytes| half::f16::from_le_bytes(bytes).to_f64()),
            DataType::Int32 => elements_of(bytes, |bytes| f64::from(i32::from_le_bytes(bytes))),
            DataType::Int64 => elements_of(bytes, |bytes| i64::from_le_bytes(bytes) as f64),
        };
        Some(Tensor {
            data_type,
            shape: shape.to_vec(),
            values,
        })
    }

    /// Compares a received tensor with the expected one, within [`reference::Tolerance::of`] the
    /// data type. NaN equals NaN, an infinity equals itself.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, expected: &Tensor) -> Result<(), Mismatch> {
        self.compare_within(expected, reference::Tolerance::of(self.data_type))
    }

    /// The same within another tolerance.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare_within(
        &self,
        expected: &Tensor,
        tolerance: reference::Tolerance,
    ) -> Result<(), Mismatch> {
        if self.data_type != expected.data_type {
            return Err(Mismatch::DataType {
                actual: self.data_type,
                expected: expected.data_type,
            });
        }
        if self.shape != expected.shape {
            return Err(Mismatch::Shape {
                actual: self.shape.clone(),
                expected: expected.shape.clone(),
            });
        }
        let mut differing = self
            .values
            .iter()
            .zip(&expected.values)
            .enumerate()
            .filter(|&(_, (&actual, &expected))| !tolerance.accepts(actual, expected));
        let Some((index, (&actual, &expected))) = differing.next() else {
            return Ok(());
        };
        Err(Mismatch::Values {
            count: 1 + differing.count(),
            total: self.values.len(),
            index,
            actual,
            expected,
            tolerance: tolerance.at(expected),
        })
    }
}

fn elements_of<const SIZE: usize>(bytes: &[u8], read: impl Fn([u8; SIZE]) -> f64) -> Vec<f64> {
    let (elements, _) = bytes.as_chunks::<SIZE>();
    elements.iter().map(|&element| read(element)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn differences_are_told() {
        let expected = Tensor::new(DataType::Fp32, &[2], vec![1.0, 2.0]);
        assert_eq!(expected.compare(&expected), Ok(()));
        let shifted = Tensor::new(DataType::Fp32, &[2], vec![1.0, 9.0]);
        assert!(matches!(
            shifted.compare(&expected),
            Err(Mismatch::Values {
                count: 1,
                index: 1,
                ..
            })
        ));
        let longer = Tensor::new(DataType::Fp32, &[1, 2], vec![1.0, 2.0]);
        assert!(matches!(
            longer.compare(&expected),
            Err(Mismatch::Shape { .. })
        ));
        let half = Tensor::new(DataType::Fp16, &[2], vec![1.0, 2.0]);
        assert!(matches!(
            half.compare(&expected),
            Err(Mismatch::DataType { .. })
        ));
    }

    #[test]
    fn random_values_are_reproducible() {
        let draw = |seed| Tensor::random(DataType::Int32, &[64], -5.0, 5.0, seed);
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!(
            draw(1)
                .values
                .iter()
                .all(|value| value.fract() == 0.0 && (-5.0..5.0).contains(value))
        );
    }

    proptest! {
        #[test]
        fn bytes_round_trip(values in prop::collection::vec(-30000.0..30000.0f64, 0..50), kind in 0..4usize) {
            let tensor = Tensor::new(DataType::ALL[kind], &[values.len()], values);
            let read = Tensor::from_bytes(tensor.data_type, &tensor.shape, &tensor.to_bytes());
            prop_assert_eq!(read, Some(tensor));
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), shape in prop::collection::vec(any::<usize>(), 0..4), kind in 0..4usize) {
            let data_type = DataType::ALL[kind];
            if let Some(tensor) = Tensor::from_bytes(data_type, &shape, &bytes) {
                prop_assert_eq!(tensor.values.len() * data_type.size(), bytes.len());
            }
        }
    }
}
