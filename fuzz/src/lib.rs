//! What the targets share: a model whose tensors take every way through a request, what holds of every
//! request that is accepted, and randomness that is none.

pub mod random;

use reference_server::protocol::plan::{Plan, Source};
use reference_server::protocol::{DataType, Shape, Signature, TensorSpecification, shape};

/// Larger tensors are planned and not written: the server takes memory for them from an arena of a
/// fixed size.
const LARGEST: usize = 1 << 20;

/// A model with a batch dimension: numbers of an open and of a fixed shape, byte strings, a reshaped
/// and an optional input.
pub fn signature() -> Signature {
    let tensor = |name: &str, data_type, dims: &[i64]| TensorSpecification {
        name: name.to_owned(),
        data_type,
        dims: Shape::from_slice(dims),
        reshape: None,
        optional: false,
    };
    Signature {
        model: "m".to_owned(),
        max_batch_size: 8,
        inputs: vec![
            tensor("x", DataType::Fp32, &[-1, 4]),
            tensor("s", DataType::Bytes, &[-1]),
            TensorSpecification {
                reshape: Some(Shape::from_slice(&[])),
                ..tensor("one", DataType::Int64, &[1])
            },
            TensorSpecification {
                optional: true,
                ..tensor("flags", DataType::Bool, &[2, -1])
            },
        ],
        outputs: vec![
            tensor("y", DataType::Fp32, &[-1]),
            tensor("t", DataType::Bytes, &[-1]),
        ],
    }
}

/// Checks what holds of every accepted request, and writes its tensors; `section` is what follows the
/// JSON part.
///
/// # Panics
/// It does not hold.
pub fn follow(plan: &Plan<'_>, signature: &Signature, section: &[u8]) {
    assert!(plan.batch_size <= signature.max_batch_size);
    for output in &plan.outputs {
        assert!(output.index < signature.outputs.len());
    }
    for input in &plan.inputs {
        let name = &signature.inputs[input.index].name;
        if let Source::Section(range) = &input.source {
            assert!(range.start <= range.end && range.end <= section.len());
            assert_eq!(range.len(), input.byte_size);
        }
        if let Ok(Some(bytes)) = shape::byte_size(input.data_type, &input.shape) {
            assert_eq!(bytes, input.byte_size, "of tensor '{name}'");
        }
        if input.byte_size <= LARGEST {
            let mut target = vec![0; input.byte_size];
            // Its refusal is as good an answer as its success.
            let _ = input.write(section, &mut target, name, "model");
        }
    }
}
