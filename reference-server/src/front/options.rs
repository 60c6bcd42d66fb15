//! The server's flags. Names are tritonserver's wherever the same thing exists there.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};

use super::admission::default_connections;
use super::backend_setting::BackendSetting;
use super::grpc::options::GrpcOptions;
use super::restriction::Restriction;
use super::tls::options::HttpTlsOptions;
use super::worker::Limits;

/// The hidden sub-command with which the server starts its workers.
pub const WORKER_COMMAND: &str = "worker";

/// The hidden sub-command with which the server starts the process that checks CUDA handles.
pub const HANDLE_CHECK_COMMAND: &str = "check-cuda-handles";

/// Which models share a worker process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Isolation {
    /// One worker for everything, as in Triton: one crash takes all models, nothing is unloaded.
    Shared,
    /// One worker for each framework's runtime.
    Backend,
    /// One worker for each runtime and ordered set of op libraries, told apart by content.
    OpSet,
    /// One worker for each model.
    Model,
}

/// What decides which models are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModelControlMode {
    /// All models of the repositories, at start.
    None,
    /// All models, and changes to the repositories are picked up.
    Poll,
    /// Models named by --load-model, and what clients load and unload.
    Explicit,
}

/// What happens to a model whose op libraries do not fit the default runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RuntimeSelect {
    /// An installed runtime that they fit serves it.
    Auto,
    /// It is refused.
    Strict,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What a server is started with.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Folder of models; may be given several times.
    #[arg(
        long,
        visible_alias = "model-store",
        value_name = "DIR",
        required = true
    )]
    pub model_repository: Vec<PathBuf>,
    /// What decides which models are loaded.
    #[arg(long, value_enum, default_value = "none")]
    pub model_control_mode: ModelControlMode,
    /// Model to load at start in explicit mode; may be given several times, `*` for all.
    #[arg(long, value_name = "NAME")]
    pub load_model: Vec<String>,
    /// Seconds between two looks at the repositories in poll mode.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    pub repository_poll_secs: u64,
    /// End at start where a model cannot be loaded.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub exit_on_error: bool,
    /// Call the server ready only while all models are.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub strict_readiness: bool,
    /// Ask no model for what its configuration leaves out.
    #[arg(long)]
    pub disable_auto_complete_config: bool,
    /// Seconds that requests under way have to finish at shutdown.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub exit_timeout_secs: u64,
    /// The server's name in its metadata.
    #[arg(long, value_name = "NAME", default_value = "reference-server")]
    pub id: String,

    /// Serve HTTP.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub allow_http: bool,
    /// Address for HTTP.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub http_address: IpAddr,
    /// Port for HTTP; 0 takes a free one and logs it.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub http_port: u16,
    /// Threads that serve connections; half the processors, 8 at most, where not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=512))]
    pub http_thread_count: Option<u16>,
    /// Largest request body, also after decompression.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
    pub http_max_input_size: u64,
    /// Parts of the HTTP interface that take a header with this value; may be given several times.
    #[arg(long, value_name = "API[,API]:KEY=VALUE")]
    pub http_restricted_api: Vec<Restriction>,
    /// Whether HTTP is served over TLS.
    #[command(flatten)]
    pub http_tls: HttpTlsOptions,

    /// Connections that HTTP and gRPC each serve at the same time; a quarter of the open files that the
    /// system allows, 4096 at most, where not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: Option<u32>,
    /// Seconds that a client may take to send the head of its next request or the first frames of a
    /// gRPC connection, and to send or receive the next part of a body or message.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub client_timeout: Duration,

    /// How gRPC is served.
    #[command(flatten)]
    pub grpc: GrpcOptions,

    /// Serve metrics.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub allow_metrics: bool,
    /// Address for metrics; that of HTTP where not given.
    #[arg(long, value_name = "ADDRESS")]
    pub metrics_address: Option<IpAddr>,
    /// Port for metrics; 0 takes a free one and logs it.
    #[arg(long, value_name = "PORT", default_value_t = 8002)]
    pub metrics_port: u16,

    /// Which models share a worker process.
    #[arg(long, value_enum, default_value = "op-set")]
    pub isolation: Isolation,
    /// A framework's runtime: the name of an installed one, or a path in place. The first of a
    /// framework is its default.
    #[arg(long, value_name = "NAME|FRAMEWORK=PATH")]
    pub runtime: Vec<String>,
    /// Where runtimes are installed; the user's cache folder where not given.
    #[arg(long, value_name = "DIR")]
    pub runtime_cache: Option<PathBuf>,
    /// What happens to a model whose op libraries do not fit the default runtime.
    #[arg(long, value_enum, default_value = "auto")]
    pub runtime_select: RuntimeSelect,
    /// Op libraries that workers are started with, as LD_PRELOAD does, separated by colons; may be
    /// given several times.
    #[arg(long, value_name = "LIBRARY[:LIBRARY]")]
    pub preload: Vec<String>,
    /// Setting of a framework; `plugins` lists op libraries for all its models, separated by
    /// semicolons. May be given several times.
    #[arg(long, value_name = "FRAMEWORK,KEY=VALUE")]
    pub backend_config: Vec<BackendSetting>,
    /// Folder beside the model repositories from which op libraries may be loaded; may be given
    /// several times.
    #[arg(long, value_name = "DIR")]
    pub op_library_root: Vec<PathBuf>,

    /// Bytes of shared memory that each worker pins for inputs and outputs of its GPUs; 0 pins none.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20)]
    pub pinned_memory_pool_byte_size: u64,

    /// Seconds that loading one model may take.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub load_timeout: Duration,
    /// Seconds that one execution may take.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub execution_timeout: Duration,

    /// 0 tells what happens, 1 and more tell every step.
    #[arg(long, value_name = "LEVEL", default_value_t = 0)]
    pub log_verbose: u8,
    /// How log lines are written.
    #[arg(long, value_enum, default_value = "text")]
    pub log_format: LogFormat,
}

/// Reads a positive number of seconds.
///
/// # Errors
/// It is none.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| format!("'{text}' is no number of seconds"))?;
    match Duration::try_from_secs_f64(number) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("'{text}' is no positive number of seconds")),
    }
}

impl Isolation {
    /// Whether models with different op libraries never share a worker.
    pub const fn separates_op_sets(self) -> bool {
        matches!(self, Self::OpSet | Self::Model)
    }
}

impl Options {
    /// Time limits of workers.
    pub fn limits(&self) -> Limits {
        Limits {
            load: self.load_timeout,
            execution: self.execution_timeout,
        }
    }

    /// Threads that serve connections.
    pub fn threads(&self) -> usize {
        self.http_thread_count.map_or_else(
            || {
                let processors = std::thread::available_parallelism().map_or(1, usize::from);
                (processors / 2).clamp(1, 8)
            },
            usize::from,
        )
    }

    /// Connections that HTTP and gRPC each serve at the same time.
    pub fn connections(&self) -> usize {
        self.max_connections
            .map_or_else(default_connections, |connections| connections as usize)
    }

    /// Address for metrics.
    pub fn metrics_address(&self) -> IpAddr {
        self.metrics_address.unwrap_or(self.http_address)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command_line::CommandLine;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let program = ["reference-server", "--model-repository", "/m"];
        let parsed = CommandLine::try_parse_from([&program, arguments].concat())?;
        Ok(parsed.options)
    }

    #[test]
    fn switches_take_a_value_as_tritonserver_does() {
        assert!(parse(&[]).unwrap().exit_on_error);
        assert!(!parse(&["--exit-on-error=false"]).unwrap().exit_on_error);
        assert!(
            !parse(&["--strict-readiness", "0"])
                .unwrap()
                .strict_readiness
        );
        assert!(parse(&["--allow-http=maybe"]).is_err());
    }

    #[test]
    fn limits_are_positive() {
        assert_eq!(
            parse(&["--load-timeout", "0.5"]).unwrap().limits().load,
            Duration::from_millis(500)
        );
        for bad in ["0", "-1", "nan", "1e400", "soon"] {
            assert!(parse(&["--load-timeout", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_misspelt_value_gets_a_suggestion() {
        let message = parse(&["--isolation", "opset"]).unwrap_err().to_string();
        assert!(message.contains("op-set"), "{message}");
    }
}
