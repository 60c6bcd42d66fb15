//! Models of published ops, each with a request whose answer is known.

use test_ops::{DataType, Tensor};

use crate::arrangement::{ReadyGraph, ReadyModel};
use crate::client::NamedTensor;

/// TorchVision: three boxes, of which the second overlaps the first by 9/11 of their union and has
/// the lower score: it is suppressed, and the others' indices come in the order of their scores.
pub fn non_maximum_suppression() -> ReadyModel {
    ReadyModel {
        graph: ReadyGraph::TorchScript(
            "def forward(self: __torch__.SampleModel,\n    boxes: Tensor,\n    scores: Tensor) -> \
             Tensor:\n  kept = ops.torchvision.nms(boxes, scores, 0.5)\n  return kept\n",
        ),
        inputs: vec![
            tensor(
                "boxes",
                DataType::Fp32,
                &[3, 4],
                &[
                    0.0, 0.0, 10.0, 10.0, //
                    1.0, 0.0, 11.0, 10.0, //
                    20.0, 20.0, 30.0, 30.0,
                ],
            ),
            tensor("scores", DataType::Fp32, &[3], &[0.8, 0.7, 0.9]),
        ],
        outputs: vec![tensor("y__0", DataType::Int64, &[2], &[2.0, 0.0])],
    }
}

/// ONNX Runtime extensions: the negative and the positive part of each number.
pub fn negative_and_positive() -> ReadyModel {
    ReadyModel {
        graph: ReadyGraph::Op {
            domain: "ai.onnx.contrib",
            name: "NegPos",
            types: &[],
        },
        inputs: vec![tensor("x", DataType::Fp32, &[4], &[1.5, -2.0, 0.0, -0.25])],
        outputs: vec![
            tensor("negative", DataType::Fp32, &[4], &[0.0, -2.0, 0.0, -0.25]),
            tensor("positive", DataType::Fp32, &[4], &[1.5, 0.0, 0.0, 0.0]),
        ],
    }
}

/// TensorFlow Text: the tree of two nodes with the largest sum, where the entry in row `t` and
/// column `s` is what the arc from `s` to `t` adds, and the one on the diagonal what a root does.
/// Node 1 as the root (7) and the arc from it to node 0 (5) add up to 12, the other way round 1 and
/// 2 do to 3. The root is its own source.
pub fn maximum_spanning_tree() -> ReadyModel {
    ReadyModel {
        graph: ReadyGraph::Op {
            domain: "",
            name: "MaxSpanningTree",
            types: &[("T", DataType::Fp32)],
        },
        inputs: vec![
            tensor("num_nodes", DataType::Int32, &[1], &[2.0]),
            tensor(
                "scores",
                DataType::Fp32,
                &[1, 2, 2],
                &[
                    1.0, 5.0, //
                    2.0, 7.0,
                ],
            ),
        ],
        outputs: vec![
            tensor("max_scores", DataType::Fp32, &[1], &[12.0]),
            tensor("argmax_sources", DataType::Int32, &[1, 2], &[1.0, 1.0]),
        ],
    }
}

fn tensor(name: &str, data_type: DataType, shape: &[usize], values: &[f64]) -> NamedTensor {
    NamedTensor {
        name: name.to_owned(),
        tensor: Tensor::new(data_type, shape, values.to_vec()),
    }
}
