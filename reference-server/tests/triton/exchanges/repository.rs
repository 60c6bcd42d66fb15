//! The model repository: what is there, loads and unloads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::exchange::{Exchange, call, get, http, post};
use crate::support::client::Request;

/// A configuration of `idle` for both servers: each completes it with its own backend.
const CONFIGURATION: &str = r#"{"name": "idle", "max_batch_size": 0, "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1]}], "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [-1]}], "parameters": {"mine": {"string_value": "of the load"}}}"#;

/// See the module.
pub fn exchanges() -> Vec<Exchange> {
    let mut all = over_http();
    all.extend(over_grpc());
    all.extend([
        // The inferences above are counted.
        get(
            "statistics: of a model that was used",
            "/v2/models/strings/stats",
        ),
        call(
            "statistics: of a model that was used",
            "ModelStatistics",
            json!({"name": "strings"}),
        ),
    ]);
    all
}

fn over_http() -> Vec<Exchange> {
    const INDEX: &str = "/v2/repository/index";
    let of = |model: &str, action: &str| format!("/v2/repository/models/{model}/{action}");
    let parameters = |value: Value| json!({"parameters": value});
    let load = |what: &str, model: &str, body: Value| {
        post(&format!("load: {what}"), &of(model, "load"), body)
    };
    let unload = |what: &str, model: &str, body: Value| {
        post(&format!("unload: {what}"), &of(model, "unload"), body)
    };
    let file = STANDARD.encode("nothing");
    vec![
        post("index", INDEX, Value::Null),
        post("index: what is ready", INDEX, json!({"ready": true})),
        post("index: ready that is a number", INDEX, json!({"ready": 1})),
        http("index: no JSON", Request::post(INDEX, "nothing")),
        post(
            "index: a repository",
            "/v2/repository/mine/index",
            Value::Null,
        ),
        load("an unknown model", "nobody", Value::Null),
        unload("an unknown model", "nobody", Value::Null),
        unload("a model that is not loaded", "idle", Value::Null),
        load("a model that is broken", "broken", Value::Null),
        get("ready: after a failed load", "/v2/health/ready"),
        get(
            "model ready: after a failed load",
            "/v2/models/broken/ready",
        ),
        get("model metadata: after a failed load", "/v2/models/broken"),
        post("index: after a failed load", INDEX, Value::Null),
        unload("a model that is broken", "broken", Value::Null),
        load("a model", "idle", Value::Null),
        load("a loaded model", "idle", Value::Null),
        load("a body that is empty", "idle", json!({})),
        http(
            "load: no JSON",
            Request::post(of("idle", "load"), "nothing"),
        ),
        load(
            "an unknown parameter",
            "idle",
            parameters(json!({"nothing": "x"})),
        ),
        load(
            "parameters that are no object",
            "idle",
            parameters(json!(3)),
        ),
        load(
            "a configuration that is an object",
            "idle",
            parameters(json!({"config": {}})),
        ),
        load(
            "a configuration that is no JSON",
            "idle",
            parameters(json!({"config": "nothing"})),
        ),
        load(
            "a configuration",
            "idle",
            parameters(json!({"config": CONFIGURATION})),
        ),
        get(
            "configuration: as the load gave it",
            "/v2/models/idle/config",
        ),
        load(
            "a file without a configuration",
            "idle",
            parameters(json!({"file:1/model.x": file})),
        ),
        load(
            "a file that is no base64",
            "idle",
            parameters(json!({"config": CONFIGURATION, "file:1/model.x": "?"})),
        ),
        load("the model as it was", "idle", Value::Null),
        post(
            "load: a repository",
            "/v2/repository/mine/models/idle/load",
            Value::Null,
        ),
        http(
            "unload: no JSON",
            Request::post(of("idle", "unload"), "nothing"),
        ),
        unload(
            "dependents that are a number",
            "idle",
            parameters(json!({"unload_dependents": 1})),
        ),
        unload(
            "a model",
            "idle",
            parameters(json!({"unload_dependents": true})),
        ),
        unload("an unloaded model", "idle", Value::Null),
        post("index: after an unload", INDEX, Value::Null),
        get("model ready: after an unload", "/v2/models/idle/ready"),
        get("model metadata: after an unload", "/v2/models/idle"),
        get("configuration: after an unload", "/v2/models/idle/config"),
        get("statistics: after an unload", "/v2/models/idle/stats"),
        post(
            "infer: after an unload",
            "/v2/models/idle/infer",
            json!({"inputs": []}),
        ),
    ]
}

fn over_grpc() -> Vec<Exchange> {
    let load = |what: &str, model: &str, parameters: Value| {
        let message = json!({"model_name": model, "parameters": parameters});
        call(&format!("load: {what}"), "RepositoryModelLoad", message)
    };
    let unload = |what: &str, model: &str| {
        call(
            &format!("unload: {what}"),
            "RepositoryModelUnload",
            json!({"model_name": model}),
        )
    };
    let named = |name: &str| json!({"name": name});
    vec![
        call("index", "RepositoryIndex", json!({})),
        call(
            "index: what is ready",
            "RepositoryIndex",
            json!({"ready": true}),
        ),
        call(
            "index: a repository",
            "RepositoryIndex",
            json!({"repository_name": "mine"}),
        ),
        load("an unknown model", "nobody", json!({})),
        load("no name", "", json!({})),
        unload("an unknown model", "nobody"),
        load("a model that is broken", "broken", json!({})),
        call(
            "model ready: after a failed load",
            "ModelReady",
            named("broken"),
        ),
        call("index: after a failed load", "RepositoryIndex", json!({})),
        load("a model", "idle", json!({})),
        load(
            "an unknown parameter",
            "idle",
            json!({"nothing": {"string_param": "x"}}),
        ),
        load(
            "a configuration that is a truth",
            "idle",
            json!({"config": {"bool_param": true}}),
        ),
        load(
            "a configuration that is no JSON",
            "idle",
            json!({"config": {"string_param": "nothing"}}),
        ),
        load(
            "a configuration",
            "idle",
            json!({"config": {"string_param": CONFIGURATION}}),
        ),
        load(
            "a file without a configuration",
            "idle",
            json!({"file:1/model.x": {"bytes_param": "AAAA"}}),
        ),
        load(
            "a file that is a text",
            "idle",
            json!({"config": {"string_param": CONFIGURATION}, "file:1/model.x": {"string_param": "x"}}),
        ),
        call(
            "load: a repository",
            "RepositoryModelLoad",
            json!({"model_name": "idle", "repository_name": "mine"}),
        ),
        call(
            "unload: a repository",
            "RepositoryModelUnload",
            json!({"model_name": "idle", "repository_name": "mine"}),
        ),
        call(
            "unload: dependents that are a number",
            "RepositoryModelUnload",
            json!({"model_name": "idle", "parameters": {"unload_dependents": {"int64_param": 1}}}),
        ),
        unload("a model", "idle"),
        unload("an unloaded model", "idle"),
        call("model ready: after an unload", "ModelReady", named("idle")),
        call(
            "model metadata: after an unload",
            "ModelMetadata",
            named("idle"),
        ),
        call(
            "statistics: after an unload",
            "ModelStatistics",
            named("idle"),
        ),
        call(
            "infer: after an unload",
            "ModelInfer",
            json!({"model_name": "idle"}),
        ),
    ]
}
