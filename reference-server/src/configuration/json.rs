//! The JSON form of a model configuration, as `GET /v2/models/X/config` prints it.
//!
//! It is proto3 JSON with the fields' own names, in the order of their declaration, every field
//! listed, and with 64-bit integers as numbers. Two fields keep the strings that proto3 JSON has
//! for such integers, because Triton's printer leaves them alone: `device_id` of a secondary device
//! and the dimensions of a CUDA graph specification. Fields of a message that is not set, and
//! members of a choice that was not made, are left out.

use prost::Message as _;
use prost_reflect::{
    DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor,
    ReflectMessage as _, Value,
};
use proto::inference::ModelConfig;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};

use super::ConfigurationError;

/// The JSON form of `config`.
pub fn print(config: &ModelConfig) -> Vec<u8> {
    let message = DynamicMessage::decode(
        proto::model_config_descriptor(),
        config.encode_to_vec().as_slice(),
    )
    .expect("the message was encoded by the same declaration");
    serde_json::to_vec(&Message(&message)).expect("serialization into memory does not fail")
}

/// Reads the JSON form of the configuration of `model`.
///
/// # Errors
/// Where the text is no JSON, or names a field or value that does not exist: line, column and what
/// is wrong.
pub fn parse(json: &str, model: &str) -> Result<ModelConfig, ConfigurationError> {
    let refused = |message: String| ConfigurationError::Json {
        model: model.to_owned(),
        message,
    };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let message = DynamicMessage::deserialize_with_options(
        proto::model_config_descriptor(),
        &mut deserializer,
        &DeserializeOptions::new().deny_unknown_fields(true),
    )
    .map_err(|error| refused(error.to_string()))?;
    deserializer
        .end()
        .map_err(|error| refused(error.to_string()))?;
    message
        .transcode_to()
        .map_err(|error| refused(error.to_string()))
}

/// Serializes a message with all its fields.
struct Message<'a>(&'a DynamicMessage);

impl Serialize for Message<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = self.0.descriptor();
        let mut map = serializer.serialize_map(None)?;
        for field in declared_fields(&descriptor) {
            if field.supports_presence() && !self.0.has_field(&field) {
                continue;
            }
            map.serialize_entry(
                field.name(),
                &Element {
                    value: &self.0.get_field(&field),
                    field: &field,
                },
            )?;
        }
        map.end()
    }
}

/// The fields in the order in which the declaration lists them.
fn declared_fields(message: &MessageDescriptor) -> impl Iterator<Item = FieldDescriptor> + '_ {
    message
        .descriptor_proto()
        .field
        .iter()
        .filter_map(|field| message.get_field_by_name(field.name()))
}

/// Serializes the value of a field, or one element of a repeated one.
struct Element<'a> {
    value: &'a Value,
    field: &'a FieldDescriptor,
}

impl Serialize for Element<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let field = self.field;
        match self.value {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::U32(value) => serializer.serialize_u32(*value),
            Value::I64(value) if keeps_strings(field) => serializer.collect_str(value),
            Value::I64(value) => serializer.serialize_i64(*value),
            Value::U64(value) => serializer.serialize_u64(*value),
            Value::F32(value) => serializer.serialize_f32(*value),
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::String(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_bytes(value),
            Value::EnumNumber(number) => match field.kind() {
                Kind::Enum(declaration) => match declaration.get_value(*number) {
                    Some(value) => serializer.serialize_str(value.name()),
                    None => serializer.serialize_i32(*number),
                },
                _ => serializer.serialize_i32(*number),
            },
            Value::Message(message) => Message(message).serialize(serializer),
            Value::List(values) => {
                let mut sequence = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    sequence.serialize_element(&Element { value, field })?;
                }
                sequence.end()
            }
            Value::Map(values) => {
                let Kind::Message(entry) = field.kind() else {
                    return Err(serde::ser::Error::custom("a map has entries"));
                };
                let field = entry.map_entry_value_field();
                let mut entries: Vec<(String, &Value)> = values
                    .iter()
                    .map(|(key, value)| (key_text(key), value))
                    .collect();
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    let field = &field;
                    map.serialize_entry(&key, &Element { value, field })?;
                }
                map.end()
            }
        }
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn keeps_strings(field: &FieldDescriptor) -> bool {
    matches!(
        field.full_name(),
        "inference.ModelInstanceGroup.SecondaryDevice.device_id"
            | "inference.ModelOptimizationPolicy.Cuda.GraphSpec.Shape.dim"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::{super::text_format, *};

    fn config(text: &str) -> ModelConfig {
        text_format::parse(text, Path::new("m")).unwrap()
    }

    #[test]
    fn the_form_is_tritons() {
        let config = config(
            r#"name: "m" backend: "onnxruntime" max_batch_size: 8
            version_policy { latest { num_versions: 1 } }
            input { name: "X" data_type: TYPE_FP32 dims: [ -1, 16 ] }
            output { name: "Y" data_type: TYPE_STRING dims: 1 reshape { } }
            optimization { input_pinned_memory { enable: true } }
            dynamic_batching { preferred_batch_size: 8 max_queue_delay_microseconds: 100
              priority_queue_policy { key: 2 value { } } }
            instance_group { name: "m_0" kind: KIND_CPU count: 2 secondary_devices { device_id: 3 } }
            default_model_filename: "model.onnx"
            parameters { key: "b" value { string_value: "2" } }
            parameters { key: "a" value { string_value: "1" } }"#,
        );
        let expected = concat!(
            r#"{"name":"m","platform":"","backend":"onnxruntime","runtime":"","#,
            r#""version_policy":{"latest":{"num_versions":1}},"max_batch_size":8,"#,
            r#""input":[{"name":"X","data_type":"TYPE_FP32","format":"FORMAT_NONE","dims":[-1,16],"#,
            r#""is_shape_tensor":false,"allow_ragged_batch":false,"optional":false,"#,
            r#""is_non_linear_format_io":false}],"#,
            r#""output":[{"name":"Y","data_type":"TYPE_STRING","dims":[1],"reshape":{"shape":[]},"#,
            r#""label_filename":"","is_shape_tensor":false,"is_non_linear_format_io":false}],"#,
            r#""batch_input":[],"batch_output":[],"#,
            r#""optimization":{"priority":"PRIORITY_DEFAULT","input_pinned_memory":{"enable":true},"#,
            r#""gather_kernel_buffer_threshold":0,"eager_batching":false},"#,
            r#""dynamic_batching":{"preferred_batch_size":[8],"max_queue_delay_microseconds":100,"#,
            r#""preserve_ordering":false,"priority_levels":0,"default_priority_level":0,"#,
            r#""priority_queue_policy":{"2":{"timeout_action":"REJECT","#,
            r#""default_timeout_microseconds":0,"allow_timeout_override":false,"max_queue_size":0}}},"#,
            r#""instance_group":[{"name":"m_0","kind":"KIND_CPU","count":2,"gpus":[],"#,
            r#""secondary_devices":[{"kind":"KIND_NVDLA","device_id":"3"}],"profile":[],"#,
            r#""passive":false,"host_policy":""}],"default_model_filename":"model.onnx","#,
            r#""cc_model_filenames":{},"metric_tags":{},"#,
            r#""parameters":{"a":{"string_value":"1"},"b":{"string_value":"2"}},"model_warmup":[]}"#
        );
        assert_eq!(String::from_utf8(print(&config)).unwrap(), expected);
        assert_eq!(parse(expected, "m").unwrap(), config);
    }

    #[test]
    fn numbers_and_strings_are_both_read_as_64_bit_integers() {
        let json = r#"{"input":[{"name":"X","dims":["-1",16]}],"dynamicBatching":{}}"#;
        let config = parse(json, "m").unwrap();
        assert_eq!(config.input[0].dims, [-1, 16]);
    }

    #[test]
    fn errors_name_the_model_and_the_place() {
        for (json, expected) in [
            ("{", "line 1 column 1"),
            ("{} x", "line 1 column 4"),
            (r#"{"max_batchsize":1}"#, "max_batchsize"),
            (r#"{"input":[{"data_type":"TYPE_FP23"}]}"#, "TYPE_FP23"),
            (r#"{"max_batch_size":"x"}"#, "line 1"),
        ] {
            let message = parse(json, "m").unwrap_err().to_string();
            assert!(
                message.contains("'m'") && message.contains(expected),
                "{message}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,80}") {
            let _ = parse(&text, "m");
        }
    }
}
