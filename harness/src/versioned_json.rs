//! JSON files that say which version of their format they have.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a file cannot be read.
#[derive(Debug)]
pub enum Unreadable {
    /// It is not what it should be.
    Malformed(serde_json::Error),
    /// It has another version, this one.
    Version(u64),
}

/// Reads `text`, whose `schema_version` must be `version`.
///
/// # Errors
/// [`Unreadable`]. The version is looked at first: a file of another version is not malformed.
pub fn parse<T: DeserializeOwned>(text: &[u8], version: u32) -> Result<T, Unreadable> {
    let value: Value = serde_json::from_slice(text).map_err(Unreadable::Malformed)?;
    match value.get("schema_version").and_then(Value::as_u64) {
        Some(found) if found != u64::from(version) => Err(Unreadable::Version(found)),
        // From the text again: errors then tell the line and the column.
        _ => serde_json::from_slice(text).map_err(Unreadable::Malformed),
    }
}
