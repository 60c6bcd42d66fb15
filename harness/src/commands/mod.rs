//! What each command does. A command returns its exit status; an error is told to the user by the
//! caller and ends with the status that belongs to it.

mod against;
mod baseline;
mod bench;
mod build_plans;
mod bundle;
mod check;
mod closing;
mod gate;
mod inspect;
mod list;
mod merge;
mod provision;
mod report;
mod run;
mod runtimes;
mod setup;
mod unbundle;
mod work;

use std::process::ExitCode;

use crate::command_line::{Arguments, Command};
use crate::exit_code::Exit;

/// Why a command ended without doing its work, and the exit status that says so.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// A failure of the command line.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Usage,
            error: error.into(),
        }
    }

    /// Something on the machine.
    fn environment(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Environment,
            error: error.into(),
        }
    }

    /// A defect of the harness.
    fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::Internal,
            error: error.into(),
        }
    }
}

/// Does what the command line says and returns the exit status.
#[must_use]
pub fn execute(arguments: &Arguments) -> ExitCode {
    let done = match &arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Bench(arguments) => bench::bench(arguments),
        Command::Bundle(arguments) => bundle::bundle(arguments),
        Command::Unbundle(arguments) => unbundle::unbundle(arguments),
        Command::BuildPlans(arguments) => build_plans::build_plans(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Inspect(arguments) => inspect::inspect(arguments),
        Command::List(arguments) => list::list(arguments),
        Command::Merge(arguments) => merge::merge(arguments),
        Command::Setup(arguments) => setup::setup(arguments),
        Command::Runtimes(arguments) => runtimes::runtimes(arguments),
        Command::Report(arguments) => report::report(arguments),
        Command::Baseline(arguments) => baseline::baseline(arguments),
        Command::Gate(arguments) => gate::gate(arguments),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(Failure { exit, error }) => {
            eprintln!("error: {}", sentence(&error));
            exit.into()
        }
    }
}

/// An error with its causes, as far as it does not tell them itself.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Writes to standard output. A reader that went away (`harness list | head`) is no error.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut output = std::io::stdout().lock();
    match output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::environment(
            anyhow::Error::new(error).context("failed to write the output"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("no space is left");
        let told = anyhow::Error::new(cause()).context("failed to write 'x': no space is left");
        assert_eq!(sentence(&told), "failed to write 'x': no space is left");
        let untold = anyhow::Error::new(cause()).context("failed to write 'x'");
        assert_eq!(sentence(&untold), "failed to write 'x': no space is left");
    }
}
