//! The trace and logging extensions.

use super::answer::{Answer, json};
use crate::front::service::Service;
use crate::protocol::{log_setting, trace_setting};

/// `GET` and, with a body, `POST` of `/v2[/models/{name}]/trace/setting`.
///
/// # Errors
/// There is no such model, or a value is not one of its setting.
pub fn trace(service: &Service, model: Option<&str>, body: Option<&[u8]>) -> Answer {
    service.require_model(model)?;
    let settings = match body {
        None => service.traces.settings(model),
        Some(body) => service.traces.change(model, &trace_setting::parse(body)?)?,
    };
    Ok(json(&settings.json()))
}

/// `GET` and, with a body, `POST` of `/v2/logging`.
///
/// # Errors
/// A value is not one of its setting.
pub fn logging(service: &Service, body: Option<&[u8]>) -> Answer {
    let settings = match body {
        None => service.log.settings(),
        Some(body) => service.log.change(&log_setting::parse(body)?)?,
    };
    Ok(json(&settings))
}
