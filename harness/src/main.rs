//! The `harness` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    harness::commands::execute(&harness::command_line::Arguments::parse())
}
