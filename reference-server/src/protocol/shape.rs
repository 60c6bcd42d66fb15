//! Shapes of tensors.

use smallvec::SmallVec;

use super::DataType;

/// Dimensions of a tensor, outermost first. Six of them fit without an allocation.
pub type Shape = SmallVec<[i64; 6]>;

/// Why a shape has no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A dimension is negative.
    #[error("dimension {index} is {value}, and a dimension must not be negative")]
    Negative {
        /// Position of the dimension.
        index: usize,
        /// Its value.
        value: i64,
    },
    /// The number of elements or of bytes does not fit.
    #[error("the tensor has more elements than can be addressed")]
    Overflow,
}

/// Number of elements of a tensor of this shape; 1 for a scalar.
///
/// # Errors
/// A negative dimension, or more than `i64::MAX` elements (also where another dimension is 0: the
/// product of the others is what a framework computes its strides from).
pub fn element_count(shape: &[i64]) -> Result<usize, ShapeError> {
    let mut count: i64 = 1;
    let mut empty = false;
    for (index, &value) in shape.iter().enumerate() {
        if value < 0 {
            return Err(ShapeError::Negative { index, value });
        }
        if value == 0 {
            empty = true;
        } else {
            count = count.checked_mul(value).ok_or(ShapeError::Overflow)?;
        }
    }
    if empty {
        return Ok(0);
    }
    usize::try_from(count).map_err(|_| ShapeError::Overflow)
}

/// Size in bytes of a tensor; `None` for [`DataType::Bytes`], whose size its elements decide.
///
/// # Errors
/// As [`element_count`], and where the size exceeds `isize::MAX`.
pub fn byte_size(data_type: DataType, shape: &[i64]) -> Result<Option<usize>, ShapeError> {
    let count = element_count(shape)?;
    let Some(element_size) = data_type.element_size() else {
        return Ok(None);
    };
    match count.checked_mul(element_size) {
        Some(size) if isize::try_from(size).is_ok() => Ok(Some(size)),
        _ => Err(ShapeError::Overflow),
    }
}

/// A shape as messages print it: `[-1,64]`.
pub fn display(shape: &[i64]) -> String {
    let dims: Vec<String> = shape.iter().map(i64::to_string).collect();
    format!("[{}]", dims.join(","))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_scalar_has_one_element_and_an_empty_tensor_none() {
        assert_eq!(element_count(&[]), Ok(1));
        assert_eq!(element_count(&[3, 0, 5]), Ok(0));
        assert_eq!(byte_size(DataType::Fp16, &[2, 3]), Ok(Some(12)));
        assert_eq!(byte_size(DataType::Bytes, &[2, 3]), Ok(None));
        assert_eq!(display(&[-1, 64]), "[-1,64]");
    }

    #[test]
    fn overflow_and_negative_dimensions_are_refused() {
        assert_eq!(element_count(&[i64::MAX, 2]), Err(ShapeError::Overflow));
        assert_eq!(element_count(&[i64::MAX, 2, 0]), Err(ShapeError::Overflow));
        assert_eq!(
            byte_size(DataType::Fp64, &[1 << 61]),
            Err(ShapeError::Overflow)
        );
        assert_eq!(
            element_count(&[2, -1]),
            Err(ShapeError::Negative {
                index: 1,
                value: -1
            })
        );
    }

    proptest! {
        #[test]
        fn agrees_with_wide_arithmetic(shape in prop::collection::vec(any::<i64>(), 0..8)) {
            match element_count(&shape) {
                Ok(count) => {
                    let wide = shape
                        .iter()
                        .try_fold(1_i128, |product, dim| product.checked_mul(i128::from(*dim)));
                    prop_assert_eq!(wide, Some(count as i128));
                }
                Err(ShapeError::Negative { index, .. }) => prop_assert!(shape[index] < 0),
                Err(ShapeError::Overflow) => prop_assert!(shape.iter().any(|dim| *dim > 1)),
            }
        }
    }
}
