//! The sub-command's arguments.

use std::path::PathBuf;

use clap::Args;
use runtimes::RuntimeArgument;

/// What is measured with.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub struct MeasureOptions {
    /// The runtime: the name of an installed one, or a path in place.
    #[arg(long, value_name = "NAME|FRAMEWORK=PATH")]
    pub runtime: RuntimeArgument,
    /// Where runtimes are installed; the user's cache folder where not given.
    #[arg(long, value_name = "DIR")]
    pub runtime_cache: Option<PathBuf>,
    /// NVIDIA's CUPTI (libcupti.so.13, say), which has the times of kernels; looked for beside the
    /// runtime and on the system where not given.
    #[arg(long, value_name = "PATH", env = "REFERENCE_SERVER_CUPTI")]
    pub cupti: Option<PathBuf>,
    /// Bytes of inputs and outputs that are pinned, so that a GPU copies them without the CPU's help; 0
    /// pins nothing, and there is no limit where it is not given.
    #[arg(long, value_name = "BYTES", default_value_t = u64::MAX, hide_default_value = true)]
    pub pinned_memory_pool_byte_size: u64,
}

/// The exit status where nothing could be measured.
pub const NOT_READY: u8 = 3;

const EXIT_STATUS: &str =
    "Standard input and output hold one JSON object a line, a request and its \
reply; standard error holds the log.

Exit status:
  0  standard input came to its end
  2  the command line is wrong
  3  the runtime is not installed or cannot be used, or a line is no request";
