//! TensorFlow's protobuf messages, as far as they are used. Field numbers are those of the
//! published `.proto` files; what is not declared is skipped.

use std::collections::{BTreeMap, HashMap};

use prost::Message;

/// `SavedModel`, the content of `saved_model.pb`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct SavedModel {
    #[prost(message, repeated, tag = "2")]
    pub(super) meta_graphs: Vec<MetaGraphDef>,
}

/// `MetaGraphDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct MetaGraphDef {
    #[prost(message, optional, tag = "1")]
    pub(super) meta_info: Option<MetaInfoDef>,
    #[prost(message, optional, tag = "2")]
    pub(super) graph: Option<GraphDef>,
    #[prost(btree_map = "string, message", tag = "5")]
    pub(super) signatures: BTreeMap<String, SignatureDef>,
}

/// `MetaGraphDef.MetaInfoDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct MetaInfoDef {
    #[prost(string, repeated, tag = "4")]
    pub(super) tags: Vec<String>,
}

/// `SignatureDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct SignatureDef {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(super) inputs: BTreeMap<String, TensorInfo>,
    #[prost(btree_map = "string, message", tag = "2")]
    pub(super) outputs: BTreeMap<String, TensorInfo>,
}

/// `TensorInfo`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorInfo {
    /// `operation:result`; empty for sparse and composite tensors.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    #[prost(message, optional, tag = "3")]
    pub(super) shape: Option<TensorShape>,
}

/// `TensorShapeProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct TensorShape {
    #[prost(message, repeated, tag = "2")]
    pub(super) dims: Vec<Dim>,
    #[prost(bool, tag = "3")]
    pub(super) unknown_rank: bool,
}

/// `TensorShapeProto.Dim`
#[derive(Clone, PartialEq, Message)]
pub(super) struct Dim {
    #[prost(int64, tag = "1")]
    pub(super) size: i64,
}

/// `GraphDef`, the content of a frozen `model.graphdef`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct GraphDef {
    #[prost(message, repeated, tag = "1")]
    pub(super) nodes: Vec<NodeDef>,
    #[prost(message, optional, tag = "2")]
    pub(super) library: Option<FunctionDefLibrary>,
}

/// `NodeDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct NodeDef {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) op: String,
    /// `node`, `node:result` or `^node` (runs before, hands nothing over).
    #[prost(string, repeated, tag = "3")]
    pub(super) inputs: Vec<String>,
    #[prost(string, tag = "4")]
    pub(super) device: String,
    #[prost(map = "string, message", tag = "5")]
    pub(super) attributes: HashMap<String, AttrValue>,
}

/// `AttrValue`; a constant's tensor is not declared, hence skipped.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AttrValue {
    #[prost(message, optional, tag = "1")]
    pub(super) list: Option<AttrList>,
    /// An element type, where the attribute is one.
    #[prost(int32, optional, tag = "6")]
    pub(super) data_type: Option<i32>,
    #[prost(message, optional, tag = "7")]
    pub(super) shape: Option<TensorShape>,
    #[prost(message, optional, tag = "10")]
    pub(super) function: Option<FunctionName>,
}

/// `AttrValue.ListValue`
#[derive(Clone, PartialEq, Message)]
pub(super) struct AttrList {
    #[prost(int32, repeated, tag = "6")]
    pub(super) data_types: Vec<i32>,
    #[prost(message, repeated, tag = "9")]
    pub(super) functions: Vec<FunctionName>,
}

/// `NameAttrList`
#[derive(Clone, PartialEq, Message)]
pub(super) struct FunctionName {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

/// `FunctionDefLibrary`
#[derive(Clone, PartialEq, Message)]
pub(super) struct FunctionDefLibrary {
    #[prost(message, repeated, tag = "1")]
    pub(super) functions: Vec<FunctionDef>,
}

/// `FunctionDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct FunctionDef {
    #[prost(message, optional, tag = "1")]
    pub(super) signature: Option<OpDef>,
    #[prost(message, repeated, tag = "3")]
    pub(super) nodes: Vec<NodeDef>,
}

/// `OpList`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OpList {
    #[prost(message, repeated, tag = "1")]
    pub(super) ops: Vec<OpDef>,
}

/// `OpDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct OpDef {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, repeated, tag = "2")]
    pub(super) inputs: Vec<ArgDef>,
    #[prost(message, repeated, tag = "3")]
    pub(super) outputs: Vec<ArgDef>,
    #[prost(message, repeated, tag = "4")]
    pub(super) attributes: Vec<AttrDef>,
    #[prost(bool, tag = "17")]
    pub(super) is_stateful: bool,
}

/// `OpDef.ArgDef`: the element type is a type, an attribute, or an attribute that lists several.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ArgDef {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(int32, tag = "3")]
    pub(super) data_type: i32,
    #[prost(string, tag = "4")]
    pub(super) type_attribute: String,
    /// The attribute that says how many tensors these are.
    #[prost(string, tag = "5")]
    pub(super) number_attribute: String,
    #[prost(string, tag = "6")]
    pub(super) type_list_attribute: String,
    #[prost(bool, tag = "16")]
    pub(super) is_reference: bool,
}

/// `OpDef.AttrDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct AttrDef {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// `type`, `int`, `list(string)` and the like.
    #[prost(string, tag = "2")]
    pub(super) kind: String,
    #[prost(message, optional, tag = "3")]
    pub(super) default: Option<Literal>,
    #[prost(bool, tag = "5")]
    pub(super) has_minimum: bool,
    /// Of the number, or of the length of a list.
    #[prost(int64, tag = "6")]
    pub(super) minimum: i64,
    #[prost(message, optional, tag = "7")]
    pub(super) allowed: Option<Literal>,
}

/// `AttrValue` as it stands in the definition of an op. In models it may be as large as it likes,
/// so that [`AttrValue`] has less of it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Literal {
    #[prost(message, optional, tag = "1")]
    pub(super) list: Option<Literals>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) bytes: Option<Vec<u8>>,
    #[prost(int64, optional, tag = "3")]
    pub(super) integer: Option<i64>,
    #[prost(float, optional, tag = "4")]
    pub(super) float: Option<f32>,
    #[prost(bool, optional, tag = "5")]
    pub(super) boolean: Option<bool>,
    #[prost(int32, optional, tag = "6")]
    pub(super) data_type: Option<i32>,
    #[prost(message, optional, tag = "7")]
    pub(super) shape: Option<TensorShape>,
    #[prost(message, optional, tag = "10")]
    pub(super) function: Option<FunctionName>,
}

/// `AttrValue.ListValue`, likewise.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Literals {
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub(super) bytes: Vec<Vec<u8>>,
    #[prost(int64, repeated, tag = "3")]
    pub(super) integers: Vec<i64>,
    #[prost(float, repeated, tag = "4")]
    pub(super) floats: Vec<f32>,
    #[prost(bool, repeated, tag = "5")]
    pub(super) booleans: Vec<bool>,
    #[prost(int32, repeated, tag = "6")]
    pub(super) data_types: Vec<i32>,
    #[prost(message, repeated, tag = "7")]
    pub(super) shapes: Vec<TensorShape>,
    #[prost(message, repeated, tag = "9")]
    pub(super) functions: Vec<FunctionName>,
}

/// `KernelList`
#[derive(Clone, PartialEq, Message)]
pub(super) struct KernelList {
    #[prost(message, repeated, tag = "1")]
    pub(super) kernels: Vec<KernelDef>,
}

/// `KernelDef`
#[derive(Clone, PartialEq, Message)]
pub(super) struct KernelDef {
    #[prost(string, tag = "1")]
    pub(super) op: String,
    #[prost(string, tag = "2")]
    pub(super) device_type: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) constraints: Vec<AttrConstraint>,
    #[prost(string, tag = "5")]
    pub(super) label: String,
    #[prost(int32, tag = "6")]
    pub(super) priority: i32,
}

/// `KernelDef.AttrConstraint`
#[derive(Clone, PartialEq, Message)]
pub(super) struct AttrConstraint {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(message, optional, tag = "2")]
    pub(super) allowed: Option<AttrValue>,
}

/// `ConfigProto`
#[derive(Clone, PartialEq, Message)]
pub(super) struct ConfigProto {
    /// Most devices of each type; all where a type is not named.
    #[prost(map = "string, int32", tag = "1")]
    pub(super) device_count: HashMap<String, i32>,
    #[prost(int32, tag = "2")]
    pub(super) intra_op_threads: i32,
    /// Negative: operations run in the thread that calls.
    #[prost(int32, tag = "5")]
    pub(super) inter_op_threads: i32,
    #[prost(message, optional, tag = "6")]
    pub(super) gpu_options: Option<GpuOptions>,
    #[prost(bool, tag = "7")]
    pub(super) allow_soft_placement: bool,
    #[prost(bool, tag = "9")]
    pub(super) threads_per_session: bool,
}

/// `GPUOptions`
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct GpuOptions {
    /// Memory is taken as it is needed, not nearly all of it at once.
    #[prost(bool, tag = "4")]
    pub(super) allow_growth: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_declared_is_skipped() {
        // Node "n" of op "Const" with an attribute "value" that holds a tensor (field 8).
        let bytes = [
            &[0x0a, 24][..],
            &[0x0a, 1, b'n', 0x12, 5],
            b"Const",
            &[0x2a, 12, 0x0a, 5],
            b"value",
            &[0x12, 3, 0x42, 1, 0],
        ]
        .concat();
        let graph = GraphDef::decode(&bytes[..]);
        // The tensor's own content does not matter, the lengths do.
        let graph = graph.expect("a graph");
        assert_eq!(graph.nodes[0].op, "Const");
        assert_eq!(graph.nodes[0].attributes["value"], AttrValue::default());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            let _ = SavedModel::decode(&bytes[..]);
            let _ = GraphDef::decode(&bytes[..]);
            let _ = KernelList::decode(&bytes[..]);
            let _ = OpList::decode(&bytes[..]);
        }
    }
}
