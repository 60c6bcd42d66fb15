//! Bodies of the shared-memory extension.

use serde::{Deserialize, Serialize};

use super::{RequestError, diagnosis};

/// A registered region of system shared memory: an entry of the answer to
/// `GET /v2/systemsharedmemory/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SystemRegion {
    /// The name that clients use.
    pub name: String,
    /// The name of the POSIX shared-memory object.
    pub key: String,
    /// Where in the object the region begins, in bytes.
    pub offset: u64,
    /// Size of the region in bytes.
    pub byte_size: u64,
}

impl SystemRegion {
    /// Reads the body of `POST /v2/systemsharedmemory/region/{name}/register`.
    ///
    /// # Errors
    /// 400 where the body is no JSON object of that form, or names no key or no size.
    pub fn parse(name: Option<&str>, body: &[u8]) -> Result<Self, RequestError> {
        #[derive(Deserialize)]
        struct Body {
            key: Option<String>,
            #[serde(default)]
            offset: u64,
            byte_size: Option<u64>,
        }
        let name = required_name(name)?;
        let body: Body =
            serde_json::from_slice(body).map_err(|error| diagnosis::unreadable(&error))?;
        let missing = |field: &str| {
            RequestError::invalid(format!(
                "Shared memory register request has no '{field}' field"
            ))
        };
        Ok(Self {
            name: name.to_owned(),
            key: body.key.ok_or_else(|| missing("key"))?,
            offset: body.offset,
            byte_size: body.byte_size.ok_or_else(|| missing("byte_size"))?,
        })
    }
}

/// The name under which system shared memory is to be registered.
///
/// # Errors
/// 400 where there is none.
pub fn required_name(name: Option<&str>) -> Result<&str, RequestError> {
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        RequestError::invalid("'region name' is necessary to register system shared memory region")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_names_key_and_size() {
        let body = br#"{"key":"/k","offset":8,"byte_size":64,"more":1}"#;
        let region = SystemRegion::parse(Some("a"), body).unwrap();
        assert_eq!(
            serde_json::to_string(&region).unwrap(),
            r#"{"name":"a","key":"/k","offset":8,"byte_size":64}"#
        );
        let without = SystemRegion::parse(Some("a"), br#"{"key":"/k","byte_size":64}"#).unwrap();
        assert_eq!(without.offset, 0);
        for (name, body, expected) in [
            (None, "{}", "'region name' is necessary"),
            (Some(""), "{}", "'region name' is necessary"),
            (Some("a"), "{}", "has no 'key' field"),
            (Some("a"), r#"{"key":"/k"}"#, "has no 'byte_size' field"),
            (
                Some("a"),
                r#"{"key":"/k","byte_size":-1}"#,
                "invalid value: integer `-1`",
            ),
            (
                Some("a"),
                r#"{"key":"/k","byte_size":18446744073709551616}"#,
                "u64",
            ),
            (Some("a"), r#"{"key":3,"byte_size":1}"#, "a string"),
            (
                Some("a"),
                "nothing",
                "failed to parse the request JSON buffer",
            ),
        ] {
            let error = SystemRegion::parse(name, body.as_bytes()).unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(error.message.contains(expected), "{error}");
        }
    }
}
