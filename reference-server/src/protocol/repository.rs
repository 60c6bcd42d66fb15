//! Bodies of the model repository extension.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{RequestError, base64_text};

/// What the parameters of a load that hold the content of a file begin with; behind it stands the file's path
/// in the model's folder.
pub const FILE: &str = "file:";

/// What a client is told that asks for a model in one repository.
pub const NO_REPOSITORY_NAME: &str = "'repository_name' specification is not supported: this server \
    looks for a model in all its repositories";

/// One entry of the answer to `POST /v2/repository/index`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IndexEntry {
    /// Model name.
    pub name: String,
    /// Version; absent for a model that was never loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `READY`, `LOADING`, `UNLOADING` or `UNAVAILABLE`; absent for a model that was never loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ModelState>,
    /// Why the model is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// State of one version of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ModelState {
    /// Not known yet.
    Unknown,
    /// It answers.
    Ready,
    /// It is not served, for the reason that stands beside.
    Unavailable,
    /// It is on its way to ready.
    Loading,
    /// It finishes what is in flight.
    Unloading,
}

impl ModelState {
    /// The name in answers: `READY`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Ready => "READY",
            Self::Unavailable => "UNAVAILABLE",
            Self::Loading => "LOADING",
            Self::Unloading => "UNLOADING",
        }
    }
}

/// Body of `POST /v2/repository/index`; an empty body lists everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexRequest {
    /// Whether only models that are ready are listed.
    pub ready: bool,
}

/// Body of `POST /v2/repository/models/X/load`, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadRequest {
    /// Model configuration in JSON that takes the place of the one in the repository.
    pub config: Option<String>,
    /// Files that take the place of the model's folder, each with its path in it: `1/model.onnx`. The paths
    /// are as the client gave them, and one may be there twice.
    pub files: Vec<(String, Bytes)>,
}

/// Body of `POST /v2/repository/models/X/unload`, understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnloadRequest {
    /// Whether models that only this one uses are unloaded too.
    pub unload_dependents: bool,
}

impl IndexRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 where it is no such JSON.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        if body.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let fields: BTreeMap<String, Value> =
            serde_json::from_slice(body).map_err(|error| unreadable("repository index", &error))?;
        let ready = match fields.get("ready") {
            None => false,
            Some(value) => truth("ready", value)?,
        };
        Ok(Self { ready })
    }
}

impl LoadRequest {
    /// Reads a body. Parameters that the protocol does not know are refused, as they would be
    /// ignored without a word otherwise.
    ///
    /// The content of a file is decoded from the body itself: the whole takes no more memory than the body and
    /// the files, unless the text has white space or escapes.
    ///
    /// # Errors
    /// 400 where it is no such JSON, a file is not in base64, the configuration is there twice, or files come
    /// without one.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut request = Self::default();
        for (key, value) in load_parameters(body)? {
            if key == "config" {
                let text = string(&key, value)?.into_owned();
                if request.config.replace(text).is_some() {
                    return Err(unparsable(&key, "it is given twice; give it once"));
                }
            } else if let Some(path) = key.strip_prefix(FILE) {
                let content = base64_text::decode(&string(&key, value)?)
                    .map_err(|error| unparsable(&key, format_args!("not valid base64: {error}")))?;
                request.files.push((path.to_owned(), content.into()));
            } else {
                return Err(RequestError::invalid(format!(
                    "unrecognized config override: '{key}'; a model load request may have the \
                     parameters 'config' and '{FILE}<version>/<file-name>'"
                )));
            }
        }
        request.check()?;
        Ok(request)
    }

    /// What is in it has to go together.
    ///
    /// # Errors
    /// 400 where files come without a configuration.
    pub fn check(&self) -> Result<(), RequestError> {
        if !self.files.is_empty() && self.config.is_none() {
            return Err(RequestError::invalid(
                "override model file requires parameter 'config' to be specified",
            ));
        }
        Ok(())
    }
}

impl UnloadRequest {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 where it is no such JSON.
    pub fn parse(body: &[u8]) -> Result<Self, RequestError> {
        let mut request = Self::default();
        for (key, value) in parameters(body, "model unload")? {
            if key == "unload_dependents" {
                request.unload_dependents = truth("unload_dependents", &value)?;
            }
        }
        Ok(request)
    }
}

/// The parameters of a load, in order, each with its value as it stands in the body.
#[derive(Default)]
struct LoadParameters<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for LoadParameters<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = LoadParameters<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut parameters = Vec::new();
                while let Some(parameter) = map.next_entry()? {
                    parameters.push(parameter);
                }
                Ok(LoadParameters(parameters))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn load_parameters(body: &[u8]) -> Result<Vec<(String, &RawValue)>, RequestError> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(default, borrow)]
        parameters: LoadParameters<'a>,
    }

    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice::<Body<'_>>(body)
        .map(|body| body.parameters.0)
        .map_err(|error| unreadable("model load", &error))
}

/// The text that a value is, without a copy where it has no escapes.
fn string<'a>(key: &str, value: &'a RawValue) -> Result<Cow<'a, str>, RequestError> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let text = value.get();
    serde_json::from_str::<Text<'a>>(text)
        .map(|text| text.0)
        .map_err(|_| unparsable(key, format_args!("a string is expected, got {text}")))
}

fn unparsable(key: &str, reason: impl std::fmt::Display) -> RequestError {
    RequestError::invalid(format!(
        "Unable to parse parameter '{key}' of the model load request: {reason}"
    ))
}

/// The `parameters` object of a body; empty where the body or the object is absent.
fn parameters(body: &[u8], what: &str) -> Result<BTreeMap<String, Value>, RequestError> {
    #[derive(Deserialize, Default)]
    struct Body {
        #[serde(default)]
        parameters: BTreeMap<String, Value>,
    }

    if body.trim_ascii().is_empty() {
        return Ok(BTreeMap::new());
    }
    serde_json::from_slice::<Body>(body)
        .map(|body| body.parameters)
        .map_err(|error| unreadable(what, &error))
}

fn truth(field: &str, value: &Value) -> Result<bool, RequestError> {
    value.as_bool().ok_or_else(|| {
        RequestError::invalid(format!(
            "Unable to parse '{field}': true or false is expected, got {value}"
        ))
    })
}

fn unreadable(what: &str, error: &serde_json::Error) -> RequestError {
    RequestError::invalid(format!(
        "failed to parse the {what} request JSON buffer: {error}"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_entry_leaves_out_what_is_not_known() {
        let never_loaded = IndexEntry {
            name: "m".into(),
            version: None,
            state: None,
            reason: None,
        };
        assert_eq!(
            serde_json::to_string(&never_loaded).unwrap(),
            r#"{"name":"m"}"#
        );
        for state in [
            ModelState::Unknown,
            ModelState::Ready,
            ModelState::Unavailable,
            ModelState::Loading,
            ModelState::Unloading,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        let ready = IndexEntry {
            version: Some("1".into()),
            state: Some(ModelState::Ready),
            reason: Some(String::new()),
            ..never_loaded
        };
        assert_eq!(
            serde_json::to_string(&ready).unwrap(),
            r#"{"name":"m","version":"1","state":"READY","reason":""}"#
        );
    }

    #[test]
    fn bodies_are_optional() {
        assert_eq!(IndexRequest::parse(b""), Ok(IndexRequest { ready: false }));
        assert_eq!(
            IndexRequest::parse(br#"{"ready":true}"#),
            Ok(IndexRequest { ready: true })
        );
        let wrong = IndexRequest::parse(br#"{"ready":"yes"}"#).unwrap_err();
        assert!(wrong.message.contains("'ready'"), "{}", wrong.message);
        assert_eq!(LoadRequest::parse(b"{}"), Ok(LoadRequest::default()));
        let unload = UnloadRequest::parse(br#"{"parameters":{"unload_dependents":true}}"#);
        assert!(unload.unwrap().unload_dependents);
    }

    #[test]
    fn a_load_carries_configuration_and_files() {
        let body = br#"{"parameters":{"config":"{}","file:1/model.onnx":"AAEC"}}"#;
        let request = LoadRequest::parse(body).unwrap();
        assert_eq!(request.config.as_deref(), Some("{}"));
        let path = "1/model.onnx".to_owned();
        let content = |bytes: &'static [u8]| Bytes::from_static(bytes);
        assert_eq!(request.files, [(path.clone(), content(&[0, 1, 2]))]);
        // A slash may be escaped, and files are told twice here that are there twice.
        let body =
            br#"{"id":1,"parameters":{"file:1\/model.onnx":"\/w==","file:1/model.onnx":"","config":"a\"b"}}"#;
        let request = LoadRequest::parse(body).unwrap();
        assert_eq!(request.config.as_deref(), Some("a\"b"));
        let both = [(path.clone(), content(&[255])), (path, content(&[]))];
        assert_eq!(request.files, both);
        for (body, expected) in [
            (r#"{"parameters":{"confg":"{}"}}"#, "'confg'"),
            (r#"{"parameters":{"config":{}}}"#, "a string is expected"),
            (
                r#"{"parameters":{"config":"{}","config":"{}"}}"#,
                "'config' of the model load request: it is given twice",
            ),
            (r#"{"parameters":{"config":"{}","file:a":3}}"#, "got 3"),
            (r#"{"parameters":{"config":"{}","file:a":"*"}}"#, "'file:a'"),
            (
                r#"{"parameters":{"file:a":"AA=="}}"#,
                "requires parameter 'config'",
            ),
            (
                r#"{"parameters":[]}"#,
                "failed to parse the model load request",
            ),
        ] {
            let message = LoadRequest::parse(body.as_bytes()).unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            let _ = IndexRequest::parse(&bytes);
            let _ = LoadRequest::parse(&bytes);
            let _ = UnloadRequest::parse(&bytes);
        }
    }
}
