//! Trace and log settings.

use serde_json::{Value, json};

use crate::exchange::{Exchange, call, get, http, post};
use crate::support::client::Request;

/// See the module.
pub fn exchanges() -> Vec<Exchange> {
    let mut all = traces();
    all.extend(logging());
    all
}

fn traces() -> Vec<Exchange> {
    const ALL: &str = "/v2/trace/setting";
    let mut all = vec![
        get("trace: told", ALL),
        get("trace: told of a model", "/v2/models/pair/trace/setting"),
        get(
            "trace: told of an unknown model",
            "/v2/models/nobody/trace/setting",
        ),
        post(
            "trace: of an unknown model",
            "/v2/models/nobody/trace/setting",
            json!({"trace_rate": "5"}),
        ),
        post(
            "trace: of a model",
            "/v2/models/pair/trace/setting",
            json!({"trace_rate": "5"}),
        ),
        post(
            "trace: of a model, back",
            "/v2/models/pair/trace/setting",
            json!({"trace_rate": null}),
        ),
        http("trace: no JSON", Request::post(ALL, "nothing")),
    ];
    for (what, body) in [
        ("nothing", Value::Null),
        ("an empty object", json!({})),
        ("a rate", json!({"trace_rate": "7"})),
        ("a rate that is a number", json!({"trace_rate": 7})),
        ("a rate that is no number", json!({"trace_rate": "x"})),
        ("a negative rate", json!({"trace_rate": "-2"})),
        ("a count", json!({"trace_count": "3"})),
        ("a count below -1", json!({"trace_count": "-2"})),
        ("a frequency", json!({"log_frequency": "3"})),
        (
            "back",
            json!({"trace_rate": null, "trace_count": null, "log_frequency": null}),
        ),
        ("a level", json!({"trace_level": ["OFF"]})),
        (
            "two levels with OFF",
            json!({"trace_level": ["OFF", "TIMESTAMPS"]}),
        ),
        ("an unknown level", json!({"trace_level": ["LOUD"]})),
        ("a level that is a text", json!({"trace_level": "OFF"})),
        ("TIMESTAMPS", json!({"trace_level": ["TIMESTAMPS"]})),
        ("OFF again", json!({"trace_level": ["OFF"]})),
        ("a file", json!({"trace_file": "/tmp/trace"})),
        ("an unknown setting", json!({"nothing": "3"})),
    ] {
        all.push(post(&format!("trace: {what}"), ALL, body));
    }
    for (what, settings) in [
        ("told", json!({})),
        ("a rate", json!({"trace_rate": {"value": ["7"]}})),
        ("two rates", json!({"trace_rate": {"value": ["7", "8"]}})),
        (
            "a rate that is no number",
            json!({"trace_rate": {"value": ["x"]}}),
        ),
        (
            "a count below -1",
            json!({"trace_count": {"value": ["-2"]}}),
        ),
        ("back", json!({"trace_rate": {"value": []}})),
        ("a level", json!({"trace_level": {"value": ["OFF"]}})),
        (
            "two levels with OFF",
            json!({"trace_level": {"value": ["OFF", "TIMESTAMPS"]}}),
        ),
        (
            "an unknown level",
            json!({"trace_level": {"value": ["LOUD"]}}),
        ),
        ("a file", json!({"trace_file": {"value": ["/tmp/trace"]}})),
        ("an unknown setting", json!({"nothing": {"value": ["3"]}})),
    ] {
        all.push(call(
            &format!("trace: {what}"),
            "TraceSetting",
            json!({"settings": settings}),
        ));
    }
    all.extend([
        call(
            "trace: told of a model",
            "TraceSetting",
            json!({"model_name": "pair"}),
        ),
        call(
            "trace: of an unknown model",
            "TraceSetting",
            json!({"model_name": "nobody"}),
        ),
    ]);
    all
}

fn logging() -> Vec<Exchange> {
    let mut all = vec![
        get("logging: told", "/v2/logging"),
        http("logging: no JSON", Request::post("/v2/logging", "nothing")),
    ];
    for (what, body) in [
        ("nothing", Value::Null),
        ("an empty object", json!({})),
        ("a level", json!({"log_verbose_level": 1})),
        ("a level that is a text", json!({"log_verbose_level": "1"})),
        ("a level below 0", json!({"log_verbose_level": -1})),
        ("a truth", json!({"log_warning": false})),
        ("a truth that is a number", json!({"log_warning": 1})),
        ("a format", json!({"log_format": "ISO8601"})),
        ("an unknown format", json!({"log_format": "x"})),
        ("a format that is a number", json!({"log_format": 1})),
        ("a file", json!({"log_file": "/tmp/log"})),
        ("an unknown setting", json!({"nothing": 3})),
        (
            "back",
            json!({"log_verbose_level": 0, "log_warning": true, "log_format": "default"}),
        ),
    ] {
        all.push(post(&format!("logging: {what}"), "/v2/logging", body));
    }
    for (what, settings) in [
        ("told", json!({})),
        ("a level", json!({"log_verbose_level": {"uint32_param": 1}})),
        (
            "a level that is a text",
            json!({"log_verbose_level": {"string_param": "1"}}),
        ),
        (
            "a truth that is a number",
            json!({"log_warning": {"uint32_param": 1}}),
        ),
        (
            "an unknown format",
            json!({"log_format": {"string_param": "x"}}),
        ),
        ("a file", json!({"log_file": {"string_param": "/tmp/log"}})),
        (
            "an unknown setting",
            json!({"nothing": {"bool_param": true}}),
        ),
        ("back", json!({"log_verbose_level": {"uint32_param": 0}})),
    ] {
        all.push(call(
            &format!("logging: {what}"),
            "LogSettings",
            json!({"settings": settings}),
        ));
    }
    all
}
