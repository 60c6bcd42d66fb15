//! The logging extension: settings of the log, checked and reported as Triton does.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{ErrorKind, RequestError, diagnosis};

/// All settings, in the order in which Triton tells them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogSettings {
    /// The file; empty for standard error.
    pub log_file: String,
    /// Whether what goes on is told.
    pub log_info: bool,
    /// Whether warnings are told.
    pub log_warning: bool,
    /// Whether errors are told.
    pub log_error: bool,
    /// How much more is told.
    pub log_verbose_level: u32,
    /// The form of times: `default` or `ISO8601`.
    pub log_format: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            log_file: String::new(),
            log_info: true,
            log_warning: true,
            log_error: true,
            log_verbose_level: 0,
            log_format: "default".to_owned(),
        }
    }
}

impl LogSettings {
    /// These settings after a client's change, which gives values by name.
    ///
    /// # Errors
    /// 400 where a value has the wrong type, 501 for the file.
    pub fn changed(mut self, given: &Map<String, Value>) -> Result<Self, RequestError> {
        let wrong = |name: &str, expected: &str| {
            RequestError::invalid(format!("Unable to parse '{name}': {expected} is expected"))
        };
        for (name, value) in given {
            let flag = || value.as_bool().ok_or_else(|| wrong(name, "true or false"));
            match name.as_str() {
                "log_info" => self.log_info = flag()?,
                "log_warning" => self.log_warning = flag()?,
                "log_error" => self.log_error = flag()?,
                "log_verbose_level" => {
                    let level = value.as_u64().and_then(|level| u32::try_from(level).ok());
                    self.log_verbose_level =
                        level.ok_or_else(|| wrong(name, "a non-negative integer"))?;
                }
                "log_format" => match value.as_str() {
                    Some(format @ ("default" | "ISO8601")) => self.log_format = format.to_owned(),
                    Some(other) => {
                        return Err(RequestError::invalid(format!(
                            "invalid argument for log_format, got: {other}"
                        )));
                    }
                    None => return Err(wrong(name, "a string")),
                },
                "log_file" => {
                    return Err(RequestError::new(
                        ErrorKind::Unsupported,
                        "log file location can not be updated through network protocol",
                    ));
                }
                // As in Triton, what it does not know has no effect.
                _ => {}
            }
        }
        Ok(self)
    }
}

/// Reads the body of `POST /v2/logging`.
///
/// # Errors
/// 400 where it is no JSON object.
pub fn parse(body: &[u8]) -> Result<Map<String, Value>, RequestError> {
    serde_json::from_slice(body).map_err(|error| diagnosis::unreadable(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(body: &str) -> Result<LogSettings, RequestError> {
        LogSettings::default().changed(&parse(body.as_bytes())?)
    }

    #[test]
    fn settings_are_told_in_tritons_form() {
        let body = r#"{"log_verbose_level":1,"log_info":false,"log_format":"ISO8601","x":0}"#;
        assert_eq!(
            serde_json::to_string(&change(body).unwrap()).unwrap(),
            "{\"log_file\":\"\",\"log_info\":false,\"log_warning\":true,\"log_error\":true,\
             \"log_verbose_level\":1,\"log_format\":\"ISO8601\"}"
        );
    }

    #[test]
    fn wrong_values_are_refused() {
        for (body, expected) in [
            (r#"{"log_info":1}"#, "true or false"),
            (r#"{"log_verbose_level":-1}"#, "non-negative"),
            (r#"{"log_verbose_level":"1"}"#, "non-negative"),
            (
                r#"{"log_format":"x"}"#,
                "invalid argument for log_format, got: x",
            ),
            (
                r#"{"log_file":"x"}"#,
                "can not be updated through network protocol",
            ),
            ("3", "failed to parse the request JSON buffer"),
        ] {
            let error = change(body).unwrap_err();
            assert!(error.message.contains(expected), "{body}: {error}");
        }
    }
}
