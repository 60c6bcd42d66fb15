//! Bodies of the shared-memory extension.

use serde::{Deserialize, Serialize};

use super::{RequestError, base64_text, diagnosis};
use crate::ipc::client_memory::{CUDA_HANDLE_BYTES, CudaHandle};

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
        Ok(Self {
            name: name.to_owned(),
            key: body.key.ok_or_else(|| missing("key"))?,
            offset: body.offset,
            byte_size: body.byte_size.ok_or_else(|| missing("byte_size"))?,
        })
    }
}

/// A registered region of CUDA memory: an entry of the answer to `GET /v2/cudasharedmemory/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CudaRegion {
    /// The name that clients use.
    pub name: String,
    /// What the client's process shares the memory with. Not told to anybody.
    #[serde(skip)]
    pub handle: CudaHandle,
    /// The GPU, counted from 0 as the server sees them.
    pub device_id: u32,
    /// Size of the region in bytes.
    pub byte_size: u64,
}

impl CudaRegion {
    /// Reads the body of `POST /v2/cudasharedmemory/region/{name}/register`.
    ///
    /// # Errors
    /// 400 where the body is no JSON object of that form, or names no handle, device or size.
    pub fn parse(name: Option<&str>, body: &[u8]) -> Result<Self, RequestError> {
        #[derive(Deserialize)]
        struct Body {
            raw_handle: Option<RawHandle>,
            device_id: Option<i64>,
            byte_size: Option<u64>,
        }
        #[derive(Deserialize)]
        struct RawHandle {
            b64: Option<String>,
        }
        let name = required_cuda_name(name)?;
        let body: Body =
            serde_json::from_slice(body).map_err(|error| diagnosis::unreadable(&error))?;
        let encoded = body.raw_handle.ok_or_else(|| missing("raw_handle"))?;
        let encoded = encoded.b64.ok_or_else(|| missing("raw_handle/b64"))?;
        let handle = base64_text::decode(&encoded).map_err(|_| {
            RequestError::invalid("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t")
        })?;
        Self::new(
            name,
            &handle,
            body.device_id.ok_or_else(|| missing("device_id"))?,
            body.byte_size.ok_or_else(|| missing("byte_size"))?,
        )
    }

    /// A region of what a client sent.
    ///
    /// # Errors
    /// 400 where the name is empty, the handle has not the length of one, or the device is no number of
    /// one.
    pub fn new(
        name: &str,
        handle: &[u8],
        device_id: i64,
        byte_size: u64,
    ) -> Result<Self, RequestError> {
        let name = required_cuda_name(Some(name))?;
        let refused = |reason: String| {
            RequestError::invalid(format!(
                "failed to register shared memory region '{name}': invalid args: {reason}"
            ))
        };
        Ok(Self {
            name: name.to_owned(),
            handle: handle.try_into().map_err(|_| {
                refused(format!(
                    "raw_handle has {} bytes, and a cudaIpcMemHandle_t has {CUDA_HANDLE_BYTES}",
                    handle.len()
                ))
            })?,
            device_id: u32::try_from(device_id)
                .map_err(|_| refused(format!("device_id {device_id} is no number of a GPU")))?,
            byte_size,
        })
    }
}

#[cold]
fn missing(field: &str) -> RequestError {
    RequestError::invalid(format!(
        "Shared memory register request has no '{field}' field"
    ))
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

/// The same for CUDA memory.
fn required_cuda_name(name: Option<&str>) -> Result<&str, RequestError> {
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        RequestError::invalid("'region name' is necessary to register cuda shared memory region")
    })
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine};

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
    #[test]
    fn a_cuda_registration_names_handle_device_and_size() {
        let handle = BASE64_STANDARD.encode([7; CUDA_HANDLE_BYTES]);
        let body = format!(r#"{{"raw_handle":{{"b64":"{handle}"}},"device_id":1,"byte_size":64}}"#);
        let region = CudaRegion::parse(Some("a"), body.as_bytes()).unwrap();
        assert_eq!(region.handle, [7; CUDA_HANDLE_BYTES]);
        assert_eq!(
            serde_json::to_string(&region).unwrap(),
            r#"{"name":"a","device_id":1,"byte_size":64}"#
        );
        for (name, body, expected) in [
            (None, "{}", "'region name' is necessary"),
            (Some("a"), "{}", "has no 'raw_handle' field"),
            (
                Some("a"),
                r#"{"raw_handle":{}}"#,
                "has no 'raw_handle/b64' field",
            ),
            (
                Some("a"),
                r#"{"raw_handle":{"b64":"!"}}"#,
                "must be a valid base64 encoded",
            ),
            (
                Some("a"),
                r#"{"raw_handle":{"b64":"AAAA"}}"#,
                "has no 'device_id' field",
            ),
            (
                Some("a"),
                r#"{"raw_handle":{"b64":"AAAA"},"device_id":0}"#,
                "has no 'byte_size' field",
            ),
            (
                Some("a"),
                r#"{"raw_handle":{"b64":"AAAA"},"device_id":0,"byte_size":1}"#,
                "raw_handle has 3 bytes, and a cudaIpcMemHandle_t has 64",
            ),
            (
                Some("a"),
                &body.replace(r#""device_id":1"#, r#""device_id":-1"#),
                "device_id -1 is no number of a GPU",
            ),
        ] {
            let error = CudaRegion::parse(name, body.as_bytes()).unwrap_err();
            assert_eq!(error.status(), 400);
            assert!(error.message.contains(expected), "{error}");
        }
    }
}
