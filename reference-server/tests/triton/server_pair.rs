//! Triton and this server, with models that have the same names, inputs, outputs and batches.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reference_server::protocol::DataType;
use suites::server::ServerProcess;

use crate::asker::Asker;
use crate::installation::Triton;
use crate::onnx;
use crate::support::server::Server;

/// The longest wait for Triton.
const LIMIT: Duration = Duration::from_secs(60);

/// A model that both servers have.
struct Model {
    name: &'static str,
    max_batch_size: u32,
    inputs: &'static [(&'static str, DataType, &'static str)],
    outputs: &'static [(&'static str, DataType, &'static str)],
    /// Statements of a Python model: `x` is a list of the inputs, `y` one of the outputs.
    python: &'static str,
    /// Nodes of an ONNX model: op, inputs, outputs.
    nodes: &'static [(
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    )],
}

const F: DataType = DataType::Fp32;
const I: DataType = DataType::Int32;
const S: DataType = DataType::Bytes;

/// All of them. `broken` has no nodes: it cannot be loaded.
static MODELS: [Model; 5] = [
    Model {
        name: "pair",
        max_batch_size: 8,
        inputs: &[("a", F, "4"), ("b", I, "4")],
        outputs: &[("y", F, "4"), ("z", I, "4")],
        python: "y = x",
        nodes: &[("Identity", &["a"], &["y"]), ("Identity", &["b"], &["z"])],
    },
    Model {
        name: "strings",
        max_batch_size: 0,
        inputs: &[("x", S, "-1")],
        outputs: &[("y", S, "-1")],
        python: "y = x",
        nodes: &[("Identity", &["x"], &["y"])],
    },
    Model {
        name: "sum",
        max_batch_size: 0,
        inputs: &[("x", F, "-1"), ("w", F, "-1")],
        outputs: &[("y", F, "-1")],
        python: "y = [x[0] + x[1]]",
        nodes: &[("Add", &["x", "w"], &["y"])],
    },
    Model {
        name: "idle",
        max_batch_size: 0,
        inputs: &[("x", F, "-1")],
        outputs: &[("y", F, "-1")],
        python: "y = x",
        nodes: &[("Identity", &["x"], &["y"])],
    },
    Model {
        name: "broken",
        max_batch_size: 0,
        inputs: &[("x", F, "-1")],
        outputs: &[("y", F, "-1")],
        python: "",
        nodes: &[],
    },
];

/// The models that are there from the beginning.
const LOADED: [&str; 3] = ["pair", "strings", "sum"];

/// A file that a server makes a model of, with an input `x` and an output `y`.
pub struct ModelFile {
    pub name: String,
    pub content: Vec<u8>,
}

impl ModelFile {
    /// That of Triton.
    pub fn of_python() -> Self {
        Self {
            name: "model.py".to_owned(),
            content: python(identity()).into_bytes(),
        }
    }

    /// That of this server.
    pub fn of_onnx() -> Self {
        Self {
            name: "model.onnx".to_owned(),
            content: graph(identity()),
        }
    }
}

/// The model that returns what it gets.
fn identity() -> &'static Model {
    let mut models = MODELS.iter();
    models
        .find(|model| model.name == "idle")
        .expect("it is there")
}

/// Both servers.
pub struct ServerPair {
    _folder: tempfile::TempDir,
    triton: ServerProcess,
    here: Server,
}

impl ServerPair {
    /// Starts both and waits until they are ready.
    pub fn start(triton: &Triton) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (python, onnx) = (folder.path().join("python"), folder.path().join("onnx"));
        for model in &MODELS {
            write(&python, model, "python");
            write(&onnx, model, "onnxruntime");
        }
        let mut command = triton
            .command()
            .flag("model-repository", &python)
            .flag("model-control-mode", "explicit")
            .flag("exit-timeout-secs", "0");
        let mut flags = vec!["--model-control-mode", "explicit"];
        for name in LOADED {
            command = command.flag("load-model", name);
            flags.extend(["--load-model", name]);
        }
        let mut triton = command.launch(&folder.path().join("log")).unwrap();
        let here = Server::start(&onnx, &flags);
        if let Err(error) = triton.wait_ready(LIMIT) {
            panic!("{error}: {}", triton.log_tail(30).join("\n"));
        }
        Self {
            _folder: folder,
            triton,
            here,
        }
    }

    /// Who asks Triton.
    pub fn triton(&self) -> Asker {
        let line = self.triton.command_line();
        let port = line.iter().position(|flag| flag == "--grpc-port").unwrap();
        let grpc = SocketAddr::new(
            self.triton.http_address().ip(),
            line[port + 1].parse().unwrap(),
        );
        Asker::new(self.triton.http_address(), grpc)
    }

    /// Who asks this server.
    pub fn here(&self) -> Asker {
        Asker::new(self.here.http(), self.here.grpc())
    }
}

fn write(repository: &Path, model: &Model, backend: &str) {
    let folder = repository.join(model.name);
    fs::create_dir_all(folder.join("1")).unwrap();
    fs::write(folder.join("config.pbtxt"), configuration(model, backend)).unwrap();
    fs::write(folder.join("labels.txt"), "zero\none\ntwo\n").unwrap();
    match backend {
        "python" => fs::write(folder.join("1/model.py"), python(model)),
        _ => fs::write(folder.join("1/model.onnx"), graph(model)),
    }
    .unwrap();
}

fn configuration(model: &Model, backend: &str) -> String {
    let tensor = |field: &str, (name, data_type, dims): &(&str, DataType, &str), labels: &str| {
        let data_type = match data_type {
            DataType::Bytes => "STRING",
            other => other.name(),
        };
        format!(
            "{field} [ {{ name: \"{name}\" data_type: TYPE_{data_type} dims: [ {dims} ] {labels} }} ]\n"
        )
    };
    let mut text = format!(
        "name: \"{}\"\nbackend: \"{backend}\"\nmax_batch_size: {}\n\
         instance_group [ {{ kind: KIND_CPU count: 1 }} ]\n",
        model.name, model.max_batch_size
    );
    for input in model.inputs {
        text += &tensor("input", input, "");
    }
    for output in model.outputs {
        let labels = match output.1 {
            DataType::Fp32 => "label_filename: \"labels.txt\"",
            _ => "",
        };
        text += &tensor("output", output, labels);
    }
    text
}

fn python(model: &Model) -> String {
    if model.nodes.is_empty() {
        return "class TritonPythonModel:\n    def initialize(self, arguments):\n        \
                raise ValueError('it is broken')\n"
            .to_owned();
    }
    let names = |tensors: &[(&str, DataType, &str)]| {
        let names: Vec<&str> = tensors.iter().map(|tensor| tensor.0).collect();
        format!("{names:?}")
    };
    format!(
        "import triton_python_backend_utils as utils\n\
         class TritonPythonModel:\n    \
             def execute(self, requests):\n        \
                 return [self.answer(request) for request in requests]\n    \
             def answer(self, request):\n        \
                 x = [utils.get_input_tensor_by_name(request, name).as_numpy() for name in {}]\n        \
                 {}\n        \
                 tensors = [utils.Tensor(name, value) for name, value in zip({}, y)]\n        \
                 return utils.InferenceResponse([t for t in tensors if t.name() in \
                     request.requested_output_names()])\n",
        names(model.inputs),
        model.python,
        names(model.outputs)
    )
}

fn graph(model: &Model) -> Vec<u8> {
    if model.nodes.is_empty() {
        return b"it is broken".to_vec();
    }
    let tensors = |tensors: &[(&str, DataType, &str)]| {
        let of = |&(name, data_type, dims): &(&str, DataType, &str)| {
            let batch = (model.max_batch_size > 0).then_some("batch");
            let dims = if dims == "-1" { name } else { dims };
            let dims: Vec<&str> = batch.into_iter().chain([dims]).collect();
            onnx::tensor(name, data_type, &dims)
        };
        tensors.iter().map(of).collect()
    };
    let nodes = model.nodes.iter();
    onnx::model(
        nodes
            .map(|(op, inputs, outputs)| onnx::node("", op, inputs, outputs))
            .collect(),
        tensors(model.inputs),
        tensors(model.outputs),
        &[],
    )
}
