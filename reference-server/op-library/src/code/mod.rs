//! What a library's machine code tells. It is decoded and never executed.

mod api_level;

pub(crate) use api_level::{ApiLevel, requested_api_level};
