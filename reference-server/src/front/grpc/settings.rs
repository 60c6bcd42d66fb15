//! The trace and log settings, as messages.

use proto::inference::log_settings_request::setting_value::ParameterChoice as Given;
use proto::inference::log_settings_response::SettingValue as LogValue;
use proto::inference::log_settings_response::setting_value::ParameterChoice as Told;
use proto::inference::trace_setting_response::SettingValue as TraceValue;
use proto::inference::{
    LogSettingsRequest, LogSettingsResponse, TraceSettingRequest, TraceSettingResponse,
};
use serde_json::{Map, Value};

use crate::front::service::Service;
use crate::protocol::RequestError;

/// Changes trace settings, where any are given, and tells all of them.
///
/// # Errors
/// There is no such model, or a value is not one of its setting.
pub fn trace(
    service: &Service,
    request: TraceSettingRequest,
) -> Result<TraceSettingResponse, RequestError> {
    let model = (!request.model_name.is_empty()).then_some(request.model_name.as_str());
    service.require_model(model)?;
    let given = request
        .settings
        .into_iter()
        .map(|(name, given)| (name, (!given.value.is_empty()).then_some(given.value)))
        .collect();
    let settings = service.traces.change(model, &given)?.told().into_iter();
    Ok(TraceSettingResponse {
        settings: settings
            .map(|(name, value)| (name.to_owned(), TraceValue { value: vec![value] }))
            .collect(),
    })
}

/// Changes settings of the log, where any are given, and tells all of them.
///
/// # Errors
/// A value is not one of its setting.
pub fn log(
    service: &Service,
    request: LogSettingsRequest,
) -> Result<LogSettingsResponse, RequestError> {
    let given: Map<String, Value> = request
        .settings
        .into_iter()
        .map(|(name, given)| {
            let value = match given.parameter_choice {
                Some(Given::BoolParam(value)) => Value::from(value),
                Some(Given::Uint32Param(value)) => Value::from(value),
                Some(Given::StringParam(value)) => Value::from(value),
                None => Value::Null,
            };
            (name, value)
        })
        .collect();
    let told = service.log.change(&given)?;
    let settings = [
        ("log_file", Told::StringParam(told.log_file)),
        ("log_info", Told::BoolParam(told.log_info)),
        ("log_warning", Told::BoolParam(told.log_warning)),
        ("log_error", Told::BoolParam(told.log_error)),
        (
            "log_verbose_level",
            Told::Uint32Param(told.log_verbose_level),
        ),
        ("log_format", Told::StringParam(told.log_format)),
    ];
    let value = |value| LogValue {
        parameter_choice: Some(value),
    };
    Ok(LogSettingsResponse {
        settings: settings
            .into_iter()
            .map(|(name, told)| (name.to_owned(), value(told)))
            .collect(),
    })
}
