//! The program's command line: the server, or a sub-command.

use clap::{Parser, Subcommand};

use crate::front::options::Options;
use crate::measure::options::MeasureOptions;
use crate::probe::options::ProbeOptions;

/// Serves models with custom operators over the KServe v2 protocol, each set of op libraries in a
/// worker process of its own.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "reference-server",
    version,
    arg_required_else_help = true,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
pub struct CommandLine {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What a server is started with; of no meaning where there is a command.
    #[command(flatten)]
    pub options: Options,
}

/// What the program does instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Opens op libraries in a throw-away process and prints as JSON what each of them registered.
    ///
    /// The libraries are opened in the given order in one process of one runtime, by the code that
    /// serves models and without an inspection before it. Those behind one that fails are not
    /// reached. Standard output holds the JSON alone, standard error the log.
    Probe(ProbeOptions),
    /// Executes models in this process, without a server, and times them and their GPU kernels.
    ///
    /// Models are loaded by the code that serves them. What is done is asked on standard input, one
    /// JSON object a line, and answered on standard output likewise.
    Measure(MeasureOptions),
}

const EXAMPLES: &str = "Examples:
  reference-server --model-repository /models
  reference-server --model-repository /models --model-control-mode explicit --load-model resnet
  reference-server --model-repository /models --runtime onnxruntime=/opt/onnxruntime/lib \\
      --op-library-root /opt/ops
  reference-server --model-repository /models --backend-config=tensorrt,plugins=/opt/ops/liba.so
  reference-server --model-repository /models --preload /opt/ops/libb.so;
  reference-server probe --runtime pytorch-2.11.0 /opt/ops/liba.so";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from([&["reference-server"], arguments].concat())
    }

    #[test]
    fn a_server_needs_a_repository_and_a_command_does_not() {
        assert!(parse(&["--http-port", "0"]).is_err());
        assert!(
            parse(&["--model-repository", "/m"])
                .unwrap()
                .command
                .is_none()
        );
        let probe = parse(&["probe", "--runtime", "pytorch-2.11.0", "a.so", "/b.so"]).unwrap();
        let Some(Command::Probe(options)) = probe.command else {
            panic!("no probe");
        };
        assert!(options.libraries[0].is_absolute());
        assert_eq!(options.load_timeout.as_secs(), 60);
    }

    #[test]
    fn a_probe_takes_no_flags_of_the_server() {
        for wrong in [
            &[
                "--model-repository",
                "/m",
                "probe",
                "--runtime",
                "pytorch-2.11.0",
                "a.so",
            ][..],
            &["probe", "--runtime", "pytorch-2.11.0"],
            &["probe", "--runtime", "torch", "a.so"],
            &["probe", "a.so"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
