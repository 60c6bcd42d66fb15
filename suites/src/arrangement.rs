//! What is put where for a case, how the server is launched, and what is done to it.
//!
//! All of it is data: names and recipes, no files and no processes. The experiment turns it into
//! files in a folder of its own and into requests to a server of its own.

use std::fmt;
use std::time::Duration;

use runtimes::{Framework, RuntimeName};
use test_ops::{Content, DataType, Model};

use crate::case::LoadingPath;
use crate::client::NamedTensor;
use crate::compatibility::Claim;
use crate::version_mismatch::PublishedLibrary;

/// Everything that a case arranges.
#[derive(Clone, Debug, Default)]
pub struct Arrangement {
    /// Op libraries and what takes their place.
    pub libraries: Vec<LibraryFile>,
    /// Models in the model repository.
    pub models: Vec<ModelFolder>,
    /// How the server is launched.
    pub launch: Launch,
    /// What inspector and trial must say of an op library before the server is launched.
    pub claim: Option<Claim>,
    /// What is done, in order. The first step that does not succeed ends them and is the
    /// observation; where all succeed, the outcome is `served`.
    pub steps: Vec<Step>,
    /// What must succeed after the observation, whatever it was; a failure is a departure from
    /// the expectation.
    pub afterwards: Vec<Step>,
}

/// How an op library is brought to a server: a loading path, in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// The environment variable `LD_PRELOAD` of the server's process.
    Environment,
    /// `--preload`.
    Flag,
    /// `model_operations { op_library_filename }` of a model's configuration.
    ModelConfig,
    /// `--backend-config=<framework>,plugins=`.
    BackendConfig,
}

impl Route {
    /// All routes, in the order in which they are shown.
    pub const ALL: [Self; 4] = [
        Self::Environment,
        Self::Flag,
        Self::ModelConfig,
        Self::BackendConfig,
    ];

    /// The loading path that it is a form of.
    pub fn path(self) -> LoadingPath {
        match self {
            Self::Environment | Self::Flag => LoadingPath::Preload,
            Self::ModelConfig => LoadingPath::ModelConfig,
            Self::BackendConfig => LoadingPath::BackendConfig,
        }
    }

    /// Whether the library is given to the server when it is launched, for all models.
    pub fn is_launch(self) -> bool {
        self != Self::ModelConfig
    }
}

/// One file that is, or stands for, an op library.
#[derive(Clone, Debug)]
pub struct LibraryFile {
    /// How models and steps refer to it; the file is named `lib<name>.so`.
    pub name: &'static str,
    /// Whose op library it is, or would be.
    pub framework: Framework,
    /// What is put into the file; `None`: nothing is put there.
    pub content: Option<Content>,
    /// The runtime that it is built against; `None`: the one that its framework's models run on
    /// unless they name another.
    pub built_for: Option<RuntimeName>,
    /// Where it lies.
    pub place: Place,
}

/// Where a library lies. The folders of a case are `models` (the model repository), `libraries`
/// (allowed with `--op-library-root`) and `elsewhere` (not allowed). The server is started in the
/// folder that holds the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `libraries`.
    Root,
    /// In the folder of this model.
    ModelFolder(&'static str),
    /// In the folder of version 1 of this model.
    VersionFolder(&'static str),
    /// In `elsewhere`, which is under no allowed root.
    Elsewhere,
    /// In `elsewhere`, with a symbolic link of the same name in `libraries` that points to it.
    LinkedFromRoot,
    /// Where its package was installed, which is allowed too.
    Package(&'static PublishedLibrary),
    /// Where the runtime was installed, which is not allowed for models: the first of these files
    /// that it has.
    OfRuntime(&'static [&'static str]),
}

/// How the path of a library is spelled where it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// The absolute path of the file; of the link, where the library is linked.
    Absolute,
    /// The bare file name.
    FileName,
    /// Relative to the folder that the server is started in.
    FromWorkingDirectory,
    /// An absolute path that begins in `libraries` and leaves it through `..`.
    ThroughParent,
}

/// One model in the model repository, with one version.
#[derive(Clone, Debug)]
pub struct ModelFolder {
    /// What it computes, its name, and its file format.
    pub model: Model,
    /// A ready model, in place of what the model is but for its name and its format.
    pub ready: Option<ReadyModel>,
    /// What is in the file of a plan, in place of the model.
    pub plan: Option<PlanFile>,
    /// The GPU that its instance group names; without one, the server chooses where it runs.
    pub gpu: Option<u32>,
    /// How many such models there are. Where there are several, they are numbered: `name-00`, ….
    pub copies: usize,
    /// The op libraries that its configuration names, in order.
    pub libraries: Vec<(&'static str, Spelling)>,
    /// Op libraries that answer although its configuration does not name them, beside those that
    /// are given at launch.
    pub borrowed: Vec<&'static str>,
    /// The one op library that should answer, where several have its op.
    pub answered_by: Option<&'static str>,
    /// `parameters` of its configuration: key and string value.
    pub parameters: Vec<(&'static str, String)>,
}

/// A model of ops that are none of the samples', with a request and its answer.
#[derive(Clone, Debug)]
pub struct ReadyModel {
    /// What it computes.
    pub graph: ReadyGraph,
    /// The request, by the names of the model's inputs.
    pub inputs: Vec<NamedTensor>,
    /// The answer.
    pub outputs: Vec<NamedTensor>,
}

/// What a ready model computes.
#[derive(Clone, Debug)]
pub enum ReadyGraph {
    /// The method `forward` of a TorchScript module; its arguments are the inputs.
    TorchScript(&'static str),
    /// One op of ONNX Runtime or TensorFlow, with the model's inputs and outputs.
    Op {
        /// Its domain; empty where the framework has none.
        domain: &'static str,
        /// Its name.
        name: &'static str,
        /// TensorFlow: attributes that are element types.
        types: &'static [(&'static str, DataType)],
    },
}

/// A file that is, or is not, a plan of TensorRT that the model's runtime takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanFile {
    /// The header of a plan for the runtime that is to run it, and nothing else: on a machine
    /// without a GPU nobody looks further, and nobody can build a whole one.
    Header,
    /// The header of a plan that this version built: major, minor, patch.
    BuiltBy([u8; 3]),
    /// A whole plan that was built for a GPU of another compute capability.
    ForAnotherGpu,
    /// The header of a plan whose rest is missing.
    Truncated,
    /// Something else.
    NoPlan,
}

impl ModelFolder {
    /// The names of all its copies.
    pub fn names(&self) -> Vec<String> {
        let name = &self.model.name;
        match self.copies {
            1 => vec![name.clone()],
            copies => (0..copies)
                .map(|number| format!("{name}-{number:02}"))
                .collect(),
        }
    }
}

/// The server's model control mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ControlMode {
    /// All models are loaded at start.
    None,
    /// All models are loaded at start, and the repository is looked at again and again.
    Poll,
    /// Models are loaded and unloaded by request.
    #[default]
    Explicit,
}

impl ControlMode {
    /// The value of `--model-control-mode`.
    pub fn flag(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Poll => "poll",
            Self::Explicit => "explicit",
        }
    }
}

/// An op library that is given to the server at launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchLibrary {
    /// The library.
    pub name: &'static str,
    /// How it is given; not by a model's configuration.
    pub route: Route,
    /// How its path is spelled.
    pub spelling: Spelling,
}

/// How the server is launched.
#[derive(Clone, Debug)]
pub struct Launch {
    /// `--model-control-mode`.
    pub control_mode: ControlMode,
    /// `--load-model`, for each.
    pub load_models: Vec<&'static str>,
    /// The default runtime, in place of the one that the run is made with.
    pub default_runtime: Option<RuntimeName>,
    /// `--runtime-select strict`, otherwise `auto`.
    pub strict_runtime: bool,
    /// `--exit-on-error`.
    pub exit_on_error: bool,
    /// The server is waited for until it is ready; otherwise only until it is live.
    pub becomes_ready: bool,
    /// Longest wait for that.
    pub start_limit: Duration,
    /// Op libraries that are given to the server for all models, in order, and how.
    pub libraries: Vec<LaunchLibrary>,
    /// `LD_LIBRARY_PATH` holds the libraries of the runtime, and the folder `libraries`.
    pub library_path: bool,
    /// `--load-timeout`.
    pub load_timeout: Duration,
    /// `--execution-timeout`.
    pub execution_timeout: Duration,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            control_mode: ControlMode::Explicit,
            load_models: Vec::new(),
            default_runtime: None,
            strict_runtime: false,
            exit_on_error: true,
            becomes_ready: true,
            start_limit: Duration::from_secs(60),
            libraries: Vec::new(),
            library_path: false,
            load_timeout: Duration::from_secs(60),
            execution_timeout: Duration::from_secs(60),
        }
    }
}

/// One thing that is done to the server, or looked at. Models and libraries go by their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Loads a model by request; all copies at once, where it has several.
    Load(&'static str),
    /// The load of a model by request is refused, with this in the text.
    IsRefused(&'static str, &'static str),
    /// Unloads a model by request and waits until the index no longer lists it as ready.
    Unload(&'static str),
    /// Waits until the index tells that the model is ready, or why it is not.
    AwaitLoaded(&'static str),
    /// Runs the model and compares all outputs with the reference maths, each element of a
    /// library's result shifted by its signature. Tensors travel in binary form, then as JSON.
    Compute(&'static str),
    /// Runs the model until it answers with right values: a worker may be restarting.
    AwaitAnswer(&'static str),
    /// Lets another thread run this model as fast as it can until the steps end, and waits for
    /// its first answers. Each answer is compared with the reference maths.
    StartTraffic(&'static str),
    /// Waits until the traffic has had this many further answers.
    AwaitTraffic(u64),
    /// Puts another file in the place of a library: written beside it and renamed, as linkers do.
    Replace(&'static str, Content),
    /// Tells the server's poll that a model has changed: its model file is written anew.
    TouchModel(&'static str),
    /// Removes a model's folder.
    RemoveModel(&'static str),
    /// Waits until the model computes what the library's newest content says.
    AwaitRebuilt(&'static str),
    /// Waits until the model is no longer ready.
    AwaitGone(&'static str),
    /// Runs the model, whatever it answers, until the server gives it up and marks it unavailable;
    /// the reason is the observation.
    RunUntilGivenUp(&'static str),
    /// Some process of the server has the library mapped.
    IsMapped(&'static str),
    /// The worker of the model has the library mapped, and no other process of the server has.
    IsMappedOnlyBy(&'static str, &'static str),
    /// No process of the server has the library mapped, within a short time.
    IsUnmapped(&'static str),
    /// Notes the memory that is in use on the GPUs.
    NoteGpuMemory,
    /// The worker of the model has memory of a GPU; that is noted.
    HoldsGpuMemory(&'static str),
    /// No process of the server has memory of a GPU, within some time, and what the last
    /// [`HoldsGpuMemory`](Self::HoldsGpuMemory) found in use is free again.
    GivesGpuMemoryBack,
    /// The server has no more memory of GPUs than the last time that it was noted.
    HoldsNoMoreGpuMemory,
    /// A line of the log, within a short time, contains all these texts; `{library}` and `{file}`
    /// as in [`Expectation::message`](crate::Expectation::message).
    LogSays(Vec<String>),
    /// The index lists the model with this state.
    HasState(&'static str, &'static str),
    /// `/v2/health/live` answers with 200.
    IsLive,
    /// `/v2/health/ready` answers with 200.
    IsReady,
    /// `/v2/health/ready` answers with 400.
    IsNotReady,
    /// The two models share a worker process, or do not, as the isolation policy says.
    AreIsolated(&'static str, &'static str),
    /// The model's configuration tells that this runtime serves it.
    RunsOn(&'static str, RuntimeName),
    /// Inference on the model is refused with status 404.
    IsUnknownToInference(&'static str),
}

impl Step {
    /// Whether it looks at something that only the reference server says or has: its log, its
    /// workers, the runtime that it chose.
    pub fn asks_the_reference_server(&self) -> bool {
        matches!(
            self,
            Self::LogSays(_)
                | Self::AreIsolated(..)
                | Self::IsMappedOnlyBy(..)
                | Self::HoldsGpuMemory(_)
                | Self::RunsOn(..)
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load(model) => write!(f, "load model '{model}'"),
            Self::IsRefused(model, text) => {
                write!(f, "the load of model '{model}' is refused with \"{text}\"")
            }
            Self::Unload(model) => write!(f, "unload model '{model}'"),
            Self::AwaitLoaded(model) => write!(f, "wait until model '{model}' is loaded"),
            Self::Compute(model) => write!(f, "run model '{model}' and compare its values"),
            Self::AwaitAnswer(model) => write!(f, "wait until model '{model}' answers rightly"),
            Self::StartTraffic(model) => write!(f, "ask model '{model}' without a pause"),
            Self::AwaitTraffic(count) => write!(f, "wait for {count} further answers"),
            Self::Replace(library, content) => {
                write!(f, "replace library '{library}' by {}", content.file_name())
            }
            Self::TouchModel(model) => write!(f, "write model '{model}' anew"),
            Self::RemoveModel(model) => write!(f, "remove model '{model}'"),
            Self::AwaitRebuilt(model) => {
                write!(f, "wait until model '{model}' runs the library's new code")
            }
            Self::AwaitGone(model) => write!(f, "wait until model '{model}' is not ready"),
            Self::RunUntilGivenUp(model) => {
                write!(f, "run model '{model}' until the server gives it up")
            }
            Self::IsMapped(library) => write!(f, "library '{library}' is mapped"),
            Self::IsMappedOnlyBy(library, model) => write!(
                f,
                "library '{library}' is mapped by the worker of model '{model}' alone"
            ),
            Self::IsUnmapped(library) => write!(f, "library '{library}' is not mapped"),
            Self::NoteGpuMemory => f.write_str("note the memory in use on the GPUs"),
            Self::HoldsGpuMemory(model) => {
                write!(f, "the worker of model '{model}' has memory of a GPU")
            }
            Self::GivesGpuMemoryBack => f.write_str("the server has no memory of a GPU"),
            Self::HoldsNoMoreGpuMemory => {
                f.write_str("the server has no more memory of GPUs than before")
            }
            Self::LogSays(texts) => write!(f, "a line of the log contains {}", texts.join(" and ")),
            Self::HasState(model, state) => write!(f, "the index lists model '{model}' as {state}"),
            Self::IsLive => f.write_str("the server is live"),
            Self::IsReady => f.write_str("the server is ready"),
            Self::IsNotReady => f.write_str("the server is not ready"),
            Self::AreIsolated(first, second) => {
                write!(
                    f,
                    "models '{first}' and '{second}' are isolated as the policy says"
                )
            }
            Self::RunsOn(model, runtime) => write!(f, "model '{model}' is served by {runtime}"),
            Self::IsUnknownToInference(model) => {
                write!(f, "a request to model '{model}' is refused with status 404")
            }
        }
    }
}
