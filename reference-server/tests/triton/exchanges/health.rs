//! What the servers and their models tell of themselves, and what is at no path.

use serde_json::{Value, json};

use crate::exchange::{Exchange, call, get, http, of_service, post};
use crate::support::client::Request;

/// The ways to name a model: what it is, name, version.
const NAMED: [(&str, &str, Option<&str>); 9] = [
    ("a model", "pair", None),
    ("version 1", "pair", Some("1")),
    ("an unknown version", "pair", Some("7")),
    ("version -1", "pair", Some("-1")),
    ("version 0", "pair", Some("0")),
    ("a version that is no number", "pair", Some("x")),
    (
        "a version beyond 64 bits",
        "pair",
        Some("99999999999999999999"),
    ),
    ("an unknown model", "nobody", None),
    ("a model that is not loaded", "idle", None),
];

/// See the module.
pub fn exchanges() -> Vec<Exchange> {
    let mut all = vec![
        get("live", "/v2/health/live"),
        get("ready", "/v2/health/ready"),
        get("server metadata", "/v2"),
        get("server metadata: a slash at the end", "/v2/"),
        call("live", "ServerLive", json!({})),
        call("ready", "ServerReady", json!({})),
        call("server metadata", "ServerMetadata", json!({})),
    ];
    for (what, name, version) in NAMED {
        let at = version.map_or_else(String::new, |version| format!("/versions/{version}"));
        for (subject, action) in [
            ("model metadata", ""),
            ("model ready", "/ready"),
            ("configuration", "/config"),
            ("statistics", "/stats"),
        ] {
            let path = format!("/v2/models/{name}{at}{action}");
            all.push(get(&format!("{subject}: {what}"), &path));
        }
        let message = json!({"name": name, "version": version.unwrap_or("")});
        for (subject, method) in [
            ("model metadata", "ModelMetadata"),
            ("model ready", "ModelReady"),
            ("configuration", "ModelConfig"),
            ("statistics", "ModelStatistics"),
        ] {
            all.push(call(&format!("{subject}: {what}"), method, message.clone()));
        }
    }
    all.extend([
        call("model metadata: no name", "ModelMetadata", json!({})),
        call("model ready: no name", "ModelReady", json!({})),
        call("configuration: no name", "ModelConfig", json!({})),
        get("statistics: all models", "/v2/models/stats"),
        call("statistics: all models", "ModelStatistics", json!({})),
        call(
            "statistics: a version of all models",
            "ModelStatistics",
            json!({"version": "1"}),
        ),
    ]);
    all.extend(nothing_there());
    let health = |name: &str, method: &str, message: Value| {
        of_service(
            name,
            format!("grpc.health.v1.Health/{method}"),
            vec![message],
        )
    };
    let service = json!({"service": "inference.GRPCInferenceService"});
    all.extend([
        health("health: the server", "Check", json!({})),
        health("health: the service", "Check", service),
        health(
            "health: an unknown service",
            "Check",
            json!({"service": "x"}),
        ),
        health("health: watch", "Watch", json!({})),
    ]);
    all
}

/// Unknown paths, wrong methods, unknown calls.
fn nothing_there() -> Vec<Exchange> {
    let mut all = Vec::new();
    for (what, path) in [
        ("the root", "/"),
        ("another version of the protocol", "/v1/models/pair"),
        ("an unknown path", "/v2/nothing"),
        ("health of nothing", "/v2/health/nothing"),
        ("an unknown action", "/v2/models/pair/nothing"),
        ("no model's name", "/v2/models"),
        ("versions without a number", "/v2/models/pair/versions"),
    ] {
        all.push(get(&format!("path: {what}"), path));
    }
    for (what, method, path) in [
        ("POST of live", "POST", "/v2/health/live"),
        ("POST of metadata", "POST", "/v2"),
        ("POST of model metadata", "POST", "/v2/models/pair"),
        ("GET of infer", "GET", "/v2/models/pair/infer"),
        ("PUT of infer", "PUT", "/v2/models/pair/infer"),
        ("DELETE of a model", "DELETE", "/v2/models/pair"),
        ("GET of the index", "GET", "/v2/repository/index"),
        ("GET of a load", "GET", "/v2/repository/models/idle/load"),
        (
            "POST of a region's status",
            "POST",
            "/v2/systemsharedmemory/status",
        ),
        (
            "GET of unregister",
            "GET",
            "/v2/systemsharedmemory/unregister",
        ),
        ("POST of statistics", "POST", "/v2/models/pair/stats"),
        ("PUT of logging", "PUT", "/v2/logging"),
    ] {
        let request = Request::post(path, "").with_method(method);
        all.push(http(&format!("method: {what}"), request));
    }
    all.push(post(
        "load: a load of no model",
        "/v2/repository/models//load",
        Value::Null,
    ));
    all.push(call("path: an unknown call", "NoSuchCall", json!({})));
    all.push(of_service(
        "path: an unknown service",
        "inference.NoSuchService/ServerLive".to_owned(),
        vec![json!({})],
    ));
    all
}
