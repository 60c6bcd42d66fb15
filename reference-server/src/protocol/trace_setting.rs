//! The trace extension: settings of all models or of one, checked and reported as Triton does.

use serde_json::{Map, Value};

use super::{ErrorKind, RequestError, diagnosis};

/// What clients give: the values of each setting that they name, `None` to go back to the default.
pub type GivenSettings = Vec<(String, Option<Vec<String>>)>;

/// Settings that have a value of their own, over those that apply else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceSettings {
    /// `trace_level`: nothing can be traced here, so that the only one is `OFF`.
    pub off: Option<()>,
    /// `trace_rate`: one of so many requests.
    pub rate: Option<u32>,
    /// `trace_count`: traces that are left; -1 for no limit.
    pub count: Option<i32>,
    /// `log_frequency`: traces in a file; 0 for no limit.
    pub log_frequency: Option<u32>,
}

impl TraceSettings {
    /// These settings after a client's change.
    ///
    /// # Errors
    /// 400 where a value cannot be that of its setting, 501 for the trace file.
    pub fn changed(mut self, given: &GivenSettings) -> Result<Self, RequestError> {
        for (name, values) in given {
            match (name.as_str(), values) {
                ("trace_level", values) => {
                    self.off = values.as_deref().map(level).transpose()?;
                }
                ("trace_rate", values) => self.rate = one(name, values)?,
                ("trace_count", values) => {
                    self.count = one(name, values)?;
                    if let Some(count) = self.count.filter(|count| *count < -1) {
                        return Err(RequestError::invalid(format!(
                            "Unable to parse 'trace_count'. Expecting value >= -1, got:{count}"
                        )));
                    }
                }
                ("log_frequency", values) => self.log_frequency = one(name, values)?,
                ("trace_file", _) => {
                    return Err(RequestError::new(
                        ErrorKind::Unsupported,
                        "trace file location can not be updated through network protocol",
                    ));
                }
                // As in Triton, what it does not know has no effect.
                _ => {}
            }
        }
        Ok(self)
    }

    /// These settings, and those of `else_of` where they have none of their own.
    #[must_use]
    pub fn over(self, else_of: Self) -> Self {
        Self {
            off: self.off.or(else_of.off),
            rate: self.rate.or(else_of.rate),
            count: self.count.or(else_of.count),
            log_frequency: self.log_frequency.or(else_of.log_frequency),
        }
    }

    /// All settings as clients are told them, in Triton's order.
    pub fn told(&self) -> [(&'static str, String); 6] {
        [
            ("trace_level", "OFF".to_owned()),
            ("trace_rate", self.rate.unwrap_or(1000).to_string()),
            ("trace_count", self.count.unwrap_or(-1).to_string()),
            ("log_frequency", self.log_frequency.unwrap_or(0).to_string()),
            ("trace_file", String::new()),
            ("trace_mode", "triton".to_owned()),
        ]
    }

    /// The same as the body of an answer over HTTP.
    pub fn json(&self) -> Map<String, Value> {
        let told = self.told().into_iter();
        told.map(|(name, value)| {
            let value = match name {
                "trace_level" => Value::from(vec![value]),
                _ => Value::from(value),
            };
            (name.to_owned(), value)
        })
        .collect()
    }
}

/// Checks the levels that are asked for.
fn level(levels: &[String]) -> Result<(), RequestError> {
    const LEVELS: [&str; 5] = ["TIMESTAMPS", "TENSORS", "MIN", "MAX", "OFF"];
    if let Some(unknown) = levels
        .iter()
        .find(|level| !LEVELS.contains(&level.as_str()))
    {
        return Err(RequestError::invalid(format!(
            "Unable to parse 'trace_level', got: {unknown}"
        )));
    }
    match levels {
        [level] if level == "OFF" => Ok(()),
        levels if levels.iter().any(|level| level == "OFF") => Err(RequestError::invalid(
            "Expect only one trace level 'OFF' is specified",
        )),
        _ => Err(RequestError::invalid(
            "Attempting to set invalid trace setting :trace file name is not given; this server \
             writes no traces",
        )),
    }
}

/// The one value of a setting, as a number.
fn one<T: std::str::FromStr>(
    name: &str,
    values: &Option<Vec<String>>,
) -> Result<Option<T>, RequestError> {
    let Some(values) = values else {
        return Ok(None);
    };
    let [value] = values.as_slice() else {
        return Err(RequestError::invalid(format!(
            "expect only 1 value for '{name}'"
        )));
    };
    value
        .parse()
        .map(Some)
        .map_err(|_| RequestError::invalid(format!("Unable to parse '{name}', got: {value}")))
}

/// Reads the body of `POST /v2/trace/setting`.
///
/// # Errors
/// 400 where it is no JSON object of texts and lists of texts.
pub fn parse(body: &[u8]) -> Result<GivenSettings, RequestError> {
    let body: Map<String, Value> =
        serde_json::from_slice(body).map_err(|error| diagnosis::unreadable(&error))?;
    body.into_iter()
        .map(|(name, value)| {
            let values = match (&name[..], value) {
                (_, Value::Null) => None,
                ("trace_level", Value::Array(levels)) => {
                    let texts = levels.iter().map(|level| level.as_str().map(str::to_owned));
                    Some(texts.collect::<Option<_>>().ok_or_else(|| wrong(&name))?)
                }
                ("trace_level", _) => return Err(wrong(&name)),
                (_, Value::String(value)) => Some(vec![value]),
                ("trace_rate" | "trace_count" | "log_frequency", _) => return Err(wrong(&name)),
                // Not looked at.
                _ => None,
            };
            Ok((name, values))
        })
        .collect()
}

fn wrong(name: &str) -> RequestError {
    let expected = if name == "trace_level" {
        "an array of strings"
    } else {
        "a string"
    };
    RequestError::invalid(format!("Unable to parse '{name}': {expected} is expected"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(body: &str) -> Result<TraceSettings, RequestError> {
        TraceSettings::default().changed(&parse(body.as_bytes())?)
    }

    #[test]
    fn settings_are_told_in_tritons_form() {
        let changed = change(r#"{"trace_rate":"5","trace_count":"7","other":3}"#).unwrap();
        assert_eq!(
            Value::from(changed.json()),
            serde_json::json!({
                "trace_level": ["OFF"], "trace_rate": "5", "trace_count": "7",
                "log_frequency": "0", "trace_file": "", "trace_mode": "triton",
            })
        );
        let back = changed
            .changed(&parse(br#"{"trace_rate":null}"#).unwrap())
            .unwrap();
        assert_eq!((back.rate, back.count), (None, Some(7)));
        let model = change(r#"{"trace_rate":"9"}"#).unwrap().over(changed);
        assert_eq!((model.rate, model.count), (Some(9), Some(7)));
        assert_eq!(
            change(r#"{"trace_level":["OFF"]}"#).unwrap().told()[0].1,
            "OFF"
        );
    }

    #[test]
    fn wrong_values_are_refused() {
        for (body, expected) in [
            (
                r#"{"trace_rate":"x"}"#,
                "Unable to parse 'trace_rate', got: x",
            ),
            (
                r#"{"trace_rate":"-2"}"#,
                "Unable to parse 'trace_rate', got: -2",
            ),
            (r#"{"trace_rate":5}"#, "a string is expected"),
            (r#"{"trace_count":"-2"}"#, "Expecting value >= -1, got:-2"),
            (
                r#"{"trace_file":"/tmp/x"}"#,
                "can not be updated through network protocol",
            ),
            (
                r#"{"trace_level":["TIMESTAMPS"]}"#,
                "trace file name is not given",
            ),
            (
                r#"{"trace_level":["OFF","TENSORS"]}"#,
                "only one trace level 'OFF'",
            ),
            (r#"{"trace_level":["LOUD"]}"#, "got: LOUD"),
            (
                r#"{"trace_level":"OFF"}"#,
                "an array of strings is expected",
            ),
            ("[]", "failed to parse the request JSON buffer"),
        ] {
            let error = change(body).unwrap_err();
            assert!(error.message.contains(expected), "{body}: {error}");
        }
        let two = vec![("trace_rate".into(), Some(vec!["1".into(), "2".into()]))];
        let error = TraceSettings::default().changed(&two).unwrap_err();
        assert_eq!(error.message, "expect only 1 value for 'trace_rate'");
    }
}
