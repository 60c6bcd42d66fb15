//! What the server and a model tell about themselves.

use serde::Serialize;

use super::{DataType, Shape, Signature, TensorSpecification};

/// The protocol extensions that the server has, by the names that Triton gives them.
pub const EXTENSIONS: [&str; 10] = [
    "binary_tensor_data",
    "classification",
    "cuda_shared_memory",
    "logging",
    "model_configuration",
    "model_repository",
    "parameters",
    "statistics",
    "system_shared_memory",
    "trace",
];

/// Body of `GET /v2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerMetadata {
    /// Name of the server.
    pub name: String,
    /// Version of the server.
    pub version: String,
    /// Protocol extensions that it has.
    pub extensions: Vec<String>,
}

/// Body of `GET /v2/models/X`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelMetadata {
    /// Model name.
    pub name: String,
    /// Versions that are served.
    pub versions: Vec<String>,
    /// Platform in Triton's vocabulary, `onnxruntime_onnx`.
    pub platform: String,
    /// Inputs; the batch dimension is listed as -1.
    pub inputs: Vec<TensorMetadata>,
    /// Outputs; the batch dimension is listed as -1.
    pub outputs: Vec<TensorMetadata>,
}

/// One tensor of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TensorMetadata {
    /// Tensor name.
    pub name: String,
    /// Element type.
    pub datatype: DataType,
    /// Dimensions, -1 where any size is allowed.
    #[serde(serialize_with = "dims")]
    pub shape: Shape,
}

impl ServerMetadata {
    /// The metadata of the server `name` with all [`EXTENSIONS`].
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            extensions: EXTENSIONS.map(str::to_owned).to_vec(),
        }
    }
}

impl ModelMetadata {
    /// The metadata of a model with this signature.
    pub fn new(signature: &Signature, versions: &[i64], platform: &str) -> Self {
        let tensors = |tensors: &[TensorSpecification]| {
            tensors
                .iter()
                .map(|tensor| TensorMetadata {
                    name: tensor.name.clone(),
                    datatype: tensor.data_type,
                    shape: signature.full_dims(tensor),
                })
                .collect()
        };
        Self {
            name: signature.model.clone(),
            versions: versions.iter().map(i64::to_string).collect(),
            platform: platform.to_owned(),
            inputs: tensors(&signature.inputs),
            outputs: tensors(&signature.outputs),
        }
    }
}

fn dims<S: serde::Serializer>(shape: &Shape, serializer: S) -> Result<S::Ok, S::Error> {
    shape.as_slice().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_tells_its_extensions() {
        let json = serde_json::to_value(ServerMetadata::new("s", "1")).unwrap();
        assert_eq!(
            (&json["name"], &json["version"]),
            (&"s".into(), &"1".into())
        );
        assert!(
            json["extensions"]
                .as_array()
                .unwrap()
                .contains(&"binary_tensor_data".into())
        );
    }

    #[test]
    fn the_batch_dimension_is_listed() {
        let signature = Signature {
            model: "m".into(),
            max_batch_size: 8,
            inputs: vec![TensorSpecification {
                name: "X".into(),
                data_type: DataType::Bytes,
                dims: Shape::from_slice(&[16]),
                reshape: None,
                optional: false,
            }],
            outputs: Vec::new(),
        };
        let metadata = ModelMetadata::new(&signature, &[1, 3], "onnxruntime_onnx");
        assert_eq!(
            serde_json::to_string(&metadata).unwrap(),
            concat!(
                r#"{"name":"m","versions":["1","3"],"platform":"onnxruntime_onnx","#,
                r#""inputs":[{"name":"X","datatype":"BYTES","shape":[-1,16]}],"outputs":[]}"#
            )
        );
    }
}
