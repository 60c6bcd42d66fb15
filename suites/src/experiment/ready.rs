//! The files of ready models.

use std::fmt::Write as _;

use test_ops::{Format, Model, Node, TensorSpec, torch_script};

use crate::arrangement::{ReadyGraph, ReadyModel};
use crate::client::NamedTensor;

/// The content of the file of `ready`, whose name and format are those of `model`.
pub fn file(model: &Model, ready: &ReadyModel) -> Vec<u8> {
    match &ready.graph {
        ReadyGraph::TorchScript(source) => torch_script(source),
        ReadyGraph::Op {
            domain,
            name,
            types,
        } => {
            let node = Node {
                domain,
                op: name,
                types: types.to_vec(),
                inputs: specs(&ready.inputs),
                outputs: specs(&ready.outputs),
            };
            match model.format {
                Format::Onnx => node.to_onnx(),
                _ => node.to_graph_def(),
            }
        }
    }
}

/// The `config.pbtxt`: its tensors are those of the request and the answer.
pub fn configuration(model: &Model, ready: &ReadyModel, op_libraries: &[String]) -> String {
    let tensors = |tensors: &[NamedTensor]| -> String {
        specs(tensors)
            .iter()
            .map(
                |TensorSpec {
                     name,
                     data_type,
                     dims,
                 }| {
                    format!("  {{ name: \"{name}\" data_type: TYPE_{data_type} dims: {dims:?} }}\n")
                },
            )
            .collect::<Vec<_>>()
            .join(",")
    };
    let mut text = format!(
        "name: \"{}\"\nbackend: \"{}\"\nplatform: \"{}\"\nmax_batch_size: 0\ninput \
         [\n{}]\noutput [\n{}]\n",
        model.name,
        model.format.framework(),
        model.format.platform(),
        tensors(&ready.inputs),
        tensors(&ready.outputs)
    );
    if !op_libraries.is_empty() {
        text.push_str("model_operations {\n");
        for library in op_libraries {
            writeln!(text, "  op_library_filename: \"{library}\"")
                .expect("writing to a string does not fail");
        }
        text.push_str("}\n");
    }
    text
}

/// All axes are left to the request.
fn specs(tensors: &[NamedTensor]) -> Vec<TensorSpec> {
    tensors
        .iter()
        .map(|NamedTensor { name, tensor }| TensorSpec {
            name: name.clone(),
            data_type: tensor.data_type,
            dims: vec![-1; tensor.shape.len()],
        })
        .collect()
}
