//! The sub-command's arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use runtimes::RuntimeArgument;

use crate::front::options::seconds;

/// What is opened, and where.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXIT_STATUS)]
pub struct ProbeOptions {
    /// The runtime: the name of an installed one, or a path in place.
    #[arg(long, value_name = "NAME|FRAMEWORK=PATH")]
    pub runtime: RuntimeArgument,
    /// Where runtimes are installed; the user's cache folder where not given.
    #[arg(long, value_name = "DIR")]
    pub runtime_cache: Option<PathBuf>,
    /// Seconds that each step may take: mapping the runtime, opening a library, describing its ops.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub load_timeout: Duration,
    /// Op library.
    #[arg(value_name = "LIBRARY", required = true, value_parser = path)]
    pub libraries: Vec<PathBuf>,
}

/// The exit status where the experiment could not be made.
pub const NOT_MADE: u8 = 3;

const EXIT_STATUS: &str = "Exit status:
  0  the experiment was made, whatever came of it
  2  the command line is wrong
  3  the runtime is not installed or cannot be used, or no process could be started";

/// An absolute path: the dynamic loader searches for a name without a folder. As text, since JSON
/// holds no other.
fn path(text: &str) -> Result<PathBuf, std::io::Error> {
    std::path::absolute(text)
}
