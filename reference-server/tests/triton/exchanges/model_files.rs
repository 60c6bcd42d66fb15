//! Loads of models from files in the request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::exchange::{Exchange, call, get, post};
use crate::server_pair::ModelFile;

/// A configuration for both servers and any name: each completes it with its own backend.
const CONFIGURATION: &str = r#"{"max_batch_size": 0, "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [-1]}], "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [-1]}]}"#;

/// A model that is in no repository; the last one of the index.
const GUEST: &str = "visitor";

/// Paths that lead nowhere.
const WRONG: [(&str, &str); 7] = [
    ("a file above", "../written"),
    ("a file above a version", "1/../../written"),
    ("a file from the root", "/tmp/written"),
    ("a file of no name", ""),
    ("a file that is a folder", "1/"),
    ("a file in a file", "{file}/written"),
    ("a file that is the configuration", "config.pbtxt"),
];

/// A request by its name, and what of both protocols differs.
struct Load<'a> {
    what: String,
    model: &'a str,
    files: Vec<(String, &'a [u8])>,
}

/// See the module. `model_file` is what the server that is asked makes a model of.
pub fn exchanges(model_file: &ModelFile) -> Vec<Exchange> {
    let mut all = over(over_http, model_file);
    all.extend(over(over_grpc, model_file));
    all
}

fn over_http(load: &Load<'_>) -> Exchange {
    let mut parameters = json!({"config": CONFIGURATION});
    for (path, content) in &load.files {
        parameters[format!("file:{path}")] = STANDARD.encode(content).into();
    }
    let path = format!("/v2/repository/models/{}/load", load.model);
    post(
        &format!("load: {}", load.what),
        &path,
        json!({"parameters": parameters}),
    )
}

fn over_grpc(load: &Load<'_>) -> Exchange {
    let mut parameters = json!({"config": {"string_param": CONFIGURATION}});
    for (path, content) in &load.files {
        parameters[format!("file:{path}")] = json!({"bytes_param": STANDARD.encode(content)});
    }
    call(
        &format!("load: {}", load.what),
        "RepositoryModelLoad",
        json!({"model_name": load.model, "parameters": parameters}),
    )
}

/// The loads over one protocol. What they lead to is asked over the same.
fn over(protocol: fn(&Load<'_>) -> Exchange, model_file: &ModelFile) -> Vec<Exchange> {
    let is_http = matches!(
        protocol(&load("", "m", &[])).asked,
        crate::exchange::Asked::Http(_)
    );
    let asked = |what: &str, path: &str, body: Option<Value>, method: &str, message: Value| match (
        is_http, body,
    ) {
        (false, _) => call(what, method, message),
        (true, None) => get(what, path),
        (true, Some(body)) => post(what, path, body),
    };
    let index = |when: &str| {
        let what = format!("index: files, {when}");
        asked(
            &what,
            "/v2/repository/index",
            Some(Value::Null),
            "RepositoryIndex",
            json!({}),
        )
    };
    let metadata = |model: &str, when: &str| {
        let path = format!("/v2/models/{model}");
        let what = format!("model metadata: {model} {when}");
        asked(&what, &path, None, "ModelMetadata", json!({"name": model}))
    };
    let infer = |model: &str, when: &str| {
        let x = json!({"name": "x", "datatype": "FP32", "shape": [2], "data": [1, 2]});
        let tensor = json!({"name": "x", "datatype": "FP32", "shape": [2],
                            "contents": {"fp32_contents": [1, 2]}});
        asked(
            &format!("infer: {model} {when}"),
            &format!("/v2/models/{model}/infer"),
            Some(json!({"inputs": [x]})),
            "ModelInfer",
            json!({"model_name": model, "inputs": [tensor]}),
        )
    };
    let change = |action: &str, method: &str, model: &str, when: &str| {
        asked(
            &format!("{action}: {model} {when}"),
            &format!("/v2/repository/models/{model}/{action}"),
            Some(Value::Null),
            method,
            json!({"model_name": model}),
        )
    };
    let plain = |model: &str, when: &str| change("load", "RepositoryModelLoad", model, when);
    let unload = |model: &str, when: &str| change("unload", "RepositoryModelUnload", model, when);
    let file = format!("1/{}", model_file.name);
    let sound = (file.as_str(), model_file.content.as_slice());
    let broken = (file.as_str(), &b"it is broken"[..]);

    let mut all = vec![
        protocol(&load(
            "files in place of the repository's",
            "idle",
            &[sound],
        )),
        index("of replaced files"),
        metadata("idle", "from files"),
        infer("idle", "from files"),
        protocol(&load("files that are broken", "idle", &[broken])),
        infer("idle", "after a failed load"),
        plain("idle", "without files"),
        metadata("idle", "without files"),
        infer("idle", "without files"),
        unload("idle", "at the end"),
        protocol(&load("files of a new model", GUEST, &[sound])),
        index("with a new model"),
        metadata(GUEST, "from files"),
        infer(GUEST, "from files"),
        plain(GUEST, "without files"),
        infer(GUEST, "after a load without files"),
        unload(GUEST, "at the end"),
        index("without the new model"),
        metadata(GUEST, "at the end"),
        infer(GUEST, "at the end"),
        plain(GUEST, "at the end"),
        protocol(&load(
            "files that are broken, of a new model",
            GUEST,
            &[broken],
        )),
        protocol(&load(
            "a file without a version",
            GUEST,
            &[(&model_file.name, sound.1)],
        )),
        protocol(&load(
            "a file in a folder that is no version",
            GUEST,
            &[("one/model.x", b"")],
        )),
        protocol(&load(
            "a file of no model",
            GUEST,
            &[("1/model.x", b"it is broken")],
        )),
    ];
    for (what, path) in WRONG {
        let path = path.replace("{file}", &file);
        all.push(protocol(&load(what, GUEST, &[sound, (&path, b"x")])));
    }
    all.push(unload(GUEST, "after wrong paths"));
    all
}

fn load<'a>(what: &str, model: &'a str, files: &[(&str, &'a [u8])]) -> Load<'a> {
    Load {
        what: what.to_owned(),
        model,
        files: files
            .iter()
            .map(|&(path, content)| (path.to_owned(), content))
            .collect(),
    }
}
