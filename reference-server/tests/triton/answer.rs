//! An answer as a list of fields, which can be compared one by one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The fields of an answer by their paths: `status`, `header content-type`, `body.inputs[0].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer(pub BTreeMap<String, String>);

impl Answer {
    /// Notes a field.
    pub fn note(&mut self, field: impl Into<String>, value: impl ToString) {
        self.0.insert(field.into(), value.to_string());
    }

    /// Whether it tells of a model that is being unloaded.
    pub fn is_on_its_way(&self) -> bool {
        self.0.values().any(|value| value == "UNLOADING")
    }

    /// What was answered instead of what was asked for: status and text.
    fn failure(&self) -> Option<String> {
        let status = self.0.get("status").or_else(|| self.0.get("code"))?;
        let text = self.0.get("body.error").or_else(|| self.0.get("error"));
        let text = text.map_or("", |text| text);
        (!matches!(&**status, "200" | "Ok")).then(|| format!("{status}, {text}"))
    }

    /// The fields in which two answers differ, with both values, `-` where there is none. Of a success
    /// and a failure that is all that differs.
    pub fn differences(&self, other: &Self) -> Vec<(String, String, String)> {
        let (one, two) = (self.failure(), other.failure());
        if one.is_some() != two.is_some() {
            let of = |failure: Option<String>| failure.unwrap_or_else(|| "success".to_owned());
            return vec![("outcome".to_owned(), of(one), of(two))];
        }
        let fields: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let value = |answer: &Self, field: &str| {
            let value = answer.0.get(field).map_or("-", |value| value);
            value.to_owned()
        };
        fields
            .into_iter()
            .map(|field| (field.clone(), value(self, field), value(other, field)))
            .filter(|(_, one, two)| one != two)
            .collect()
    }

    /// Notes every leaf of a JSON value under `path`.
    pub fn note_json(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    self.note_json(&format!("{path}.{name}"), value);
                }
            }
            // A set, whose order means nothing.
            Value::Array(items) if path.ends_with(".extensions") => {
                items
                    .iter()
                    .for_each(|item| self.note(format!("{path} {item}"), "there"));
            }
            Value::Array(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    self.note_json(&format!("{path}[{index}]"), item);
                }
            }
            Value::Number(_) if is_time(path) => self.note(path, "a time"),
            // 1 and 1.0 are one number.
            Value::Number(number) => self.note(path, number.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => self.note(path, text),
            leaf => self.note(path, leaf),
        }
    }
}

/// Whether a field's value is of the moment.
fn is_time(path: &str) -> bool {
    path.ends_with(".ns") || path.ends_with(".last_inference")
}

/// Bytes as text.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
