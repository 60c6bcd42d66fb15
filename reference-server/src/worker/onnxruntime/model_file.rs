//! The few parts of an ONNX file that are needed to tell which ops a model uses, and which of its
//! tensors declare a shape.
//!
//! Field numbers are those of `onnx.proto`, which is public and frozen. Everything else in the file
//! is skipped by the decoder.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use prost::Message;

use crate::worker::backend::RegisteredOp;

/// An ONNX model, as far as it is of interest here.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ModelFile {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    opset_imports: Vec<OpsetImport>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[derive(Clone, PartialEq, Message)]
struct Graph {
    #[prost(message, repeated, tag = "1")]
    nodes: Vec<Node>,
    #[prost(message, repeated, tag = "11")]
    inputs: Vec<ValueInfo>,
    #[prost(message, repeated, tag = "12")]
    outputs: Vec<ValueInfo>,
}

#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attributes: Vec<Attribute>,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(message, optional, tag = "6")]
    graph: Option<Graph>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<Graph>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "7")]
    nodes: Vec<Node>,
    #[prost(string, tag = "10")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct OpsetImport {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    value_type: Option<ValueType>,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(message, optional, tag = "1")]
    tensor: Option<TensorType>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorType {
    #[prost(message, optional, tag = "2")]
    shape: Option<Shape>,
}

#[derive(Clone, PartialEq, Message)]
struct Shape {}

impl ModelFile {
    /// Reads the file; `None` if it is no ONNX model.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        // SAFETY: the mapping is only read, and only here. A file that is cut short meanwhile would
        // end the worker; ONNX Runtime maps model files with the same consequence.
        let content = unsafe { memmap2::Mmap::map(&file) }.ok()?;
        Self::decode(content.as_ref()).ok()
    }

    /// The ops that the model uses and does not define itself, in subgraphs and functions too.
    pub(super) fn ops(&self) -> BTreeSet<RegisteredOp> {
        let mut ops = BTreeSet::new();
        if let Some(graph) = &self.graph {
            collect(&graph.nodes, &mut ops);
        }
        for function in &self.functions {
            collect(&function.nodes, &mut ops);
        }
        for function in &self.functions {
            ops.remove(&RegisteredOp {
                domain: standard_name(&function.domain).to_owned(),
                name: function.name.clone(),
                version: String::new(),
            });
        }
        ops
    }

    /// The opset version that the model imports for `domain`.
    pub(super) fn opset(&self, domain: &str) -> Option<i64> {
        self.opset_imports
            .iter()
            .find(|import| standard_name(&import.domain) == domain)
            .map(|import| import.version)
    }

    /// Whether the graph's input or output `name` declares a shape. ONNX Runtime shows a tensor of
    /// unknown rank like a scalar.
    pub(super) fn declares_shape(&self, name: &str) -> bool {
        self.graph
            .iter()
            .flat_map(|graph| graph.inputs.iter().chain(&graph.outputs))
            .filter(|value| value.name == name)
            .any(|value| {
                value
                    .value_type
                    .as_ref()
                    .and_then(|value_type| value_type.tensor.as_ref())
                    .is_some_and(|tensor| tensor.shape.is_some())
            })
    }
}

fn collect(nodes: &[Node], ops: &mut BTreeSet<RegisteredOp>) {
    for node in nodes {
        ops.insert(RegisteredOp {
            domain: standard_name(&node.domain).to_owned(),
            name: node.op_type.clone(),
            version: String::new(),
        });
        for attribute in &node.attributes {
            for graph in attribute.graph.iter().chain(&attribute.graphs) {
                collect(&graph.nodes, ops);
            }
        }
    }
}

/// ONNX's default domain has two names.
fn standard_name(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(domain: &str, op_type: &str) -> Node {
        Node {
            domain: domain.to_owned(),
            op_type: op_type.to_owned(),
            attributes: Vec::new(),
        }
    }

    fn op(domain: &str, name: &str) -> RegisteredOp {
        RegisteredOp {
            domain: domain.to_owned(),
            name: name.to_owned(),
            version: String::new(),
        }
    }

    #[test]
    fn finds_ops_in_subgraphs_and_functions_and_leaves_out_defined_ones() {
        let mut branch = node("", "If");
        branch.attributes.push(Attribute {
            graph: Some(Graph {
                nodes: vec![node("custom.ops", "BiasGelu")],
                ..Graph::default()
            }),
            graphs: vec![Graph {
                nodes: vec![node("local", "Twice")],
                ..Graph::default()
            }],
        });
        let model = ModelFile {
            graph: Some(Graph {
                nodes: vec![branch],
                ..Graph::default()
            }),
            functions: vec![Function {
                name: "Twice".to_owned(),
                domain: "local".to_owned(),
                nodes: vec![node("other.ops", "Half")],
            }],
            opset_imports: vec![OpsetImport {
                domain: String::new(),
                version: 17,
            }],
        };
        let read = ModelFile::decode(model.encode_to_vec().as_slice()).unwrap();
        assert_eq!(
            read.ops().into_iter().collect::<Vec<_>>(),
            [
                op("ai.onnx", "If"),
                op("custom.ops", "BiasGelu"),
                op("other.ops", "Half")
            ]
        );
        assert_eq!(read.opset("ai.onnx"), Some(17));
        assert_eq!(read.opset("custom.ops"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            if let Ok(model) = ModelFile::decode(bytes.as_slice()) {
                model.ops();
            }
        }
    }
}
