//! `config.pbtxt`: a model configuration in protobuf text format.

use std::path::Path;

use miette::Diagnostic as _;
use prost_reflect::{DynamicMessage, text_format::ParseError};
use proto::inference::ModelConfig;

use super::{ConfigurationError, error::nearest};

/// Name of the file in the model's folder.
pub const FILE_NAME: &str = "config.pbtxt";

/// Reads `text`, the content of `file`.
///
/// # Errors
/// Where the text is no text format or names a field or value that does not exist: line, column,
/// what is wrong and the nearest valid name.
pub fn parse(text: &str, file: &Path) -> Result<ModelConfig, ConfigurationError> {
    let descriptor = proto::model_config_descriptor();
    let (explicit, inserted) = colons_before_lists(text);
    let error = match DynamicMessage::parse_text_format(descriptor, &explicit) {
        Ok(message) => match message.transcode_to() {
            Ok(config) => return Ok(config),
            Err(error) => return Err(ConfigurationError::invalid(error.to_string())),
        },
        Err(error) => error,
    };
    let (line, column) = position(text, &inserted, &error);
    Err(ConfigurationError::Text {
        file: file.to_owned(),
        line,
        column,
        message: explain(&error),
    })
}

/// Line and column of an error, both counted from 1; the end of the text where the error has no
/// place of its own. `inserted` are the offsets in the parsed text of what `text` does not have.
fn position(text: &str, inserted: &[usize], error: &ParseError) -> (usize, usize) {
    let offset = error.labels().and_then(|mut labels| labels.next()).map_or(
        text.trim_end().len(),
        |label| {
            let parsed = label.offset();
            parsed - inserted.iter().filter(|offset| **offset < parsed).count()
        },
    );
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}

/// The text with a colon between each field name and the list that follows it, and the offsets of
/// the colons that were put in.
///
/// The text format lets a list of messages follow its field's name directly, `input [ { … } ]`,
/// and configurations are written so. The parser insists on the colon.
fn colons_before_lists(text: &str) -> (String, Vec<usize>) {
    #[derive(PartialEq)]
    enum Last {
        Name { end: usize },
        Colon,
        Other,
    }

    let bytes = text.as_bytes();
    let mut explicit = String::with_capacity(text.len() + 16);
    let mut inserted = Vec::new();
    let mut copied = 0;
    let mut last = Last::Other;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' => {
                while !matches!(bytes.get(at), None | Some(b'\n')) {
                    at += 1;
                }
            }
            b'"' | b'\'' => {
                at += 1;
                while let Some(&inside) = bytes.get(at) {
                    at += if inside == b'\\' { 2 } else { 1 };
                    if inside == byte || inside == b'\n' {
                        break;
                    }
                }
                last = Last::Other;
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                while matches!(
                    bytes.get(at),
                    Some(b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9')
                ) {
                    at += 1;
                }
                // A word behind a colon is a value.
                last = if last == Last::Colon {
                    Last::Other
                } else {
                    Last::Name { end: at }
                };
            }
            b'[' => {
                if let Last::Name { end } = last {
                    explicit.push_str(&text[copied..end]);
                    inserted.push(explicit.len());
                    explicit.push(':');
                    copied = end;
                }
                last = Last::Other;
                at += 1;
            }
            byte => {
                if byte == b':' {
                    last = Last::Colon;
                } else if !byte.is_ascii_whitespace() {
                    last = Last::Other;
                }
                at += 1;
            }
        }
    }
    explicit.push_str(&text[copied..]);
    (explicit, inserted)
}

/// The parser's message without the package's name, with its advice and the nearest valid name.
fn explain(error: &ParseError) -> String {
    let original = error.to_string();
    let mut message = original.replace("'inference.", "'");
    if let Some(help) = error.help() {
        message = format!("{message}: {help}");
    }
    match suggestion(&original) {
        Some(name) => format!("{message}; did you mean '{name}'?"),
        None => message,
    }
}

/// The parser tells unknown names only in its message: `'<name>' … '<message or enum>'`.
fn suggestion(message: &str) -> Option<String> {
    let mut quoted = message.split('\'').skip(1).step_by(2);
    let (name, parent) = (quoted.next()?, quoted.next()?);
    let pool = proto::descriptors();
    if let Some(parent) = pool.get_message_by_name(parent) {
        let fields: Vec<_> = parent.fields().collect();
        return nearest(name, fields.iter().map(|field| field.name())).map(str::to_owned);
    }
    let parent = pool.get_enum_by_name(parent)?;
    if parent.name() == "DataType" {
        let unknown = name.parse::<crate::protocol::DataType>();
        return Some(match unknown {
            Ok(data_type) => data_type.config_name().to_owned(),
            Err(unknown) => unknown
                .nearest
                .parse::<crate::protocol::DataType>()
                .map_or(unknown.nearest, crate::protocol::DataType::config_name)
                .to_owned(),
        });
    }
    let values: Vec<_> = parent.values().collect();
    nearest(name, values.iter().map(|value| value.name())).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(text: &str) -> String {
        parse(text, Path::new("m/config.pbtxt"))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_real_files_contain_parses() {
        let text = r#"
            # a comment
            name: "m" platform: 'onnxruntime_onnx',
            max_batch_size: 8;
            input [ { name: "X" data_type: TYPE_FP32 dims: [ -1, 16 ] reshape { shape: [ ] } },
                    < name: "Z", data_type: TYPE_STRING, dims: 1 > ]
            output { name: "Y" data_type: TYPE_FP16 dims: -1 label_filename: "labels.txt" }
            instance_group [ { count: 2 kind: KIND_CPU } ]
            version_policy: { specific { versions: [1, 3] } }
            dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100
                default_queue_policy { timeout_action: DELAY }
                priority_queue_policy { key: 1 value { max_queue_size: 3 } } }
            optimization { execution_accelerators { cpu_execution_accelerator : [ { name : "openvino" } ] }
                cuda { graphs: true } }
            parameters { key: "intra_op_thread_count" value { string_value: "1" } }
            parameters: [ { key: "a" value: { string_value: "b" "c" } } ]
            model_warmup [{ name: "w" batch_size: 1 inputs: { key: "X" value: { data_type: TYPE_FP32 dims: [16] zero_data: true } } }]
            model_operations { op_library_filename: [ "a.so", "b.so" ] }
            response_cache { enable: false }
            model_transaction_policy { decoupled: False }
        "#;
        let config = parse(text, Path::new("m/config.pbtxt")).unwrap();
        assert_eq!(config.input.len(), 2);
        assert_eq!(config.input[0].dims, [-1, 16]);
        assert_eq!(config.parameters["a"].string_value, "bc");
        assert_eq!(
            config.model_operations.unwrap().op_library_filename,
            ["a.so", "b.so"]
        );
    }

    #[test]
    fn sequences_and_ensembles_parse() {
        let text = r#"
            sequence_batching { oldest { max_candidate_sequences: 4 } control_input [ { name: "S"
              control [ { kind: CONTROL_SEQUENCE_START fp32_false_true: [ 0, 1 ] } ] } ]
              state [ { input_name: "i" output_name: "o" data_type: TYPE_INT32 dims: [ -1 ]
                initial_state: { data_type: TYPE_INT32 dims: [1] zero_data: true name: "z" } } ] }"#;
        assert!(parse(text, Path::new("m")).is_ok());
        let text = r#"platform: "ensemble" ensemble_scheduling { step [ { model_name: "a"
            model_version: -1 input_map { key: "x" value: "y" } output_map { key: "x" value: "y" } } ] }"#;
        assert!(parse(text, Path::new("m")).is_ok());
    }

    #[test]
    fn errors_tell_line_column_and_the_nearest_name() {
        for (text, expected) in [
            (
                "name: \"m\"\nmax_batchsize: 3\n",
                "m/config.pbtxt:2:1: field 'max_batchsize' not found for message 'ModelConfig'; \
                 did you mean 'max_batch_size'?",
            ),
            (
                "input [\n  { name: \"X\"\n    data_type: TYPE_FLOAT32 }\n]",
                "m/config.pbtxt:3:16: value 'TYPE_FLOAT32' was not found for enum 'DataType'; did \
                 you mean 'TYPE_FP32'?",
            ),
            ("input { data_type: FP32 }", "did you mean 'TYPE_FP32'?"),
            (
                "instance_group { kind: KIND_CPUS }",
                "did you mean 'KIND_CPU'?",
            ),
            ("input {\n  name: \"X\"\n", "m/config.pbtxt:2:12: "),
            ("max_batch_size: 3000000000", "m/config.pbtxt:1:17: "),
            ("name: 3", "m/config.pbtxt:1:7: "),
            ("näme: \"é\" @", "m/config.pbtxt:1:2: "),
            (
                "name: \"a\"\nname: \"b\"",
                "m/config.pbtxt:2:7: 'name' is already set",
            ),
        ] {
            let message = message(text);
            assert!(message.contains(expected), "{text}\n{message}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(\\PC|\n){0,80}") {
            let _ = parse(&text, Path::new("m"));
        }

        #[test]
        fn arbitrary_words_never_panic(
            words in prop::collection::vec(
                prop::sample::select(vec![
                    "input", "dims", "name", ":", "{", "}", "[", "]", ",", "\"x\"", "-1", "1e9",
                    "TYPE_FP32", "data_type", "\n", "#", "<", ">", "parameters", "key", "value",
                ]),
                0..24,
            )
        ) {
            let _ = parse(&words.join(" "), Path::new("m"));
        }
    }
}
