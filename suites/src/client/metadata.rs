//! What a server tells of a model's tensors.

use serde::Deserialize;

use super::body::MalformedAnswer;

/// A model's inputs and outputs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ModelMetadata {
    /// Its inputs.
    #[serde(default)]
    pub inputs: Vec<TensorMetadata>,
    /// Its outputs.
    #[serde(default)]
    pub outputs: Vec<TensorMetadata>,
}

/// One tensor of a model, or of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// Its element type, such as `FP32`.
    pub datatype: String,
    /// Its extents; -1 where a request decides.
    pub shape: Vec<i64>,
}

impl std::fmt::Display for TensorMetadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.name, self.datatype, self.shape)
    }
}

/// The outputs that an answer to an inference request tells of, without their values.
///
/// # Errors
/// What about the answer is wrong.
pub fn output_metadata(
    body: &[u8],
    header_length: Option<usize>,
) -> Result<Vec<TensorMetadata>, MalformedAnswer> {
    #[derive(Deserialize)]
    struct Header {
        outputs: Vec<TensorMetadata>,
    }
    let json = header_length.map_or(Some(body), |length| body.get(..length));
    let json = json.ok_or_else(|| {
        MalformedAnswer(format!(
            "its JSON part is announced with {header_length:?} bytes, the whole body has {}",
            body.len()
        ))
    })?;
    let header: Header = serde_json::from_slice(json)
        .map_err(|error| MalformedAnswer(format!("its JSON part cannot be read: {error}")))?;
    Ok(header.outputs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn outputs_of_any_type_are_told() {
        let json = br#"{"outputs":[{"name":"y","datatype":"BYTES","shape":[2],"parameters":
            {"binary_data_size":9}},{"name":"z","datatype":"BF16","shape":[1,0]}]}"#;
        let mut body = json.to_vec();
        body.extend([0; 9]);
        let outputs = output_metadata(&body, Some(json.len())).unwrap();
        let told: Vec<String> = outputs.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["y BYTES [2]", "z BF16 [1, 0]"]);
        assert!(output_metadata(&body, Some(body.len() + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(
            body in proptest::collection::vec(any::<u8>(), 0..60),
            length in proptest::option::of(0usize..80),
        ) {
            prop_assert!(output_metadata(&body, length).is_err());
        }
    }
}
