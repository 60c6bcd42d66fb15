//! Why a case is not there for a framework or on a loading path. Each is a clause that completes
//! "not there, because …".

pub const GIVEN_TO_ALL: &str = "a library that is given at launch belongs to no model";
pub const STAYS_FOR_ALL: &str =
    "a library that is given at launch stays as long as the framework has a worker";
pub const ONLY_GIVEN_TO_ALL: &str = "the library of one model is not given to all";
pub const FRONT_RESOLVES: &str =
    "the front resolves paths, in the same way for every framework: ONNX Runtime stands for all";
pub const FRONT_CONTROLS: &str =
    "model control is the front's, the same for every framework: ONNX Runtime stands for all";
pub const LAUNCHER_DECIDES: &str =
    "whoever launches the server decides what it loads: roots limit models only";
pub const OP_IS_THE_SAME: &str =
    "what an op computes does not depend on how its library came: model-config stands for all";
pub const LOADER_IS_THE_SAME: &str = "the dynamic loader runs initializers before the framework sees the library: ONNX Runtime \
     stands for all";
pub const NO_API_LEVELS: &str = "only ONNX Runtime has levels of a C interface";
pub const NO_ENTRY_POINT: &str =
    "libraries register from static initializers: there is no entry point";
pub const REGISTRATION_CANNOT_FAIL: &str = "libraries register from static initializers, which report nothing: see \
     static-initializer-throws";
pub const NOT_CLOSED: &str = "a library of this framework is never closed in a living worker: it goes with the worker, \
     whatever pins it";
pub const MANY_WORKERS: &str =
    "how many models a worker holds does not depend on the framework: ONNX Runtime stands for all";
pub const RETURNS_NO_STATUS: &str = "an op of this framework reports errors by throwing";
pub const ONE_INTERFACE: &str =
    "the catalogued releases share one soname and interface: a library for one fits the other";
pub const LAUNCH_IS_FOR_DEFAULT: &str =
    "a library that is given at launch is one for the default runtime";
pub const SERVER_SETS_PATH: &str =
    "the server hands its workers the library path: nothing is missing";
pub const NEEDS_NO_RUNTIME_LIBRARY: &str =
    "op libraries of ONNX Runtime need no library of the runtime";
pub const NOT_IN_DOCUMENTATION: &str = "the flag is this server's own, no command of Triton has it";
pub const NO_DEVICE_KERNELS: &str = "the sample library has no kernels for GPUs";
pub const IS_ABOUT_PLANS: &str = "only TensorRT has plans";
pub const RUNS_WHERE_IT_WAS_BUILT: &str = "a plan runs with the release that built it";
pub const SEVERAL_TOGETHER: &str = "see libraries-of-launch-and-model, on the path backend-config";
pub const NO_SIGNATURES: &str =
    "TensorRT's registry knows nothing of a plugin's inputs: see same-op";
pub const NO_NAMESPACES: &str = "TensorFlow's ops have no namespaces: another prefix is another op";
pub const NO_VERSIONS: &str = "only TensorRT's ops have versions";
pub const KERNELS_WITH_OPS: &str = "an op is registered together with its kernel: see same-op";
pub const NO_BUILT_IN_PLUGINS: &str = "TensorRT has no plugins but those of libraries";
pub const PLUGIN_LIBRARY_IS_LISTED: &str =
    "NVIDIA's own plugins come with a library, which stands in --backend-config";
pub const EXECUTED_ANYWHERE: &str = "the other cases execute the op, on any machine";
pub const PRELOADED_ANYWAY: &str = "the other library comes by the configuration";
pub const SEE_PRELOADED_AND_CONFIGURED: &str = "see preloaded-and-configured";
