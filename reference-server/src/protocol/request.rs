//! The JSON part of an inference request.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::{RequestError, Shape, diagnosis};

/// An inference request: what its JSON part says. Strings and tensor data point into that part.
#[derive(Debug, Default, Deserialize)]
pub struct InferenceRequest<'a> {
    /// The client's own identifier, echoed in the response.
    #[serde(borrow, default)]
    pub id: Option<Cow<'a, str>>,
    /// Parameters of the request.
    #[serde(borrow, default)]
    pub parameters: RequestParameters<'a>,
    /// Input tensors.
    #[serde(borrow, deserialize_with = "short_list")]
    pub inputs: SmallVec<[RequestInput<'a>; 2]>,
    /// Outputs that are wanted; empty for all of them.
    #[serde(borrow, default, deserialize_with = "short_list")]
    pub outputs: SmallVec<[RequestOutput<'a>; 2]>,
}

impl<'a> InferenceRequest<'a> {
    /// Reads the JSON part. Fields that the protocol does not know are skipped.
    ///
    /// # Errors
    /// 400 with the place in the text where it is no JSON, or the field that has a wrong type, is
    /// missing or contradicts another.
    pub fn parse(json: &'a [u8]) -> Result<Self, RequestError> {
        let request: Self =
            serde_json::from_slice(json).map_err(|error| diagnosis::explain(json, &error))?;
        if request.parameters.reserved {
            return Err(RequestError::invalid(
                "parameter keys starting with 'triton_' are reserved for Triton usage and should \
                 not be specified.",
            ));
        }
        for (key, value) in &request.parameters.other {
            if value.get().starts_with(['[', '{']) {
                return Err(RequestError::invalid(format!(
                    "parameter '{key}' has invalid type. It should be either 'int', 'bool', or \
                     'string'."
                )));
            }
        }
        for input in &request.inputs {
            input.check_one_source()?;
        }
        for output in &request.outputs {
            output.check_compatible()?;
        }
        Ok(request)
    }

    /// The id as text, `None` where it is absent or empty.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref().filter(|id| !id.is_empty())
    }
}

/// Parameters of an inference request. Those that the protocol gives a meaning have a field; the
/// others are kept as JSON text.
#[derive(Debug, Default)]
pub struct RequestParameters<'a> {
    /// Whether outputs that do not say otherwise come in binary.
    pub binary_data_output: bool,
    /// Priority level; 0 for the model's default.
    pub priority: u64,
    /// Time-out in the queue in microseconds; 0 for the model's default.
    pub timeout: u64,
    /// Correlation id of a sequence.
    pub sequence_id: Option<SequenceId<'a>>,
    /// First request of a sequence.
    pub sequence_start: bool,
    /// Last request of a sequence.
    pub sequence_end: bool,
    /// All other parameters, in the order in which they were given.
    pub other: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// A key of the reserved name space was given.
    pub(super) reserved: bool,
}

/// Correlation id of a sequence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum SequenceId<'a> {
    /// A number.
    Number(u64),
    /// A text.
    #[serde(borrow)]
    Text(Cow<'a, str>),
}

/// One input tensor of a request.
#[derive(Debug, Deserialize)]
pub struct RequestInput<'a> {
    /// Tensor name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Dimensions; the batch dimension included. Never negative.
    #[serde(deserialize_with = "shape")]
    pub shape: Shape,
    /// Name of the data type, as given.
    #[serde(borrow)]
    pub datatype: Cow<'a, str>,
    /// Where the data is, if it is not in `data`.
    #[serde(borrow, default)]
    pub parameters: TensorParameters<'a>,
    /// The elements in JSON: an array, flat or nested.
    #[serde(borrow, default)]
    pub data: Option<&'a RawValue>,
}

/// One requested output.
#[derive(Debug, Deserialize)]
pub struct RequestOutput<'a> {
    /// Tensor name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// How the output is wanted.
    #[serde(borrow, default)]
    pub parameters: TensorParameters<'a>,
}

/// Parameters of an input or of a requested output.
#[derive(Debug, Default)]
pub struct TensorParameters<'a> {
    /// Input: size of its data in the binary section of the body.
    pub binary_data_size: Option<u64>,
    /// Output: whether it comes in the binary section.
    pub binary_data: Option<bool>,
    /// Output: number of classes to return in place of the tensor; 0 for the tensor.
    pub classification: u64,
    /// Name of a registered shared-memory region that holds the tensor.
    pub shared_memory_region: Option<Cow<'a, str>>,
    /// Offset of the tensor in that region in bytes.
    pub shared_memory_offset: u64,
    /// Size of the tensor in that region in bytes.
    pub shared_memory_byte_size: u64,
}

impl RequestInput<'_> {
    /// An input has exactly one source of data.
    fn check_one_source(&self) -> Result<(), RequestError> {
        let sources = [
            (self.data.is_some(), "'data'"),
            (
                self.parameters.binary_data_size.is_some(),
                "'binary_data_size'",
            ),
            (
                self.parameters.shared_memory_region.is_some(),
                "'shared_memory_region'",
            ),
        ];
        if sources.iter().filter(|(set, _)| *set).count() == 1 {
            return Ok(());
        }
        let given: Vec<&str> = sources
            .iter()
            .filter_map(|(set, name)| set.then_some(*name))
            .collect();
        let given = if given.is_empty() {
            " no field is set".to_owned()
        } else {
            format!(" set {}", given.join(" "))
        };
        Err(RequestError::invalid(format!(
            "Input must set only one of the following fields: 'data', 'binary_data_size' in \
             'parameters', 'shared_memory_region' in 'parameters'. But{given} for input '{}'",
            self.name
        )))
    }
}

impl RequestOutput<'_> {
    fn check_compatible(&self) -> Result<(), RequestError> {
        let parameters = &self.parameters;
        if parameters.shared_memory_region.is_none() {
            return Ok(());
        }
        let other = if parameters.classification > 0 {
            "'classification'"
        } else if parameters.binary_data == Some(true) {
            "'binary_data'"
        } else {
            return Ok(());
        };
        Err(RequestError::invalid(format!(
            "Output can't set both 'shared_memory_region' and {other} (output '{}')",
            self.name
        )))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RequestParameters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parameters;

        impl<'de> Visitor<'de> for Parameters {
            type Value = RequestParameters<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut parameters = RequestParameters::default();
                while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
                    match &*key {
                        "binary_data_output" => parameters.binary_data_output = map.next_value()?,
                        "priority" => parameters.priority = map.next_value()?,
                        "timeout" => parameters.timeout = map.next_value()?,
                        "sequence_id" => parameters.sequence_id = Some(map.next_value()?),
                        "sequence_start" => parameters.sequence_start = map.next_value()?,
                        "sequence_end" => parameters.sequence_end = map.next_value()?,
                        _ => {
                            parameters.reserved |= key.starts_with("triton_");
                            parameters.other.push((key, map.next_value()?));
                        }
                    }
                }
                Ok(parameters)
            }
        }

        deserializer.deserialize_map(Parameters)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for TensorParameters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parameters;

        impl<'de> Visitor<'de> for Parameters {
            type Value = TensorParameters<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut parameters = TensorParameters::default();
                while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
                    match &*key {
                        "binary_data_size" => {
                            parameters.binary_data_size = Some(map.next_value()?);
                        }
                        "binary_data" => parameters.binary_data = Some(map.next_value()?),
                        "classification" => parameters.classification = map.next_value()?,
                        "shared_memory_region" => {
                            let Key(region) = map.next_value()?;
                            parameters.shared_memory_region = Some(region);
                        }
                        "shared_memory_offset" => {
                            parameters.shared_memory_offset = map.next_value()?;
                        }
                        "shared_memory_byte_size" => {
                            parameters.shared_memory_byte_size = map.next_value()?;
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(parameters)
            }
        }

        deserializer.deserialize_map(Parameters)
    }
}

/// A string that borrows unless it holds escapes (serde's own `Cow` always copies outside of
/// derived fields).
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// An array into a list that holds two elements without an allocation.
fn short_list<'de, D, T>(deserializer: D) -> Result<SmallVec<[T; 2]>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct List<T>(std::marker::PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = SmallVec<[T; 2]>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
            let mut list = SmallVec::new();
            while let Some(element) = sequence.next_element()? {
                list.push(element);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(List(std::marker::PhantomData))
}

/// Dimensions: integers from 0 to the largest `i64`.
fn shape<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
    struct Dimensions;

    impl<'de> Visitor<'de> for Dimensions {
        type Value = Shape;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array of dimensions")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Shape, A::Error> {
            let mut shape = Shape::new();
            while let Some(dim) = sequence.next_element::<u64>()? {
                let dim = i64::try_from(dim).map_err(|_| {
                    serde::de::Error::invalid_value(
                        serde::de::Unexpected::Unsigned(dim),
                        &"a dimension that fits 63 bits",
                    )
                })?;
                shape.push(dim);
            }
            Ok(shape)
        }
    }

    deserializer.deserialize_seq(Dimensions)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(json: &str) -> String {
        let error = InferenceRequest::parse(json.as_bytes()).unwrap_err();
        assert_eq!(error.status(), 400);
        error.message
    }

    #[test]
    fn a_binary_request_borrows_everything() {
        let json = br#"{"id":"7","parameters":{"binary_data_output":true,"priority":2,"mine":1},
            "inputs":[{"name":"X","shape":[1,16],"datatype":"FP32",
            "parameters":{"binary_data_size":64}}],"outputs":[{"name":"Y",
            "parameters":{"binary_data":true}}],"unknown":{"a":[]}}"#;
        let request = InferenceRequest::parse(json).unwrap();
        assert_eq!(request.id(), Some("7"));
        assert!(request.parameters.binary_data_output);
        assert_eq!(request.parameters.priority, 2);
        assert_eq!(request.parameters.other[0].1.get(), "1");
        let input = &request.inputs[0];
        assert!(matches!(input.name, Cow::Borrowed("X")));
        assert!(matches!(input.datatype, Cow::Borrowed("FP32")));
        assert_eq!(input.shape.as_slice(), [1, 16]);
        assert_eq!(input.parameters.binary_data_size, Some(64));
        assert_eq!(request.outputs[0].parameters.binary_data, Some(true));
    }

    #[test]
    fn json_data_stays_text() {
        let json = br#"{"inputs":[{"name":"a\"b","shape":[2],"datatype":"INT32","data":[1, 2]}]}"#;
        let request = InferenceRequest::parse(json).unwrap();
        assert_eq!(request.id(), None);
        assert_eq!(request.inputs[0].name, "a\"b");
        assert_eq!(request.inputs[0].data.unwrap().get(), "[1, 2]");
        assert!(request.outputs.is_empty());
    }

    #[test]
    fn messages_name_the_field() {
        for (json, expected) in [
            ("", "failed to parse the request JSON buffer"),
            ("{\"inputs\":[}", "failed to parse the request JSON buffer"),
            ("[]", "the request must be a JSON object"),
            ("{}", "Unable to parse 'inputs': the field is missing"),
            (
                r#"{"inputs":3}"#,
                "Unable to parse 'inputs': an array is expected, got 3",
            ),
            (
                r#"{"inputs":[{"shape":[1],"datatype":"FP32","data":[1]}]}"#,
                "Unable to parse 'inputs[0].name': the field is missing",
            ),
            (
                r#"{"inputs":[{"name":"X","shape":[1,-1],"datatype":"FP32","data":[1]}]}"#,
                "Unable to parse 'inputs[0].shape[1]' of 'X': a non-negative integer below 2^63 \
                 is expected, got -1",
            ),
            (
                r#"{"inputs":[{"name":"X","shape":[9223372036854775808],"datatype":"FP32","data":[1]}]}"#,
                "Unable to parse 'inputs[0].shape[0]' of 'X'",
            ),
            (
                r#"{"inputs":[{"name":"X","shape":[1],"datatype":7,"data":[1]}]}"#,
                "Unable to parse 'inputs[0].datatype' of 'X': a string is expected, got 7",
            ),
            (
                r#"{"inputs":[{"name":"X","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":"4"}}]}"#,
                "Unable to parse 'inputs[0].parameters.binary_data_size' of 'X'",
            ),
            (
                r#"{"parameters":{"priority":-1},"inputs":[]}"#,
                "Unable to parse 'parameters.priority'",
            ),
            (
                r#"{"parameters":{"triton_x":1},"inputs":[]}"#,
                "parameter keys starting with 'triton_' are reserved",
            ),
            (r#"{"id":5,"inputs":[]}"#, "Unable to parse 'id'"),
            (
                r#"{"inputs":[{"name":"X","shape":[1],"datatype":"FP32"}]}"#,
                "But no field is set for input 'X'",
            ),
            (
                r#"{"inputs":[{"name":"X","shape":[1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4}}]}"#,
                "But set 'data' 'binary_data_size' for input 'X'",
            ),
            (
                r#"{"inputs":[],"outputs":[{"name":"Y","parameters":{"shared_memory_region":"r","binary_data":true}}]}"#,
                "Output can't set both 'shared_memory_region' and 'binary_data'",
            ),
            (r#"{"inputs":[],"inputs":[]}"#, "duplicate field `inputs`"),
        ] {
            let message = message(json);
            assert!(message.contains(expected), "{json}\n{message}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = InferenceRequest::parse(&bytes);
        }

        #[test]
        fn arbitrary_edits_of_a_request_never_panic(
            at in 0_usize..160,
            with in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let mut json = br#"{"id":"7","parameters":{"priority":2},"inputs":[{"name":"X","shape":[1,16],"datatype":"FP32","data":[[1.5,null]]}],"outputs":[{"name":"Y"}]}"#.to_vec();
            let at = at.min(json.len());
            let end = (at + with.len()).min(json.len());
            json.splice(at..end, with);
            let _ = InferenceRequest::parse(&json);
        }
    }
}
