//! Starts the reference server, one of its workers, or a sub-command.

use std::ffi::OsStr;
use std::process::ExitCode;

use clap::Parser;
use reference_server::command_line::{Command, CommandLine};
use reference_server::front::options::{HANDLE_CHECK_COMMAND, LogFormat, WORKER_COMMAND};
use reference_server::front::settings::{self, LogLevel};
use reference_server::front::{self, preload};
use reference_server::measure;
use reference_server::probe;
use reference_server::protocol::log_setting::LogSettings;
use reference_server::worker;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Request buffers come and go at a few sizes; this allocator keeps their pages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let first = std::env::args_os().nth(1);
    let hidden = hidden_command(first.as_deref().unwrap_or_default());
    let outcome = if let Some(run) = hidden {
        preload::forget();
        // What a worker writes ends up in the front's log, which adds time and level.
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .without_time()
            .with_level(false)
            .with_target(false)
            .with_ansi(false)
            .init();
        run()
    } else {
        let preloaded = preload::take_over();
        let CommandLine { command, options } = CommandLine::parse();
        let level = start_log(options.log_verbose, options.log_format);
        match command {
            Some(Command::Probe(options)) => return probe::command::run(&options, &preloaded),
            Some(Command::Measure(options)) => return measure::command::run(&options, &preloaded),
            None => front::server::run(options, preloaded, level),
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the server starts of itself.
fn hidden_command(name: &OsStr) -> Option<fn() -> anyhow::Result<()>> {
    match name.to_str()? {
        WORKER_COMMAND => Some(worker::process::run),
        HANDLE_CHECK_COMMAND => Some(worker::handle_check::run),
        _ => None,
    }
}

/// Starts the log and returns what changes its level.
fn start_log(verbosity: u8, format: LogFormat) -> LogLevel {
    let level = settings::level_of(&LogSettings {
        log_verbose_level: verbosity.into(),
        ..LogSettings::default()
    });
    let (level, handle) = tracing_subscriber::reload::Layer::new(level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false);
    let log = tracing_subscriber::registry().with(level);
    match format {
        LogFormat::Text => log
            .with(lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())))
            .init(),
        LogFormat::Json => log.with(lines.json()).init(),
    }
    handle
}
