//! SavedModels of TensorFlow, as far as the sample models need them: a graph with one signature,
//! without variables. Field numbers are those of the published `saved_model.proto` and
//! `meta_graph.proto`.

use std::collections::BTreeMap;

use prost::Message;

use super::graph_def::{self, GraphDef, TensorShapeProto};
use super::{Model, TensorSpec};

/// Path of the file in a model's folder.
pub(super) const FILE: &str = "saved_model.pb";

/// Version of the format; there is one.
const SCHEMA_VERSION: i64 = 1;

#[derive(Clone, PartialEq, Message)]
struct SavedModel {
    #[prost(int64, tag = "1")]
    saved_model_schema_version: i64,
    #[prost(message, repeated, tag = "2")]
    meta_graphs: Vec<MetaGraphDef>,
}

#[derive(Clone, PartialEq, Message)]
struct MetaGraphDef {
    #[prost(message, optional, tag = "1")]
    meta_info_def: Option<MetaInfoDef>,
    #[prost(message, optional, tag = "2")]
    graph_def: Option<GraphDef>,
    #[prost(btree_map = "string, message", tag = "5")]
    signature_def: BTreeMap<String, SignatureDef>,
}

#[derive(Clone, PartialEq, Message)]
struct MetaInfoDef {
    #[prost(string, repeated, tag = "4")]
    tags: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
struct SignatureDef {
    #[prost(btree_map = "string, message", tag = "1")]
    inputs: BTreeMap<String, TensorInfo>,
    #[prost(btree_map = "string, message", tag = "2")]
    outputs: BTreeMap<String, TensorInfo>,
    #[prost(string, tag = "3")]
    method_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct TensorInfo {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(int32, tag = "2")]
    dtype: i32,
    #[prost(message, optional, tag = "3")]
    tensor_shape: Option<TensorShapeProto>,
}

pub(super) fn encode(model: &Model) -> Vec<u8> {
    let signature = SignatureDef {
        inputs: tensors(&model.inputs()),
        outputs: tensors(&model.outputs()),
        method_name: "tensorflow/serving/predict".to_owned(),
    };
    SavedModel {
        saved_model_schema_version: SCHEMA_VERSION,
        meta_graphs: vec![MetaGraphDef {
            meta_info_def: Some(MetaInfoDef {
                tags: vec!["serve".to_owned()],
            }),
            graph_def: Some(graph_def::graph(model)),
            signature_def: [("serving_default".to_owned(), signature)].into(),
        }],
    }
    .encode_to_vec()
}

fn tensors(specs: &[TensorSpec]) -> BTreeMap<String, TensorInfo> {
    specs
        .iter()
        .map(|spec| {
            let info = TensorInfo {
                name: format!("{}:0", spec.name),
                dtype: graph_def::element_type(spec.data_type),
                tensor_shape: Some(graph_def::shape(&spec.dims)),
            };
            (spec.name.clone(), info)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Format, ParameterSource};
    use crate::{DataType, Op};

    #[test]
    fn the_signature_names_the_graphs_tensors() {
        let model = Model::new(Op::Modulo, DataType::Int64, &[-1], ParameterSource::Input)
            .in_format(Format::SavedModel);
        let decoded = SavedModel::decode(encode(&model).as_slice()).expect("what was encoded");
        let graph = &decoded.meta_graphs[0];
        let signature = &graph.signature_def["serving_default"];
        assert_eq!(
            signature.inputs.keys().collect::<Vec<_>>(),
            ["divisor", "x"]
        );
        assert_eq!(signature.outputs["y"].name, "y:0");
        assert_eq!(signature.outputs["y"].dtype, 9);
    }
}
