//! Files in load requests that would reach outside of the folder that the server keeps for them, or be run as
//! code.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::inference::model_repository_parameter::ParameterChoice;
use proto::inference::{ModelRepositoryParameter, RepositoryModelLoadRequest};
use serde_json::{Value, json};
use tonic::Code;

use crate::client::Client;
use crate::support::client::Request;
use crate::support::inference::assert_serves;
use crate::support::model_files::{
    ModelFiles, TemporaryFolder, configuration, files_of, load, tree,
};
use crate::support::samples::{Samples, small};
use crate::support::server::Server;

/// A server whose clients may load models, with a folder of its own for temporary files.
struct Premises {
    samples: Samples,
    temporary: TemporaryFolder,
    server: Server,
    client: Client,
}

impl Premises {
    fn new() -> Self {
        let samples = Samples::with_small();
        let temporary = TemporaryFolder::new();
        // An operator who allows op libraries in all of it does not mean those of clients.
        let root = temporary.path().to_str().unwrap().to_owned();
        let flags = ["--load-model", "small", "--op-library-root", &root];
        let server = temporary.start(samples.root(), &flags);
        Self {
            client: Client::connect(&server),
            server,
            samples,
            temporary,
        }
    }

    fn configuration(&self) -> Value {
        configuration("onnxruntime", &self.samples.library())
    }

    /// All paths that a file could have come to.
    fn written(&self) -> Vec<PathBuf> {
        let repository = self.samples.root().parent().unwrap();
        [tree(repository), self.temporary.written()].concat()
    }

    /// Loads `small` over both protocols with these files, which must be refused with this text, and nothing
    /// may be written.
    #[track_caller]
    fn refuse(&self, configuration: &Value, files: &ModelFiles, text: &str) {
        let before = self.written();
        let response = load(&self.server, "small", configuration, files);
        let what = files.keys().next_back().unwrap().escape_debug().to_string();
        assert_eq!(response.status, 400, "{what}: {}", response.text());
        let error = response.error();
        assert!(error.contains(text), "{what}: no '{text}' in {error}");
        assert!(error.len() < 2000, "{error}");

        let file = |(name, content): (&String, &Vec<u8>)| {
            let content = ParameterChoice::BytesParam(content.clone().into());
            (name.clone(), content)
        };
        let config = ParameterChoice::StringParam(configuration.to_string());
        let parameters = files.iter().map(file).chain([("config".into(), config)]);
        let request = RepositoryModelLoadRequest {
            model_name: "small".into(),
            parameters: parameters
                .map(|(name, choice)| {
                    let parameter_choice = Some(choice);
                    (name, ModelRepositoryParameter { parameter_choice })
                })
                .collect(),
            ..RepositoryModelLoadRequest::default()
        };
        let outcome = self
            .client
            .call(async |service| service.repository_model_load(request).await);
        let status = outcome.expect_err("the load is refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{what}: {status}");
        assert!(status.message().contains(text), "{what}: {status}");
        assert_eq!(self.written(), before, "{what}");
    }

    /// Refuses each of these paths beside a sound model.
    #[track_caller]
    fn refuse_paths(&self, paths: &[&str], text: &str) {
        for path in paths {
            let mut files = files_of(&small(), 1);
            files.insert(format!("file:{path}"), b"written".to_vec());
            self.refuse(&self.configuration(), &files, text);
        }
        assert_serves(&self.server, &small());
    }
}

#[test]
fn paths_do_not_lead_upwards() {
    let premises = Premises::new();
    let paths = [
        "..",
        "../written",
        "../../models/small/1/model.onnx",
        "1/../../written",
        "1/../../../../../../tmp/written",
        "1/..",
        "./1/model.onnx",
        "1/./written",
    ];
    premises.refuse_paths(&paths, "must stay within model directory");
}

#[test]
fn paths_do_not_begin_at_the_root() {
    let premises = Premises::new();
    let inside = premises.samples.root().join("small/1/written");
    let inside = inside.to_str().unwrap();
    let twice = format!("/{inside}");
    let paths = [inside, &twice, "/etc/written", "/", "//"];
    premises.refuse_paths(&paths, "must stay within model directory");
}

#[test]
fn paths_have_no_empty_parts() {
    let premises = Premises::new();
    premises.refuse_paths(&["", "1/", "1//written", "1/written/"], "empty part");
}

#[test]
fn paths_have_no_nul_and_no_line_ends() {
    let premises = Premises::new();
    let paths = ["1/a\0b", "\0", "1\0/a", "1/a\nb", "1/a\r", "1/\u{1b}[2J"];
    premises.refuse_paths(&paths, "control character");
}

#[test]
fn backslashes_are_part_of_names() {
    let premises = Premises::new();
    let mut files = files_of(&small(), 1);
    for path in ["1/..\\..\\written", "\\etc\\written", "C:\\written"] {
        files.insert(format!("file:{path}"), b"written".to_vec());
    }
    let before = tree(premises.samples.root());
    let config = premises.configuration();
    let loaded = load(&premises.server, "small", &config, &files);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let [folder] = &premises.temporary.models()[..] else {
        panic!("{:?}", tree(premises.temporary.path()));
    };
    let found: Vec<String> = tree(folder)
        .iter()
        .map(|path| path.strip_prefix(folder).unwrap().display().to_string())
        .collect();
    let expected = [
        "1",
        "1/..\\..\\written",
        "1/model.onnx",
        "C:\\written",
        "\\etc\\written",
    ];
    assert_eq!(found, expected);
    assert_eq!(tree(premises.samples.root()), before);
    assert_serves(&premises.server, &small());
}

#[test]
fn names_and_paths_are_bounded() {
    let premises = Premises::new();
    let name = format!("1/{}", "a".repeat(256));
    premises.refuse_paths(&[&name], "256 bytes long, and 255 are possible");
    let deep = format!("1/{}b", "a/".repeat(100_000));
    premises.refuse_paths(&[&deep], "200003 bytes long, and 1024 are possible");
}

#[test]
fn folders_beside_the_versions_are_refused() {
    let premises = Premises::new();
    let paths = [
        "0/a",
        "-1/a",
        "01/a",
        "one/a",
        "1.0/a",
        "18446744073709551616/a",
    ];
    premises.refuse_paths(&paths, "is not a version");
}

#[test]
fn the_configuration_comes_in_its_parameter_alone() {
    let premises = Premises::new();
    premises.refuse_paths(&["config.pbtxt"], "comes in the parameter 'config'");
}

#[test]
fn a_path_is_given_once() {
    let premises = Premises::new();
    premises.refuse_paths(
        &["1/model.onnx/written"],
        "directory has been created as a file: 'file:1/model.onnx' is given, too",
    );
    // In JSON a name can be there twice.
    let before = premises.written();
    let config = Value::from(premises.configuration().to_string());
    let body = format!(
        r#"{{"parameters": {{"config": {config}, "file:1/a": "AAAA", "file:1\/a": "BBBB"}}}}"#
    );
    let path = "/v2/repository/models/small/load";
    let error = premises.server.post(path, body).error();
    assert!(error.contains("'file:1/a': it is given twice"), "{error}");
    assert_eq!(premises.written(), before);
}

#[test]
fn the_number_of_files_is_bounded() {
    let premises = Premises::new();
    let mut files = files_of(&small(), 1);
    files.extend((0..1000).map(|number| (format!("file:1/{number}"), Vec::new())));
    let text = "has 1001 files, and 1000 are possible";
    premises.refuse(&premises.configuration(), &files, text);
    files.pop_first();
    let config = premises.configuration();
    let loaded = load(&premises.server, "small", &config, &files);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    assert_serves(&premises.server, &small());
}

#[test]
fn names_of_models_are_no_paths() {
    let premises = Premises::new();
    let before = premises.written();
    let files = files_of(&small(), 1);
    for name in [
        "..",
        ".",
        "a%2Fb",
        "%2Fetc",
        "small%2F..%2Fa",
        "a%00",
        "a%0Ab",
        &"a".repeat(256),
    ] {
        let refused = load(&premises.server, name, &premises.configuration(), &files);
        assert_eq!(refused.status, 400, "{name}: {}", refused.text());
        let error = refused.error();
        assert!(
            error.contains("needs a name that a folder could have"),
            "{error}"
        );
    }
    assert_eq!(premises.written(), before);
    assert_serves(&premises.server, &small());
}

#[test]
fn code_that_came_with_a_load_is_not_loaded() {
    let premises = Premises::new();
    let library = std::fs::read(premises.samples.library()).unwrap();
    let mut files = files_of(&small(), 1);
    files.insert("file:1/libsent.so".to_owned(), library.clone());
    files.insert("file:libbeside.so".to_owned(), library);
    // It may lie there, as long as nothing names it. From here on its path is known.
    let config = premises.configuration();
    let loaded = load(&premises.server, "sent", &config, &files);
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    let [folder] = &premises.temporary.models()[..] else {
        panic!("{:?}", tree(premises.temporary.path()));
    };
    let sent = folder.join("1/libsent.so");
    assert!(sent.is_file());
    let link = premises.samples.root().join("small/linked.so");
    std::os::unix::fs::symlink(&sent, &link).unwrap();
    let inner = Path::new(folder.file_name().unwrap()).join("1/libsent.so");
    let around = format!("/proc/self/root{}", sent.display());
    let refused = "came with a load request, and code that clients send is not loaded";
    for named in [
        Path::new("libsent.so"),
        Path::new("../libbeside.so"),
        Path::new("libbeside.so"),
        &Path::new("../..").join(inner),
        &sent,
        Path::new(&around),
        &link,
    ] {
        premises.refuse(&configuration("onnxruntime", named), &files, refused);
    }
    // Nor by a model of the repository.
    for named in [&sent, &link] {
        let config = configuration("onnxruntime", named).to_string();
        let body = json!({"parameters": {"config": config}}).to_string();
        let error = premises
            .server
            .post("/v2/repository/models/small/load", body)
            .error();
        assert!(error.contains(refused), "{error}");
    }
    let maps =
        std::fs::read_to_string(format!("/proc/{}/maps", premises.server.worker_of("small")));
    assert!(!maps.unwrap().contains("libsent.so"));
    assert_serves(&premises.server, &small());
}

#[test]
fn who_lacks_the_header_loads_nothing() {
    let samples = Samples::with_small();
    let temporary = TemporaryFolder::new();
    let flags = ["--http-restricted-api", "model-repository:admin=secret"];
    let server = temporary.start(samples.root(), &flags);
    let config = configuration("onnxruntime", &samples.library());
    let files = files_of(&small(), 1);
    let refused = load(&server, "sent", &config, &files);
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(temporary.written().is_empty());
    let mut parameters = json!({"config": config.to_string()});
    for (name, content) in &files {
        parameters[name] = STANDARD.encode(content).into();
    }
    let body = json!({"parameters": parameters}).to_string();
    let request = Request::post("/v2/repository/models/sent/load", body);
    let loaded = server.send(&request.with_header("admin", "secret"));
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    assert_serves(&server, &small().with_name("sent"));
}
