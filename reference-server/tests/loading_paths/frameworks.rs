//! Every loading path with the frameworks that have one registry a process, and all of them in one
//! worker.

use runtimes::{Framework, Runtime};
use test_ops::{
    Broken, Configuration, Content, Library, Model, ModelRepository, Op, PluginEntry, Sample,
};

use crate::maps;
use crate::support::client::Response;
use crate::support::deadline::wait_until;
use crate::support::inference::{Form, Inference, outputs};
use crate::support::samples::{builder, default_runtime, small};
use crate::support::server::{Server, run_to_end};

/// A repository with models of one framework, and op libraries outside of it.
struct Field {
    framework: Framework,
    runtime: Runtime,
    repository: ModelRepository,
    folder: tempfile::TempDir,
}

impl Field {
    fn of(framework: Framework) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            framework,
            runtime: default_runtime(framework),
            repository: ModelRepository::create(folder.path().join("models")).unwrap(),
            folder,
        }
    }

    fn library(&self, name: &str, content: impl Into<Content>) -> String {
        let path = self.folder.path().join(name);
        let library = Library::new(self.framework, content);
        builder().build_to(&library, &self.runtime, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn model(&self, name: &str, libraries: &[&str]) -> Model {
        let model = small().with_name(name).in_format(self.framework);
        let configuration = Configuration::with_op_libraries(libraries);
        self.repository.add(&model, &configuration).unwrap();
        model
    }

    /// Where op libraries may lie.
    fn root(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn start(&self, flags: &[&str], environment: &[(&str, &str)]) -> Server {
        let allowed = ["--op-library-root", self.root()];
        let flags = [&allowed, flags].concat();
        Server::start_in(self.repository.root(), &flags, environment)
    }

    fn plugins(&self, paths: &[&str]) -> String {
        format!(
            "--backend-config={},plugins={}",
            self.framework,
            paths.join(";")
        )
    }

    /// The runtime's folders, as `LD_LIBRARY_PATH` lists them.
    fn library_path(&self) -> String {
        let folders = self.runtime.library_dirs.iter();
        std::env::join_paths(folders)
            .unwrap()
            .into_string()
            .unwrap()
    }
}

/// Checks that the library with this signature answers.
#[track_caller]
fn assert_answers(server: &Server, model: &Model, signature: u8) {
    let inputs = model.sample_inputs(3, 7);
    let response: Response = server.send(&Inference::new(model, &inputs, Form::Binary).request());
    let given = outputs(&response);
    let signatures = [(test_ops::DEFAULT_DOMAIN, signature)];
    for ((_, _, tensor), expected) in given.iter().zip(model.expected(&inputs, &signatures)) {
        let outcome = tensor.compare(&expected);
        outcome.unwrap_or_else(|error| panic!("model '{}': {error}", model.name));
    }
}

fn every_path_serves(framework: Framework) {
    let field = Field::of(framework);
    let library = field.library("libpath.so", Sample::default().with_signature(3));
    let name = "libpath.so";
    let listed = field.model("listed", &[&library]);
    let server = field.start(&[], &[]);
    assert_answers(&server, &listed, 3);
    // Those that come with the runtime stand before it.
    let told = server.fact("listed", "op_libraries");
    assert_eq!(told.rsplit(':').next(), Some(library.as_str()), "{told}");
    drop(server);

    // From here on no model lists it.
    let plain = field.model("listed", &[]);
    let setting = field.plugins(&[&library]);
    let library_path = [field.library_path(), field.root().to_owned()].join(":");
    let preload = format!("{name}:");
    let environment = [
        ("LD_LIBRARY_PATH", library_path.as_str()),
        ("LD_PRELOAD", preload.as_str()),
    ];
    for (flags, environment) in [
        (&[setting.as_str()][..], &[][..]),
        (&["--preload", &library], &[]),
        (&[], &environment),
    ] {
        let server = field.start(flags, environment);
        assert_answers(&server, &plain, 3);
        // Preloaded ones stand before those that come with the runtime.
        let told = server.fact("listed", "op_libraries");
        assert!(told.split(':').any(|path| path == library), "{told}");
        assert!(maps(server.worker_of("listed"), name));
        assert!(!maps(server.pid(), name));
    }
}

#[test]
fn every_path_serves_pytorch() {
    every_path_serves(Framework::PyTorch);
}

#[test]
fn every_path_serves_tensorflow() {
    every_path_serves(Framework::TensorFlow);
}

fn collisions_never_meet(framework: Framework) {
    let field = Field::of(framework);
    let first = field.library("libfirst.so", Sample::default().with_signature(1));
    let second = field.library("libsecond.so", Sample::default().with_signature(2));
    let one = field.model("one", &[&first]);
    let two = field.model("two", &[&second]);
    let server = field.start(&[], &[]);
    for _ in 0..3 {
        assert_answers(&server, &one, 1);
        assert_answers(&server, &two, 2);
    }
    drop(server);

    // Given to all models they would meet.
    let list = [first.as_str(), &second].join(":");
    let setting = field.plugins(&[&second]);
    for flags in [&["--preload", &list][..], &["--preload", &first, &setting]] {
        let ended = run_to_end(field.repository.root(), flags);
        assert_eq!(ended.status.code(), Some(1));
        for text in ["collide", &first, &second, "model_operations"] {
            assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
        }
    }

    // So would a model's own library and one that all models get.
    for flags in [&[setting.as_str()][..], &["--preload", &second]] {
        let allowed = ["--exit-on-error=false", "--op-library-root", field.root()];
        let flags = [&allowed[..], flags].concat();
        let server = Server::try_start(field.repository.root(), &flags).unwrap();
        let reason = server.unavailable_reason("one");
        for text in ["collides", &first, &second] {
            assert!(reason.contains(text), "no {text:?} in {reason}");
        }
        wait_until("the other model serves", || {
            server.get("/v2/models/two/ready").status == 200
        });
        assert_answers(&server, &two, 2);
    }
}

#[test]
fn collisions_never_meet_in_pytorch() {
    collisions_never_meet(Framework::PyTorch);
}

#[test]
fn collisions_never_meet_in_tensorflow() {
    collisions_never_meet(Framework::TensorFlow);
}

/// PyTorch ends the process; what is told says why and what to do.
#[test]
fn a_namespace_of_pytorch_that_two_models_bring_into_one_worker_is_told_with_both_libraries() {
    let field = Field::of(Framework::PyTorch);
    let libraries = [1, 2].map(|signature| {
        let sample = Sample::default().with_signature(signature);
        field.library(&format!("lib{signature}.so"), sample)
    });
    field.model("one", &[&libraries[0]]);
    field.model("two", &[&libraries[1]]);
    let flags = ["--isolation", "shared", "--model-control-mode", "explicit"];
    let server = field.start(&flags, &[]);
    assert_eq!(server.load("one").status, 200);
    let refused = server.load("two");
    assert_eq!(refused.status, 400);
    let [first, second] = &libraries;
    for text in [
        &format!("'{second}' registers namespace 'custom_ops'"),
        &format!("which '{first}' registered"),
        "--isolation op-set",
    ] {
        assert!(
            refused.text().contains(text),
            "no {text:?} in {}",
            refused.text()
        );
    }
}

/// Copies of one library in one process: one of them is loaded, whoever brings them.
fn copies_are_one_library(framework: Framework) {
    let field = Field::of(framework);
    let sample = Sample::default().with_signature(3);
    let first = field.library("libfirst.so", sample.clone());
    let copy = field.library("libcopy.so", sample);
    let models = [
        field.model("first", &[&first]),
        field.model("copy", &[&copy]),
        field.model("both", &[&first, &copy]),
    ];
    let server = field.start(&[], &[]);
    for model in &models {
        assert_answers(&server, model, 3);
    }
    for name in ["copy", "both"] {
        assert_eq!(server.worker_of(name), server.worker_of("first"));
    }
    drop(server);
    let list = [first.as_str(), &copy].join(":");
    let setting = field.plugins(&[&first, &copy]);
    for flags in [&["--preload", list.as_str()][..], &[&setting]] {
        let server = field.start(flags, &[]);
        for model in &models {
            assert_answers(&server, model, 3);
        }
    }
}

#[test]
fn copies_are_one_library_in_pytorch() {
    copies_are_one_library(Framework::PyTorch);
}

#[test]
fn copies_are_one_library_in_tensorflow() {
    copies_are_one_library(Framework::TensorFlow);
}

/// PyTorch ends a process that gets a namespace twice: the model is refused before that happens to
/// its worker.
#[test]
fn a_model_that_lists_a_namespace_of_pytorch_twice_is_refused_with_both_libraries() {
    let field = Field::of(Framework::PyTorch);
    let gelu = field.library("libgelu.so", Sample::default().with_ops(&[Op::BiasGelu]));
    let norm = field.library("libnorm.so", Sample::default().with_ops(&[Op::RmsNorm]));
    field.model("both", &[&gelu, &norm]);
    let flags = ["--op-library-root", field.root(), "--exit-on-error=false"];
    let server = Server::try_start(field.repository.root(), &flags).unwrap();
    let reason = server.unavailable_reason("both");
    for text in [&gelu, &norm, "'custom_ops'", "list one of the two"] {
        assert!(reason.contains(text), "no {text} in {reason}");
    }
    assert!(!reason.contains("signal"), "{reason}");
}

/// Kernels for an op that another library defines are what `TORCH_LIBRARY_IMPL` is for.
#[test]
fn a_library_that_overrides_kernels_of_pytorch_serves_and_is_told() {
    let field = Field::of(Framework::PyTorch);
    let defining = field.library("libdefining.so", Sample::default().with_signature(1));
    let overriding = field.library(
        "liboverriding.so",
        Sample::default().with_signature(2).kernels_only(),
    );
    let model = field.model("both", &[&defining, &overriding]);
    let server = field.start(&[], &[]);
    assert_answers(&server, &model, 2);
    let told = format!("'{defining}' and '{overriding}' both have kernels for op");
    assert!(server.log().contains(&told), "{}", server.log());
    drop(server);
    let model = field.model("both", &[]);
    let server = field.start(&[&field.plugins(&[&defining, &overriding])], &[]);
    assert_answers(&server, &model, 2);
    assert!(server.log().contains(&told), "{}", server.log());
}

/// TensorFlow has no way to choose, whichever library comes first and however it comes.
#[test]
fn a_library_with_kernels_for_an_op_of_another_is_refused_by_tensorflow() {
    let field = Field::of(Framework::TensorFlow);
    let defining = field.library("libdefining.so", Sample::default());
    let extending = field.library("libextending.so", Sample::default().kernels_only());
    let list = [extending.as_str(), &defining].join(":");
    for flags in [
        &[field.plugins(&[&extending, &defining]).as_str()][..],
        &["--preload", &list],
    ] {
        let ended = run_to_end(field.repository.root(), flags);
        assert_eq!(ended.status.code(), Some(1), "{}", ended.log);
        for text in ["BiasGelu", &defining, &extending, "model_operations"] {
            assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
        }
    }
}

fn what_fails_ends_the_start(framework: Framework) {
    let field = Field::of(framework);
    field.model("plain", &[]);
    for (broken, text) in [
        (Broken::MissingDependency, "libabsent_dependency.so"),
        (Broken::InitializerAborts, "SIGABRT"),
    ] {
        let library = field.library("libbroken.so", broken);
        let setting = field.plugins(&[&library]);
        for flags in [&["--preload", library.as_str()][..], &[&setting]] {
            let ended = run_to_end(field.repository.root(), flags);
            assert_eq!(ended.status.code(), Some(1), "{broken:?}");
            for text in [text, &library] {
                assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
            }
        }
    }
}

#[test]
fn what_fails_ends_the_start_with_pytorch() {
    what_fails_ends_the_start(Framework::PyTorch);
}

#[test]
fn what_fails_ends_the_start_with_tensorflow() {
    what_fails_ends_the_start(Framework::TensorFlow);
}

/// The worker that could not open one framework is replaced, and goes on with the models of the
/// other.
#[test]
fn a_repaired_runtime_is_opened_by_a_shared_worker() {
    let field = Field::of(Framework::TensorFlow);
    let library = field.library("libtensorflow_ops.so", Sample::default());
    let serving = field.model("serving", &[&library]);
    let installed = default_runtime(Framework::OnnxRuntime).main_library;
    let own = field.folder.path().join(installed.file_name().unwrap());
    std::fs::copy(&installed, &own).unwrap();
    let ops = field.folder.path().join("libonnx_ops.so");
    let sample = Library::new(Framework::OnnxRuntime, Sample::default());
    builder()
        .build_to(&sample, &default_runtime(Framework::OnnxRuntime), &ops)
        .unwrap();
    let other = small().with_name("other");
    let configuration = Configuration::with_op_libraries([ops.to_str().unwrap()]);
    field.repository.add(&other, &configuration).unwrap();

    let runtime = format!("--runtime=onnxruntime={}", own.display());
    let explicit = ["--isolation", "shared", "--model-control-mode", "explicit"];
    let server = field.start(&[&explicit[..], &[&runtime]].concat(), &[]);
    assert_eq!(server.load("serving").status, 200);
    let replace = |write: &dyn Fn(&std::path::Path)| {
        let new = field.folder.path().join("new");
        write(&new);
        std::fs::rename(&new, &own).unwrap();
    };
    replace(&|new| std::fs::write(new, "no library").unwrap());
    for _ in 0..2 {
        assert_eq!(server.load("other").status, 400);
    }
    let first = server.worker_of("serving");
    assert_answers(&server, &serving, 0);
    replace(&|new| {
        std::fs::copy(&installed, new).unwrap();
    });
    let loaded = server.load("other");
    assert_eq!(loaded.status, 200, "{}", loaded.text());
    assert_answers(&server, &other, 0);
    assert_answers(&server, &serving, 0);
    assert_eq!(server.worker_of("other"), server.worker_of("serving"));
    assert_ne!(server.worker_of("serving"), first);
}

/// Without a GPU no plan can be executed; libraries load, register, collide and fail all the same.
#[test]
fn plugins_of_tensorrt_take_every_path() {
    let field = Field::of(Framework::TensorRt);
    for entry in [PluginEntry::Creators, PluginEntry::StaticRegistrar] {
        let sample = Sample::default().with_plugin_entry(entry);
        let first = field.library("libfirst.so", sample.clone());
        let second = field.library("libsecond.so", sample.clone().with_signature(1));
        let other = field.library("libother.so", sample.with_domain("other.ops"));
        let setting = field.plugins(&[&other]);
        let library_path = [field.library_path(), field.root().to_owned()].join(":");
        let environment = [
            ("LD_LIBRARY_PATH", library_path.as_str()),
            ("LD_PRELOAD", "libfirst.so:"),
        ];
        for (flags, environment) in [
            (&["--preload", &first, &setting][..], &[][..]),
            (&[&setting], &environment),
        ] {
            let server = field.start(flags, environment);
            for library in [&first, &other] {
                let told = format!("'{library}' serves all models of {}", field.runtime.name);
                wait_until(&told, || server.log().contains(&told));
            }
        }
        let setting = field.plugins(&[&first, &second]);
        let ended = run_to_end(field.repository.root(), &[&setting]);
        assert_eq!(ended.status.code(), Some(1));
        for text in ["collide", &first, &second, "BiasGelu"] {
            assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
        }
    }
    let broken = field.library("libbroken.so", Broken::InitializerCrashes);
    for flags in [
        &["--preload", broken.as_str()][..],
        &[&field.plugins(&[&broken])],
    ] {
        let ended = run_to_end(field.repository.root(), flags);
        assert_eq!(ended.status.code(), Some(1));
        for text in ["SIGSEGV", &broken] {
            assert!(ended.log.contains(text), "no {text:?} in {}", ended.log);
        }
    }
}

#[test]
fn one_worker_serves_all_frameworks_under_shared_isolation() {
    let folder = tempfile::tempdir().unwrap();
    let repository = ModelRepository::create(folder.path().join("models")).unwrap();
    let frameworks = [
        Framework::OnnxRuntime,
        Framework::PyTorch,
        Framework::TensorFlow,
    ];
    let mut models = Vec::new();
    let mut preload = Vec::new();
    for (signature, framework) in (1..).zip(frameworks) {
        let path = folder.path().join(format!("lib{framework}.so"));
        let library = Library::new(framework, Sample::default().with_signature(signature));
        builder()
            .build_to(&library, &default_runtime(framework), &path)
            .unwrap();
        let model = small().with_name(framework.name()).in_format(framework);
        let none: [&str; 0] = [];
        let configuration = Configuration::with_op_libraries(none);
        repository.add(&model, &configuration).unwrap();
        models.push((model, signature));
        preload.push(path.to_str().unwrap().to_owned());
    }
    for isolation in ["shared", "backend", "op-set"] {
        let flags = ["--preload", &preload.join(":"), "--isolation", isolation];
        let server = Server::start(repository.root(), &flags);
        for (model, signature) in &models {
            assert_answers(&server, model, *signature);
        }
        let mut workers: Vec<u32> = models
            .iter()
            .map(|(model, _)| server.worker_of(&model.name))
            .collect();
        workers.dedup();
        assert_eq!(workers.len(), if isolation == "shared" { 1 } else { 3 });
    }
}
