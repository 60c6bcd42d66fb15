//! What a case is, and how cases are selected.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use regex::Regex;
use runtimes::{Catalog, Framework, Runtime, RuntimeName, Size, python_libraries_for};
use serde::{Deserialize, Serialize};
use test_ops::{Format, Model};

use crate::arrangement::{Arrangement, ModelFolder, PlanFile};
use crate::expectation::{Expectation, Isolation, Profile};
use crate::gpu_memory::GpuMemoryReader;
use crate::scope::{RuntimeRange, Shard};

/// One experiment: an arrangement and what is expected of it.
#[derive(Clone, Debug, Serialize)]
pub struct Case {
    /// `suite/framework/path/name`, unique.
    pub id: String,
    /// The suite it belongs to.
    pub suite: Suite,
    /// The framework whose op libraries it is about.
    pub framework: Framework,
    /// How the op library reaches the server.
    pub path: LoadingPath,
    /// One sentence: what is arranged and what should come of it.
    pub description: String,
    /// It is one of those that stand for the suite where time is short.
    pub representative: bool,
    /// The isolation policy that it is about; `None`: it is run under the one that the run has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// What collides, in a case of the suite about names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
    /// Files, launch and steps.
    #[serde(skip)]
    pub arrangement: Arrangement,
    /// What is expected where; the first whose condition holds counts.
    pub expectations: Vec<Expectation>,
    /// What the machine must have for the case to run.
    pub needs: Vec<Need>,
}

impl Case {
    /// The last part of the id.
    pub fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }

    /// The frameworks that its models and op libraries belong to, its own first.
    pub fn frameworks(&self) -> Vec<Framework> {
        let libraries = self.arrangement.libraries.iter();
        let models = self.arrangement.models.iter();
        let mut frameworks = vec![self.framework];
        for framework in libraries
            .map(|library| library.framework)
            .chain(models.map(|folder| folder.model.format.framework()))
        {
            if !frameworks.contains(&framework) {
                frameworks.push(framework);
            }
        }
        frameworks
    }

    /// The runtime that serves its models of `framework` whatever the run is made with, where the
    /// case fixes one.
    pub fn own_runtime(&self, framework: Framework) -> Option<RuntimeName> {
        let own = self.arrangement.launch.default_runtime;
        own.filter(|runtime| runtime.framework == framework)
    }

    /// Whether it compares what is in use on the GPUs before and after, or takes all of it, so that no
    /// other case may use them meanwhile.
    pub(crate) fn needs_gpus_alone(&self) -> bool {
        let mut needs = self.needs.iter();
        needs.any(|need| matches!(need, Need::GpuMemoryReading | Need::UnusedGpus))
    }

    /// Whether the model in `folder` gets a whole plan, which TensorRT's builder writes on the machine
    /// that runs the case.
    pub(crate) fn builds_plan_of(&self, folder: &ModelFolder) -> bool {
        folder.model.format == Format::Plan
            && matches!(folder.plan, None | Some(PlanFile::ForAnotherGpu))
            && self.needs.contains(&Need::Gpu)
    }

    /// The models that need such a plan.
    pub fn plans(&self) -> impl Iterator<Item = &Model> {
        let folders = self.arrangement.models.iter();
        folders
            .filter(|folder| self.builds_plan_of(folder))
            .map(|folder| &folder.model)
    }

    /// What is expected of this case under `profile` and `isolation` with a framework of version
    /// `runtime`. `None`: the case says nothing about this combination and is skipped there.
    pub fn expectation(
        &self,
        profile: Profile,
        isolation: Isolation,
        runtime: &semver::Version,
    ) -> Option<&Expectation> {
        self.expectations
            .iter()
            .find(|expectation| expectation.when.holds(profile, isolation, runtime))
    }
}

/// What collides in a case, and in which order the server gets it. With framework, path, policy and
/// runtime, which stand beside it, it says what the case's id says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// What is arranged, such as `same-op`: the same name for every framework and path.
    pub arrangement: String,
    /// The second library comes before the first.
    pub reversed: bool,
    /// On the path preload: by the flag `--preload` in place of the variable `LD_PRELOAD`.
    pub by_flag: bool,
}

/// Defines an enum whose values have the names under which users and result files know them.
macro_rules! named {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $value:ident = $text:literal),+ $(,)? }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$inner])* #[serde(rename = $text)] $value,)+
        }

        impl $name {
            /// All values, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The name under which users and result files know it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$value => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.name() == text).ok_or_else(|| {
                    $crate::UnknownName {
                        kind: stringify!($name),
                        text: text.to_owned(),
                        known: Self::ALL.iter().map(|value| value.name()).collect(),
                    }
                })
            }
        }
    };
}
pub(crate) use named;

/// A name that stands for nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} '{text}' is not known; known are {}", known.join(", "))]
pub struct UnknownName {
    /// What the name was taken for.
    pub kind: &'static str,
    /// The name.
    pub text: String,
    /// The names that are known.
    pub known: Vec<&'static str>,
}

named! {
    /// A group of cases that asks one question.
    Suite {
        /// Does the op library load, compute and unload, and if not, who suffers and who is told?
        LoadTime = "load-time",
        /// What happens where two op libraries register the same op, and who answers?
        NameConflict = "name-conflict",
        /// What happens where an op library was built for another version of the framework, and is
        /// it told before?
        VersionMismatch = "version-mismatch",
        /// Do the op libraries and models that a user brings work here? It has no cases of its own:
        /// they are made of what is brought.
        Check = "check",
    }
}

named! {
    /// How an op library reaches a server.
    LoadingPath {
        /// The dynamic loader brings the library in: `LD_PRELOAD` at launch, or `--preload`.
        Preload = "preload",
        /// `model_operations { op_library_filename }` in the model's configuration.
        ModelConfig = "model-config",
        /// `--backend-config=<framework>,plugins=` at launch.
        BackendConfig = "backend-config",
    }
}

/// What the machine must have for a case to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// This runtime is installed, beside the default one.
    Runtime(RuntimeName),
    /// This runtime is installed in its full size, with all that its package declares.
    FullRuntime(RuntimeName),
    /// There is an NVIDIA GPU with its driver.
    Gpu,
    /// The runtime of this framework that the run is made with can execute on a GPU.
    RuntimeForGpus(Framework),
    /// The driver's management library (NVML) tells who uses the memory of the GPUs.
    GpuMemoryReading,
    /// Nothing of the GPUs' memory is used, as far as that library tells: a case may take all of it.
    UnusedGpus,
    /// There is no GPU.
    NoGpu,
    /// There is a shared library of Python, which op libraries that are extension modules take its
    /// functions from.
    PythonLibrary,
}

impl Need {
    /// Whether the machine with these runtimes installed has it.
    pub(crate) fn is_met(&self, installed: &[Runtime]) -> bool {
        let has = |name: &RuntimeName, size: Size| {
            installed
                .iter()
                .any(|runtime| runtime.name == *name && runtime.size >= size)
        };
        match self {
            Self::Runtime(name) => has(name, Size::Small),
            Self::FullRuntime(name) => has(name, Size::Full),
            Self::Gpu => has_gpu(),
            Self::RuntimeForGpus(framework) => {
                let mut own = installed
                    .iter()
                    .filter(|it| it.name.framework == *framework);
                own.next().is_some_and(is_for_gpus)
            }
            Self::GpuMemoryReading => {
                GpuMemoryReader::open().is_ok_and(|reader| reader.read().is_ok())
            }
            Self::UnusedGpus => {
                GpuMemoryReader::open().is_ok_and(|reader| reader.finds_gpus_unused())
            }
            Self::NoGpu => !has_gpu(),
            Self::PythonLibrary => !python_libraries_for(Path::new(""), None).is_empty(),
        }
    }

    /// What to do where it is missing, as the end of a sentence.
    pub(crate) fn remedy(&self) -> String {
        match self {
            Self::Runtime(name) => {
                format!("install it with `cargo harness setup --runtime {name}`")
            }
            Self::FullRuntime(name) => {
                format!(
                    "run with --full, or install it with `cargo harness setup --runtime {name} \
                     --full`"
                )
            }
            Self::Gpu => "run it on a machine that has one".to_owned(),
            Self::RuntimeForGpus(framework) => Catalog::builtin().for_gpus(*framework).map_or_else(
                || "name one with --runtime".to_owned(),
                |entry| {
                    let name = entry.name();
                    format!(
                        "install {name} with `cargo harness setup --runtime {name} --full` and run \
                         with `--runtime {name}`"
                    )
                },
            ),
            Self::GpuMemoryReading => {
                "make libnvidia-ml.so.1 visible, which comes with the driver \
                                       (in a container: its capability utility)"
                    .to_owned()
            }
            Self::UnusedGpus => "end what uses them (nvidia-smi lists it), or run it on another \
                                 machine"
                .to_owned(),
            Self::NoGpu => "run it on a machine that has none".to_owned(),
            Self::PythonLibrary => {
                "install it (Debian and Ubuntu: apt-get install libpython3-dev)".to_owned()
            }
        }
    }
}

/// Whether the framework's part for GPUs is there.
fn is_for_gpus(runtime: &Runtime) -> bool {
    let has = |file: &str| runtime.main_library.with_file_name(file).is_file();
    match runtime.name.framework {
        Framework::OnnxRuntime => has("libonnxruntime_providers_cuda.so"),
        Framework::PyTorch => has("libtorch_cuda.so"),
        Framework::TensorFlow => runtime.size == Size::Full,
        Framework::TensorRt => true,
    }
}

/// Whether the NVIDIA driver shows a GPU.
pub fn has_gpu() -> bool {
    Path::new("/dev/nvidia0").exists() || Path::new("/dev/dxg").exists()
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(name) => write!(f, "runtime {name}"),
            Self::FullRuntime(name) => write!(f, "runtime {name} in its full size"),
            Self::Gpu => f.write_str("an NVIDIA GPU"),
            Self::RuntimeForGpus(framework) => {
                write!(f, "a runtime of {} for GPUs", framework.title())
            }
            Self::GpuMemoryReading => {
                f.write_str("NVIDIA's management library, which tells the memory of the GPUs")
            }
            Self::UnusedGpus => f.write_str("NVIDIA GPUs that nobody uses"),
            Self::NoGpu => f.write_str("a machine without an NVIDIA GPU"),
            Self::PythonLibrary => f.write_str("a shared library of Python"),
        }
    }
}

/// Which cases are wanted. Empty lists select everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Frameworks.
    pub frameworks: Vec<Framework>,
    /// Suites.
    pub suites: Vec<Suite>,
    /// A pattern that the id must match somewhere.
    pub filter: Option<Regex>,
    /// Only those that stand for their suite.
    pub representative: bool,
    /// The runtimes that the suites about names and versions go through.
    pub runtimes: RuntimeRange,
    /// One part of the cases, where the run is spread over several machines.
    pub shard: Option<Shard>,
}

impl Selection {
    /// Whether `case` is wanted.
    pub fn selects(&self, case: &Case) -> bool {
        (!self.representative || case.representative)
            && (self.frameworks.is_empty() || self.frameworks.contains(&case.framework))
            && (self.suites.is_empty() || self.suites.contains(&case.suite))
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.is_match(&case.id))
    }
}
