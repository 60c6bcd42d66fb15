//! Commands and their options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use regex::Regex;
use runtimes::{Framework, RuntimeArgument, RuntimeName};
use suites::{Isolation, Profile, RuntimeRange, Selection, Shard, Suite};

use super::bench::{Bench, bench_exit_codes};
use super::gate::{Baseline, Gate};
use super::{ByteSize, names};
use crate::exit_code::Exit;

/// Conformance and benchmark harness for custom operators
///
/// Builds sample op libraries, runs them in a reference server under everything that goes well and
/// wrong with op libraries in production, measures start-up and serving, and writes a report.
#[derive(Debug, Parser)]
#[command(name = "harness", version, max_term_width = 100, after_help = exit_codes(), after_long_help = format!("{EXAMPLES}\n\n{}", exit_codes()))]
pub struct Arguments {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "Examples:
  cargo harness run                               set everything up, run everything, write a report
  cargo harness run --quick                       what stands for it, in a few minutes
  cargo harness run --filter 'unload|reload'      cases and measurements whose id matches
  cargo harness run --filter '^serving/'          measure serving alone
  cargo harness run --runtime pytorch-2.11.0 --runtime pytorch-2.9.1
                                                  these runtimes of PyTorch
  cargo harness run --shard 2/4                   the second quarter of a run
  cargo harness run --profile triton --server-bin /opt/tritonserver/bin/tritonserver
                                                  where a Triton departs from its profile
  cargo harness merge part-1/* part-2/*           one report of several parts
  cargo harness bundle --out bundle --split 60MiB
                                                  everything that a run needs, for a machine that
                                                  can build nothing
  cargo harness build-plans --out models         the TensorRT plans of the samples, for this GPU, as a
                                                  model repository
  cargo harness check --library build/libops.so --runtime pytorch-2.11.0
                                                  does this library work there?
  cargo harness bench --url grpc://127.0.0.1:8001 --model resnet --concurrency 1:64:2x
                                                  how fast is this server?
  cargo harness list --format json                every case, for a script
  cargo harness setup --runtime pytorch-2.11.0 --full
                                                  PyTorch with all CUDA packages
  cargo harness report results/20260102T030405Z-0123456
  cargo harness baseline save main --runs results/2026*
                                                  keep the measurements of these runs
  cargo harness gate --baseline main --runs results/2027*
                                                  are these slower than those?
  cargo harness gate --against origin/main --filter '^serving/onnxruntime'
                                                  is this revision slower than that one?";

pub(super) fn exit_codes() -> String {
    let lines = Exit::ALL.map(|exit| format!("  {:>2}  {}", exit.code(), exit.meaning()));
    format!("Exit status:\n{}", lines.join("\n"))
}

fn check_exit_codes() -> String {
    format!(
        "Exit status 0 says that every library works with at least one of the runtimes, that every \
         model is served and gets through its first run and its unload, and that all of it was \
         foretold.\nExit status 1 says that a library works with none of the runtimes, that a model \
         is not served, or that something came otherwise than foretold. A library that works with \
         some runtimes only is no failure: name the one that you run with --runtime.\n\n{}",
        exit_codes()
    )
}

fn inspect_exit_codes() -> String {
    format!(
        "Exit status 0 says that every library loads, or may load (needs-trial), in at least one of \
         the runtimes that it was judged against: those that were named, or else all that are \
         installed of its framework.\nExit status 1 says that a library fails or registers nothing \
         in each of them, or belongs to no framework; 2 that a file could not be opened; 3 that no \
         runtime of a library's framework is installed.\n\n{}",
        exit_codes()
    )
}

fn gate_exit_codes() -> String {
    format!(
        "A measurement is a regression where it is worse by more than --max-regression, by more than a \
         smallest change in its unit, and by more than runs of one build differ. It is inconclusive where \
         noise does as much, or could hide twice the limit.\n\nExit status 0 says that all measurements \
         pass; 4 that one or more are regressions; 5 that none is, and one or more are inconclusive; 3 \
         that both sides were measured on different machines or in different configurations.\n\n{}",
        exit_codes()
    )
}

fn build_plans_exit_codes() -> String {
    format!(
        "A plan holds code for one kind of GPU and runs with the TensorRT that built it, so plans are \
         built on the machine that is to run them. They are kept in the cache, where `harness run` \
         finds them, by TensorRT's version, the GPU with its driver, the model and the content of the \
         op library. Plans of your own networks are TensorRT's own tool's: `trtexec \
         --saveEngine=model.plan`.\n\nExit status 0 says that every plan is there. Exit status 3 says \
         that there is no GPU or no builder (TensorRT 8 in its full size), or that a plan could not \
         be built; each is told with what to do.\n\n{}",
        exit_codes()
    )
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the cases, measure, and write a report
    #[command(after_help = exit_codes())]
    Run(Run),
    /// Put a server under load that speaks KServe v2, measure, and write a report
    #[command(after_help = bench_exit_codes())]
    Bench(Bench),
    /// Join the results of the parts of one run into one report
    #[command(after_help = exit_codes())]
    Merge(Merge),
    /// Pack everything that a run needs, for a machine without Rust, compiler, Python and network
    #[command(after_help = exit_codes())]
    Bundle(Bundle),
    /// Check and unpack the parts of a bundle, as its first part does when it is executed
    #[command(after_help = exit_codes())]
    Unbundle(Unbundle),
    /// Build the TensorRT plans of the sample models for the GPU of this machine
    #[command(after_help = build_plans_exit_codes())]
    BuildPlans(BuildPlans),
    /// Say what op libraries are, which installed runtimes they work with, and what to change
    #[command(after_help = inspect_exit_codes())]
    Inspect(Inspect),
    /// Check op libraries of yours, and models that need them, and write a report
    #[command(after_help = check_exit_codes())]
    Check(Check),
    /// Print the cases without running them
    List(List),
    /// Install runtimes: the default of every framework, and what the cases need
    Setup(Setup),
    /// List the runtimes that are installed and those that can be
    Runtimes(Runtimes),
    /// Render the report and the tables of a run again from its results.json
    Report(Report),
    /// Keep the measurements of runs, for `harness gate` to compare others with
    #[command(after_help = exit_codes())]
    Baseline(Baseline),
    /// Say whether measurements became worse, beyond what noise explains
    #[command(after_help = gate_exit_codes())]
    Gate(Gate),
}

/// Which cases.
#[derive(Debug, Clone, Args)]
pub struct Select {
    /// Only cases and measurements of this framework; may be given several times
    #[arg(long, value_name = "NAME", value_parser = names::framework())]
    pub framework: Vec<Framework>,
    /// Only cases of this suite, and no measurements; may be given several times
    #[arg(long, value_name = "NAME", value_parser = names::suite())]
    pub suite: Vec<Suite>,
    /// Only cases and measurements whose id matches this regular expression somewhere
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<Regex>,
    /// With this runtime of the catalogue, which is installed where it is missing; may be given
    /// several times. The suites name-conflict and version-mismatch go through all that are given
    /// of a framework; load-time and the measurements are made with the first. [default: the
    /// default runtime of each framework and, where a suite goes through several, one other]
    #[arg(long = "runtime", value_name = "NAME", value_parser = names::runtime())]
    pub runtimes: Vec<RuntimeName>,
    /// With every runtime of the catalogue where a suite goes through several, for the frameworks of
    /// which --runtime names none; a runtime is installed in its full size, which is several
    /// gigabytes, where a case needs that, and without --full such a case is skipped unless the
    /// full size is there
    #[arg(long)]
    pub full: bool,
    /// Only the I-th of N parts of the cases and measurements, so that N machines can share a run;
    /// `cargo harness merge` joins their results
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
}

impl Select {
    /// The selection of cases.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection {
            frameworks: self.framework.clone(),
            suites: self.suite.clone(),
            filter: self.filter.clone(),
            representative: false,
            runtimes: self.range(),
            shard: self.shard,
        }
    }

    /// This selection, and what `other` selects where this one leaves it open. Runtimes of `other` are
    /// taken of the frameworks of which this one names none.
    #[must_use]
    pub fn or(&self, other: Self) -> Self {
        fn first<T: Clone>(own: &[T], other: Vec<T>) -> Vec<T> {
            if own.is_empty() { other } else { own.to_vec() }
        }
        // Also those of frameworks that are not selected: a case may have models of several.
        let mut runtimes = self.runtimes.clone();
        runtimes.extend(other.runtimes.into_iter().filter(|name| {
            let mut named = self.runtimes.iter();
            named.all(|own| own.framework != name.framework)
        }));
        Self {
            suite: first(&self.suite, other.suite),
            filter: self.filter.clone().or(other.filter),
            full: self.full || other.full,
            shard: self.shard.or(other.shard),
            framework: first(&self.framework, other.framework),
            runtimes,
        }
    }

    /// The options that select the same.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        fn option(name: &str, value: impl ToString) -> [String; 2] {
            [format!("--{name}"), value.to_string()]
        }
        let frameworks = self
            .framework
            .iter()
            .flat_map(|name| option("framework", name));
        let suites = self.suite.iter().flat_map(|name| option("suite", name));
        let filter = self
            .filter
            .iter()
            .flat_map(|filter| option("filter", filter));
        let runtimes = self
            .runtimes
            .iter()
            .flat_map(|name| option("runtime", name));
        let shard = self.shard.iter().flat_map(|shard| option("shard", shard));
        let full = self.full.then(|| "--full".to_owned());
        frameworks
            .chain(suites)
            .chain(filter)
            .chain(runtimes)
            .chain(shard)
            .chain(full)
            .collect()
    }

    /// The runtimes that the suites about names and versions go through.
    fn range(&self) -> RuntimeRange {
        match (self.full, self.runtimes.as_slice()) {
            (false, []) => RuntimeRange::DefaultAndOther,
            (true, []) => RuntimeRange::All,
            (false, named) => RuntimeRange::Named(named.to_vec()),
            (true, named) => {
                let others = Framework::ALL
                    .into_iter()
                    .filter(|framework| named.iter().all(|name| name.framework != *framework))
                    .flat_map(|framework| RuntimeRange::All.of(framework));
                RuntimeRange::Named(named.iter().copied().chain(others).collect())
            }
        }
    }
}

/// Whose behaviour is expected.
#[derive(Debug, Clone, Args)]
pub struct Subject {
    /// Whose behaviour is expected. Triton is launched with the flags that it knows and is not
    /// measured; a case that needs a backend which it does not have is skipped
    #[arg(long, value_name = "NAME", default_value = "reference", value_parser = names::profile())]
    pub profile: Profile,
    /// How the reference server groups models into worker processes [default: op-set]; in Triton all
    /// models share one process
    #[arg(long, value_name = "POLICY", value_parser = names::isolation())]
    pub isolation: Option<Isolation>,
}

impl Subject {
    /// The isolation policy: the one that was asked for, or else the server's default.
    ///
    /// # Errors
    /// The server does not know it.
    pub fn isolation(&self) -> Result<Isolation, NoSuchIsolation> {
        match (self.profile, self.isolation) {
            (Profile::Reference, isolation) => Ok(isolation.unwrap_or(Isolation::OpSet)),
            (Profile::Triton, None | Some(Isolation::Shared)) => Ok(Isolation::Shared),
            (Profile::Triton, Some(isolation)) => Err(NoSuchIsolation { isolation }),
        }
    }
}

/// An isolation policy was asked for that the server does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--profile triton knows no isolation policy {isolation}: all models of Triton share one process; \
     leave out --isolation, or say `--isolation shared`"
)]
pub struct NoSuchIsolation {
    isolation: Isolation,
}

/// Where runtimes are.
#[derive(Debug, Clone, Args)]
pub struct Cache {
    /// Folder for installed runtimes and built op libraries [default: $CUSTOM_OP_HARNESS_CACHE, or
    /// custom-op-harness in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

/// `harness run`
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// Which cases
    #[command(flatten)]
    pub select: Select,
    /// The server and whose behaviour is expected of it
    #[command(flatten)]
    pub subject: Subject,
    /// Folder in which the folder of this run is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results_dir: PathBuf,
    /// Cases that run at the same time [default: by processors and available memory]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Take the measurements in about a fifth of the time and, unless --filter or --suite is given,
    /// run only the cases that stand for their suite
    #[arg(long)]
    pub quick: bool,
    /// Use this server executable instead of building the reference server. With --profile triton:
    /// the tritonserver of an installation, such as /opt/tritonserver/bin/tritonserver
    #[arg(long, value_name = "FILE", required_if_eq("profile", "triton"))]
    pub server_bin: Option<PathBuf>,
    /// Run from the bundle that was unpacked in this folder: nothing is built or installed. What the
    /// command line does not select is as the bundle was made for
    #[arg(long, value_name = "DIR", conflicts_with_all = ["server_bin", "cache_dir"])]
    pub bundle: Option<PathBuf>,
    /// Where this machine has a runtime that was left out of the bundle
    /// (pytorch=…/site-packages/torch); may be given several times
    #[arg(long, value_name = "FRAMEWORK=PATH", requires = "bundle", value_parser = runtime_at)]
    pub runtime_at: Vec<RuntimeArgument>,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

fn runtime_at(text: &str) -> Result<RuntimeArgument, String> {
    match text.parse() {
        Ok(place @ RuntimeArgument::InPlace(..)) => Ok(place),
        Ok(RuntimeArgument::Installed(_)) => Err(format!(
            "'{text}' is no place: expected FRAMEWORK=PATH, such as pytorch=/opt/torch"
        )),
        Err(error) => Err(error.to_string()),
    }
}

/// `harness bundle`
#[derive(Debug, Args)]
pub struct Bundle {
    /// Folder for the parts; copy all of them, and execute part-000
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Longest part, such as 60MiB [default: everything in one part]
    #[arg(long, value_name = "SIZE")]
    pub split: Option<ByteSize>,
    /// Which cases
    #[command(flatten)]
    pub select: Select,
    /// For `harness run --quick`
    #[arg(long)]
    pub quick: bool,
    /// Leave out the files of this runtime, which the other machine has: it is told with
    /// `harness run --bundle DIR --runtime-at FRAMEWORK=PATH`. Op libraries and bridges for it are
    /// packed; may be given several times
    #[arg(long, value_name = "NAME", value_parser = names::runtime())]
    pub without_runtime: Vec<RuntimeName>,
    /// Pack this executable of the reference server instead of building it
    #[arg(long, value_name = "FILE")]
    pub server_bin: Option<PathBuf>,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

/// `harness unbundle`
#[derive(Debug, Args)]
pub struct Unbundle {
    /// The parts, in any order
    #[arg(value_name = "PART", required = true)]
    pub parts: Vec<PathBuf>,
    /// Where to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// `harness build-plans`
#[derive(Debug, Args)]
pub struct BuildPlans {
    /// With this TensorRT, which is installed in its full size [default: the default runtime of
    /// TensorRT; in a bundle, the one that the bundle was made for]
    #[arg(long, value_name = "NAME", value_parser = names::runtime())]
    pub runtime: Option<RuntimeName>,
    /// Only plans whose name matches this regular expression somewhere, or that a case or a measurement
    /// runs whose id does [default: all; in a bundle, those of the cases that the bundle was made for]
    #[arg(long, value_name = "REGEX")]
    pub filter: Option<Regex>,
    /// Copy the plans into this folder as a model repository: each with its configuration, and the op
    /// libraries with their plugins
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Build with the bundle that was unpacked in this folder: nothing else is built or installed
    #[arg(long, value_name = "DIR", conflicts_with = "cache_dir")]
    pub bundle: Option<PathBuf>,
    /// Where this machine has the TensorRT that was left out of the bundle (tensorrt=…/tensorrt)
    #[arg(long, value_name = "FRAMEWORK=PATH", requires = "bundle", value_parser = runtime_at)]
    pub runtime_at: Vec<RuntimeArgument>,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

/// `harness merge`
#[derive(Debug, Args)]
pub struct Merge {
    /// The results folders of the parts, each made with another --shard I/N. A part that is missing
    /// is told in the report; of a part that is given twice the one that began later counts
    #[arg(value_name = "DIR", required = true)]
    pub folders: Vec<PathBuf>,
    /// Folder in which the folder of the joined results is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results_dir: PathBuf,
}

/// `harness check`
#[derive(Debug, Args)]
pub struct Check {
    /// An op library: it is judged from its file and opened for real, in a process that is thrown
    /// away, with every runtime of its framework; may be given several times, and then they are also
    /// opened together
    #[arg(
        long = "library",
        value_name = "FILE",
        required_unless_present = "model_repository"
    )]
    pub libraries: Vec<PathBuf>,
    /// A model repository, read where it is: a server loads each of its models, runs it once with
    /// made-up inputs and unloads it. The folders of the libraries are allowed to be loaded from
    #[arg(long, value_name = "DIR")]
    pub model_repository: Option<PathBuf>,
    /// Also allow op libraries that the models name to be loaded from this folder; may be given several
    /// times
    #[arg(
        long = "op-library-root",
        value_name = "DIR",
        requires = "model_repository"
    )]
    pub op_library_roots: Vec<PathBuf>,
    /// With this runtime instead of all that are installed: the name of an installed one
    /// (pytorch-2.11.0), or a path that holds one (…/site-packages/torch); may be given several times
    #[arg(long = "runtime", value_name = "NAME|PATH")]
    pub runtimes: Vec<String>,
    /// How the server groups models into worker processes
    #[arg(long, value_name = "POLICY", default_value = "op-set", value_parser = names::isolation())]
    pub isolation: Isolation,
    /// Folder in which the folder of this check is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results_dir: PathBuf,
    /// Use this executable of the reference server instead of building it
    #[arg(long, value_name = "FILE")]
    pub server_bin: Option<PathBuf>,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

/// `harness inspect`
#[derive(Debug, Args)]
pub struct Inspect {
    /// The op libraries
    #[arg(value_name = "LIBRARY", required = true)]
    pub libraries: Vec<PathBuf>,
    /// Judge against this runtime, instead of all that are installed: the name of an installed one
    /// (pytorch-2.11.0), or a path that holds one (…/site-packages/torch); may be given several
    /// times
    #[arg(long, value_name = "NAME|PATH")]
    pub runtime: Vec<String>,
    /// Also open each library for real, in a process that is thrown away, in each runtime of its
    /// framework: the verdict is then what came of it, with the ops that it registered
    #[arg(long)]
    pub probe: bool,
    /// Make the trials with this server executable instead of building the reference server
    #[arg(long, value_name = "FILE", requires = "probe")]
    pub server_bin: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = TextOrJson::Text)]
    pub format: TextOrJson,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

/// `harness list`
#[derive(Debug, Args)]
pub struct List {
    /// Which cases
    #[command(flatten)]
    pub select: Select,
    /// Whose behaviour is expected
    #[command(flatten)]
    pub subject: Subject,
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `harness setup`
#[derive(Debug, Args)]
pub struct Setup {
    /// Install this runtime, instead of the default of every framework and what the cases need;
    /// may be given several times
    #[arg(long = "runtime", value_name = "NAME", value_parser = names::runtime())]
    pub runtimes: Vec<RuntimeName>,
    /// Only for this framework; may be given several times
    #[arg(long, value_name = "NAME", value_parser = names::any_framework(), conflicts_with = "runtimes")]
    pub framework: Vec<Framework>,
    /// Every runtime of the catalogue that is of use on this machine
    #[arg(long, conflicts_with_all = ["runtimes", "framework"])]
    pub all: bool,
    /// In the full size, with the CUDA packages that published op libraries need to load
    #[arg(long)]
    pub full: bool,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

/// `harness runtimes`
#[derive(Debug, Args)]
pub struct Runtimes {
    /// How to print them
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Where runtimes are
    #[command(flatten)]
    pub cache: Cache,
}

/// `harness report`
#[derive(Debug, Args)]
pub struct Report {
    /// The folder of a run
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// How something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// How a text is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    /// For people
    Text,
    /// For programs
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    fn select(line: &[&str]) -> Select {
        let line = ["harness", "run"].iter().chain(line);
        match Arguments::try_parse_from(line).map(|arguments| arguments.command) {
            Ok(Command::Run(run)) => run.select,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_selection_leaves_open_is_as_in_another() {
        let other = &[
            "--framework",
            "pytorch",
            "--framework",
            "onnxruntime",
            "--runtime",
            "pytorch-2.11.0",
            "--runtime",
            "onnxruntime-1.31.1",
            "--filter",
            "gpu",
        ];
        let joined = |line: &[&str]| select(line).or(select(other)).arguments().join(" ");
        assert_eq!(joined(&[]), select(other).arguments().join(" "));
        assert_eq!(
            joined(&["--framework", "pytorch"]),
            "--framework pytorch --filter gpu --runtime pytorch-2.11.0 --runtime onnxruntime-1.31.1"
        );
        assert_eq!(
            joined(&["--filter", "^kernel", "--runtime", "pytorch-2.9.1"]),
            "--framework pytorch --framework onnxruntime --filter ^kernel \
             --runtime pytorch-2.9.1 --runtime onnxruntime-1.31.1"
        );
    }

    fn range(line: &[&str]) -> RuntimeRange {
        let line = ["harness", "list"].iter().chain(line);
        match Arguments::try_parse_from(line).map(|arguments| arguments.command) {
            Ok(Command::List(list)) => list.select.selection().runtimes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn runtimes_that_are_named_stand_for_their_framework_and_full_for_the_others() {
        let of = |range: &RuntimeRange, framework| range.of(framework);
        let (pytorch, tensorflow) = (Framework::PyTorch, Framework::TensorFlow);
        let two = range(&[]);
        assert_eq!(of(&two, pytorch).len(), 2);
        let all = range(&["--full"]);
        assert_eq!(all, RuntimeRange::All);
        let named = of(&all, pytorch)[1];
        for full in [false, true] {
            let mut line = vec!["--runtime".to_owned(), named.to_string()];
            line.extend(full.then(|| "--full".to_owned()));
            let some = range(&line.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(of(&some, pytorch), [named]);
            let others = if full { &all } else { &two };
            assert_eq!(of(&some, tensorflow), of(others, tensorflow));
        }
    }

    #[test]
    fn a_selection_can_be_typed_again() {
        let line = [
            "--framework",
            "onnxruntime",
            "--suite",
            "load-time",
            "--filter",
            "unload|reload",
            "--runtime",
            "onnxruntime-1.32.0",
            "--shard",
            "2/4",
            "--full",
        ];
        let parse = |line: &[String]| {
            let line = ["harness".to_owned(), "list".to_owned()]
                .into_iter()
                .chain(line.iter().cloned());
            match Arguments::parse_from(line).command {
                Command::List(list) => list.select,
                other => panic!("{other:?}"),
            }
        };
        let line = line.map(str::to_owned);
        assert_eq!(parse(&line).arguments(), line);
        assert!(parse(&[]).arguments().is_empty());
    }

    #[test]
    fn triton_takes_a_server_and_no_isolation() {
        let parse = |line: &[&str]| {
            let line = ["harness", "run"].iter().chain(line);
            let arguments = Arguments::try_parse_from(line)?;
            match arguments.command {
                Command::Run(run) => Ok(run.subject),
                other => panic!("{other:?}"),
            }
        };
        let error: clap::Error = parse(&["--profile", "triton"]).unwrap_err();
        assert!(error.to_string().contains("--server-bin"), "{error}");
        let triton = ["--profile", "triton", "--server-bin", "tritonserver"];
        let subject = parse(&triton).unwrap();
        assert_eq!(subject.isolation(), Ok(Isolation::Shared));
        let line: Vec<&str> = triton
            .into_iter()
            .chain(["--isolation", "op-set"])
            .collect();
        let error = parse(&line).unwrap().isolation().unwrap_err().to_string();
        assert!(
            error.contains("op-set") && error.contains("shared"),
            "{error}"
        );
        assert_eq!(parse(&[]).unwrap().isolation(), Ok(Isolation::OpSet));
    }

    #[test]
    fn every_option_is_explained() {
        for command in Arguments::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {}",
                    command.get_name(),
                    argument.get_id()
                );
            }
        }
    }
}
