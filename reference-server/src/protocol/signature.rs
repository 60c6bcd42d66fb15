//! What a loaded model takes and gives.

use super::{DataType, RequestError, Shape};

/// Inputs and outputs of a loaded model as a client sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Model name, for messages.
    pub model: String,
    /// 0: tensors have exactly the declared dimensions. Above: they have one more in front, the
    /// batch size, from 1 to this.
    pub max_batch_size: u32,
    /// Inputs in the configuration's order.
    pub inputs: Vec<TensorSpecification>,
    /// Outputs in the configuration's order.
    pub outputs: Vec<TensorSpecification>,
}

/// One input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpecification {
    /// Tensor name.
    pub name: String,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions without the batch dimension; -1 where any size is allowed.
    pub dims: Shape,
    /// Dimensions that the framework sees in place of `dims`, where they differ; as many -1 as
    /// `dims` has, in the same order.
    pub reshape: Option<Shape>,
    /// Whether a request may leave this input out.
    pub optional: bool,
}

impl Signature {
    /// Position and specification of the input `name`.
    pub fn input(&self, name: &str) -> Option<(usize, &TensorSpecification)> {
        find(&self.inputs, name)
    }

    /// Position and specification of the output `name`.
    pub fn output(&self, name: &str) -> Option<(usize, &TensorSpecification)> {
        find(&self.outputs, name)
    }

    /// Dimensions of a tensor with the batch dimension, -1 where it is open, as model metadata and
    /// messages print them.
    pub fn full_dims(&self, tensor: &TensorSpecification) -> Shape {
        let mut dims = Shape::new();
        if self.max_batch_size > 0 {
            dims.push(-1);
        }
        dims.extend_from_slice(&tensor.dims);
        dims
    }

    /// The shape that the framework gets for a client's tensor of shape `shape`. The shape must
    /// have passed [`plan`](super::plan::plan).
    pub fn framework_shape(&self, tensor: &TensorSpecification, shape: &[i64]) -> Shape {
        match &tensor.reshape {
            None => Shape::from_slice(shape),
            Some(reshape) => self
                .reshaped(&tensor.dims, reshape, shape)
                .unwrap_or_default(),
        }
    }

    /// The shape that the client gets for the framework's output of shape `shape`.
    ///
    /// # Errors
    /// The output has another number of dimensions than the configuration declares.
    pub fn client_shape(
        &self,
        tensor: &TensorSpecification,
        shape: &[i64],
    ) -> Result<Shape, RequestError> {
        let Some(reshape) = &tensor.reshape else {
            return Ok(Shape::from_slice(shape));
        };
        self.reshaped(reshape, &tensor.dims, shape).ok_or_else(|| {
            RequestError::internal(format!(
                "output '{}' of model '{}' has shape {}, which does not fit the reshape of the \
                 model configuration",
                tensor.name,
                self.model,
                super::shape::display(shape)
            ))
        })
    }

    /// `shape`, which matches the pattern `from`, arranged as `to`; `None` where it does not match.
    fn reshaped(&self, from: &[i64], to: &[i64], shape: &[i64]) -> Option<Shape> {
        let batch_dims = usize::from(self.max_batch_size > 0);
        let (batch, rest) = shape.split_at_checked(batch_dims)?;
        if rest.len() != from.len() {
            return None;
        }
        let mut open = from
            .iter()
            .zip(rest)
            .filter_map(|(pattern, dim)| (*pattern == -1).then_some(*dim));
        let mut result = Shape::from_slice(batch);
        for dim in to {
            result.push(if *dim == -1 { open.next()? } else { *dim });
        }
        Some(result)
    }
}

fn find<'a>(
    tensors: &'a [TensorSpecification],
    name: &str,
) -> Option<(usize, &'a TensorSpecification)> {
    tensors
        .iter()
        .enumerate()
        .find(|(_, tensor)| tensor.name == name)
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    fn signature(max_batch_size: u32, dims: &[i64], reshape: &[i64]) -> Signature {
        let tensor = TensorSpecification {
            name: "X".into(),
            data_type: DataType::Fp32,
            dims: Shape::from_slice(dims),
            reshape: Some(Shape::from_slice(reshape)),
            optional: false,
        };
        Signature {
            model: "m".into(),
            max_batch_size,
            inputs: vec![tensor.clone()],
            outputs: vec![tensor],
        }
    }

    #[test]
    fn a_reshape_keeps_the_batch_and_the_open_dimensions() {
        let batched = signature(8, &[-1, 6], &[2, -1, 3]);
        let tensor = &batched.inputs[0];
        let inside = batched.framework_shape(tensor, &[4, 5, 6]);
        assert_eq!(inside.as_slice(), [4, 2, 5, 3]);
        let outside = batched.client_shape(tensor, &inside).unwrap();
        assert_eq!(outside.as_slice(), [4, 5, 6]);
        assert_eq!(batched.full_dims(tensor), Shape::from_slice(&[-1, -1, 6]));
    }

    #[test]
    fn a_scalar_is_a_vector_of_one_outside() {
        let scalar = signature(0, &[1], &[]);
        let tensor = &scalar.inputs[0];
        assert_eq!(scalar.framework_shape(tensor, &[1]), Shape::new());
        let expected: Shape = smallvec![1];
        assert_eq!(scalar.client_shape(tensor, &[]), Ok(expected));
        assert!(scalar.client_shape(tensor, &[3]).is_err());
    }
}
