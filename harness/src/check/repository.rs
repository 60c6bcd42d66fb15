//! The models of a user's repository: each is loaded, run and unloaded by a server that reads the
//! repository where it is and writes nothing into it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use op_library::ProbedOp;
use runtimes::Framework;
use suites::client::{Client, ClientError, ModelMetadata};
use suites::server::{ServerCommand, ServerError, ServerProcess, WaitError};
use suites::{Cancellation, CaseResult, Finding, Isolation, Outcome, Phase, Verdict};

use super::case::Outline;
use super::library::milliseconds;
use super::model_file::framework_of;
use super::request::made_up;
use super::subject::Subject;
use super::tried_runtime::TriedRuntime;
use crate::command_text::command_text;
use crate::results::{About, CheckedLibrary, CheckedModel, full_name};

/// The longest wait for the server itself.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What the server gives a load or a run: its own default.
const STEP_LIMIT: Duration = Duration::from_secs(60);
/// What a client waits beyond that.
const CLIENT_MARGIN: Duration = Duration::from_secs(30);
/// The longest wait for a library to go after the unload of its model.
const UNLOAD_LIMIT: Duration = Duration::from_secs(10);
/// The longest wait for the server to end.
const END_LIMIT: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_millis(10);
/// Lines of the log that are kept as evidence.
const LOG_LINES: usize = 40;

/// How the server is launched.
#[derive(Debug)]
pub struct RepositoryOptions<'a> {
    /// The server's executable.
    pub program: &'a Path,
    /// Where runtimes are installed.
    pub runtime_cache: &'a Path,
    /// The model repository.
    pub repository: &'a Path,
    /// Further folders that op libraries may be loaded from.
    pub op_library_roots: &'a [PathBuf],
    /// The policy that decides which models share a worker.
    pub isolation: Isolation,
    /// The runtimes that were asked for; empty: all that are installed.
    pub runtimes: &'a [TriedRuntime],
    /// Ends what is under way.
    pub cancellation: Cancellation,
}

/// Why no model was looked at.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The server cannot be started, or its log not be written.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// There is no place for its log.
    #[error("failed to make a folder for the server's log: {0}")]
    Scratch(std::io::Error),
    /// It did not come up.
    #[error("{error}; the end of its log is:\n{log}")]
    NotReady {
        /// How the wait ended.
        error: WaitError,
        /// What it wrote.
        log: String,
    },
    /// It does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What came of the models.
#[derive(Debug, Default)]
pub struct CheckedRepository {
    /// One record a model, by name.
    pub models: Vec<CheckedModel>,
    /// The models that were not looked at, because nothing tells their framework.
    pub left_out: Vec<String>,
    /// Three cases a model: its load, its first run, its unload.
    pub cases: Vec<CaseResult>,
    /// What a reader must know beside.
    pub notices: Vec<String>,
}

/// Has a server load, run and unload the models of the repository one after the other; the folders of
/// `subjects` are allowed to be loaded from, too. What `libraries` were seen to register tells who provides
/// an op that a model misses. `tell` gets each case as it is there.
///
/// # Errors
/// There is no server that answers.
pub fn check_repository(
    options: &RepositoryOptions<'_>,
    subjects: &[Subject],
    libraries: &[CheckedLibrary],
    tell: &dyn Fn(About, &CaseResult),
) -> Result<CheckedRepository, RepositoryError> {
    let scratch = tempfile::tempdir().map_err(RepositoryError::Scratch)?;
    let mut server = command(options, subjects).launch(&scratch.path().join("server.log"))?;
    if let Err(error) = server.wait_ready(START_LIMIT) {
        let log = server.log_tail(LOG_LINES).join("\n");
        return Err(RepositoryError::NotReady { error, log });
    }
    let client = Client::new(server.http_address(), STEP_LIMIT + CLIENT_MARGIN)?;
    let killer = server.killer();
    let over = AtomicBool::new(false);
    let checked = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                if options.cancellation.is_cancelled() {
                    killer.kill();
                    break;
                }
                std::thread::sleep(INTERVAL);
            }
        });
        let given = Given {
            subjects,
            libraries,
        };
        let checked = visit_all(options, given, &client, &mut server, tell);
        over.store(true, Ordering::SeqCst);
        checked
    });
    drop(client);
    server.terminate(END_LIMIT);
    checked
}

fn visit_all(
    options: &RepositoryOptions<'_>,
    given: Given<'_>,
    client: &Client,
    server: &mut ServerProcess,
    tell: &dyn Fn(About, &CaseResult),
) -> Result<CheckedRepository, RepositoryError> {
    let mut names: Vec<String> = client
        .index()?
        .into_iter()
        .map(|entry| entry.name)
        .collect();
    names.sort();
    names.dedup();
    let mut checked = CheckedRepository::default();
    for name in names {
        if options.cancellation.is_cancelled() {
            break;
        }
        let folder = options.repository.join(&name);
        let Some(framework) = framework_of(&folder) else {
            checked.notices.push(format!(
                "model '{name}' was left out: nothing in '{}' says that it is one of ONNX Runtime, \
                 PyTorch, TensorFlow or TensorRT",
                folder.display()
            ));
            checked.left_out.push(name);
            continue;
        };
        let visit = Visit {
            options,
            given,
            client,
            server,
            name,
            framework,
        };
        let (model, cases) = visit.make();
        if options.cancellation.is_cancelled() {
            // Its server was killed meanwhile: what came of it tells nothing.
            break;
        }
        cases.iter().for_each(|case| tell(About::Model, case));
        checked.models.push(model);
        checked.cases.extend(cases);
    }
    Ok(checked)
}

fn command(options: &RepositoryOptions<'_>, subjects: &[Subject]) -> ServerCommand {
    let mut command = ServerCommand::new(options.program)
        .flag("model-repository", options.repository)
        .flag("model-control-mode", "explicit")
        .flag("isolation", options.isolation.name())
        .flag("runtime-cache", options.runtime_cache);
    for runtime in options.runtimes {
        command = command.flag("runtime", runtime.argument());
    }
    let given = subjects
        .iter()
        .filter_map(|subject| subject.path().parent());
    let roots = options.op_library_roots.iter().map(PathBuf::as_path);
    let folders: BTreeSet<&Path> = given.chain(roots).collect();
    folders.into_iter().fold(command, |command, folder| {
        command.flag("op-library-root", folder)
    })
}

/// The libraries that were given.
#[derive(Clone, Copy)]
struct Given<'a> {
    subjects: &'a [Subject],
    /// What was found out about them.
    libraries: &'a [CheckedLibrary],
}

impl Given<'_> {
    /// Who of them provides the op that a model misses; nothing where `message` is not about an op.
    fn providers(self, message: &str) -> Option<String> {
        let missed = MissedOp::of(message)?;
        if self.libraries.is_empty() {
            return None;
        }
        let providers: Vec<&str> = self
            .libraries
            .iter()
            .filter(|library| {
                let observed = library.usable().filter_map(|fit| fit.observed.as_ref());
                let mut ops = observed.flat_map(|library| &library.ops);
                ops.any(|op| missed.is(op))
            })
            .map(|library| library.label.as_str())
            .collect();
        Some(match providers.as_slice() {
            [] => "none of the libraries that were given registers it".to_owned(),
            providers => format!(
                "of the libraries that were given, {} registers it: name it in the model's \
                 configuration",
                providers.join(", ")
            ),
        })
    }
}

/// An op that a model misses, in the words of the server.
#[derive(Debug, PartialEq, Eq)]
struct MissedOp<'a> {
    name: &'a str,
    /// Where it does not stand in the name.
    domain: Option<&'a str>,
}

impl<'a> MissedOp<'a> {
    fn of(message: &'a str) -> Option<Self> {
        let (_, rest) = message.split_once("needs the op '")?;
        let (name, rest) = rest.split_once('\'')?;
        let domain = rest
            .strip_prefix(" of domain '")
            .and_then(|rest| rest.split_once('\''))
            .map(|(domain, _)| domain);
        Some(Self { name, domain })
    }

    fn is(&self, op: &ProbedOp) -> bool {
        match self.domain {
            Some(domain) => op.name == self.name && op.domain == domain,
            None => full_name(op) == self.name || op.name == self.name,
        }
    }
}

/// One model under way.
struct Visit<'a> {
    options: &'a RepositoryOptions<'a>,
    given: Given<'a>,
    client: &'a Client,
    server: &'a mut ServerProcess,
    name: String,
    framework: Framework,
}

impl Visit<'_> {
    fn make(mut self) -> (CheckedModel, Vec<CaseResult>) {
        let before = self.mapped();
        let load = self.load();
        let mut model = CheckedModel {
            name: self.name.clone(),
            framework: self.framework,
            runtime: None,
            named: Vec::new(),
            mapped: Vec::new(),
            cases: Vec::new(),
            served: load.verdict == Verdict::Pass,
            message: load.message.clone(),
        };
        let cases = if model.served {
            model.named = self.named_libraries();
            model.runtime = self
                .client
                .parameter(&self.name, "reference_server.runtime")
                .ok()
                .flatten();
            model.mapped = self.op_libraries(&model.named, &before);
            let run = self.first_run();
            let unload = self.unload(&model.mapped);
            vec![load, run, unload]
        } else {
            let skipped = |step, what| {
                self.outline(step, what)
                    .skipped("it was not loaded; see its load")
            };
            let run = skipped("first-run", FIRST_RUN);
            let unload = skipped("unload", UNLOAD);
            vec![load, run, unload]
        };
        let runtime = model
            .runtime
            .clone()
            .unwrap_or_else(|| self.framework.to_string());
        let cases: Vec<CaseResult> = cases
            .into_iter()
            .map(|mut case| {
                case.runtime.clone_from(&runtime);
                case.evidence.server_command = self.server.command_line().to_vec();
                case
            })
            .collect();
        model.cases = cases.iter().map(|case| case.id.clone()).collect();
        (model, cases)
    }

    fn outline(&self, step: &str, description: &str) -> Outline {
        let mut words = ["cargo", "harness", "check", "--model-repository"]
            .map(str::to_owned)
            .to_vec();
        words.push(self.options.repository.display().to_string());
        for subject in self.given.subjects {
            words.extend(["--library".to_owned(), subject.path().display().to_string()]);
        }
        for root in self.options.op_library_roots {
            words.extend(["--op-library-root".to_owned(), root.display().to_string()]);
        }
        for runtime in self.options.runtimes {
            words.extend(["--runtime".to_owned(), runtime.argument()]);
        }
        words.extend(["--isolation".to_owned(), self.options.isolation.to_string()]);
        Outline {
            name: format!("{}@{step}", self.name),
            framework: self.framework,
            description: description.to_owned(),
            runtime: self.framework.to_string(),
            isolation: self.options.isolation,
            reproduce: command_text(&words),
        }
    }

    fn load(&mut self) -> CaseResult {
        let outline = self.outline("load", LOAD);
        let begin = Instant::now();
        let result = self.client.load(&self.name);
        let elapsed = begin.elapsed();
        let case = match result {
            Ok(()) => outline.ended(
                Some(Outcome::Served),
                (Outcome::Served, Phase::Load),
                "",
                Vec::new(),
            ),
            Err(error) => {
                let Finding {
                    outcome,
                    phase,
                    message,
                } = self.finding(Phase::Load, &error, elapsed);
                let providers = self.given.providers(&message);
                let message = match providers {
                    Some(providers) => format!("{}\n{providers}", message.trim_end()),
                    None => message,
                };
                let departures = vec!["the model is not served".to_owned()];
                let case =
                    outline.ended(Some(Outcome::Served), (outcome, phase), message, departures);
                self.with_log(case)
            }
        };
        CaseResult {
            load_ms: Some(milliseconds(elapsed)),
            duration_ms: milliseconds(elapsed),
            ..case
        }
    }

    fn first_run(&mut self) -> CaseResult {
        let outline = self.outline("first-run", FIRST_RUN);
        let begin = Instant::now();
        let case = match self.ask() {
            Ok(outputs) => outline.ended(
                Some(Outcome::Served),
                (Outcome::Served, Phase::FirstRun),
                format!("it answered {outputs}; whether the values are right is for you to judge"),
                Vec::new(),
            ),
            Err(Refusal::MadeUp(reason)) => outline.skipped(reason),
            Err(Refusal::Failed(error)) => {
                let elapsed = begin.elapsed();
                let finding = self.finding(Phase::FirstRun, &error, elapsed);
                self.with_log(judge_run(&outline, finding))
            }
        };
        CaseResult {
            duration_ms: milliseconds(begin.elapsed()),
            ..case
        }
    }

    /// The outputs of a made-up request, in words.
    fn ask(&self) -> Result<String, Refusal> {
        let ModelMetadata { inputs, .. } =
            self.client.metadata(&self.name).map_err(Refusal::Failed)?;
        let request = made_up(&inputs).map_err(|error| {
            Refusal::MadeUp(format!(
                "no request was made up: {error}; send it one of yours"
            ))
        })?;
        let outputs = self
            .client
            .try_out(&self.name, &request)
            .map_err(Refusal::Failed)?;
        let told: Vec<String> = outputs.iter().map(ToString::to_string).collect();
        Ok(told.join(", "))
    }

    fn unload(&mut self, mapped: &[PathBuf]) -> CaseResult {
        let outline = self.outline("unload", UNLOAD);
        let begin = Instant::now();
        let result = self.client.unload(&self.name);
        let mut case = match result {
            Err(error) => {
                let Finding {
                    outcome,
                    phase,
                    message,
                } = self.finding(Phase::Unload, &error, begin.elapsed());
                let departures = vec!["the model was not unloaded".to_owned()];
                outline.ended(None, (outcome, phase), message, departures)
            }
            Ok(()) => {
                let left = self.await_unmapped(mapped);
                judge_unload(&outline, mapped, &left, self.options.isolation)
            }
        };
        let mapped_after = self.mapped();
        case.evidence.mapped_before_unload = mapped.to_vec();
        case.evidence.mapped_after_unload = Some(
            mapped
                .iter()
                .filter(|file| mapped_after.contains(*file))
                .cloned()
                .collect(),
        );
        CaseResult {
            duration_ms: milliseconds(begin.elapsed()),
            ..case
        }
    }

    /// What of `mapped` is still mapped after a while.
    fn await_unmapped(&self, mapped: &[PathBuf]) -> Vec<PathBuf> {
        let deadline = Instant::now() + UNLOAD_LIMIT;
        loop {
            let now = self.mapped();
            let left: Vec<PathBuf> = mapped
                .iter()
                .filter(|file| now.contains(*file))
                .cloned()
                .collect();
            if left.is_empty() || Instant::now() >= deadline {
                return left;
            }
            std::thread::sleep(INTERVAL);
        }
    }

    fn finding(&mut self, phase: Phase, error: &ClientError, elapsed: Duration) -> Finding {
        let exit = self.server.poll_exit();
        Finding::of_request(phase, error, elapsed, STEP_LIMIT, exit)
    }

    fn with_log(&self, mut case: CaseResult) -> CaseResult {
        case.evidence.log_tail = self.server.log_tail(LOG_LINES);
        case
    }

    /// The op libraries that the configuration names.
    fn named_libraries(&self) -> Vec<String> {
        let Ok(configuration) = self.client.config(&self.name) else {
            return Vec::new();
        };
        let names = &configuration["model_operations"]["op_library_filename"];
        let names = names.as_array().into_iter().flatten();
        names
            .filter_map(|name| name.as_str())
            .map(str::to_owned)
            .collect()
    }

    /// The op libraries that are mapped for the model: those that it names, and those that were given,
    /// where a worker has mapped them for it.
    fn op_libraries(&self, named: &[String], before: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        let is_named = |file: &Path| {
            named
                .iter()
                .any(|name| Path::new(name).file_name() == file.file_name())
        };
        let is_given = |file: &Path| {
            let mut given = self.given.subjects.iter();
            given.any(|subject| subject.path().canonicalize().is_ok_and(|path| path == file))
        };
        self.mapped()
            .into_iter()
            .filter(|file| is_named(file) || (is_given(file) && !before.contains(file)))
            .collect()
    }

    /// Every file that any process of the server has mapped.
    fn mapped(&self) -> BTreeSet<PathBuf> {
        self.server.mapped_under(Path::new("/"))
    }
}

const LOAD: &str = "The model is loaded by request.";
const FIRST_RUN: &str = "The model is run once, with made-up inputs of the types and shapes that it \
                         declares: zeros, and an extent of one where a request decides. Values cannot \
                         be checked.";
const UNLOAD: &str = "The model is unloaded; its op libraries should be gone from all processes of \
                      the server then.";

/// Why a model has not answered.
enum Refusal {
    /// There was nothing to ask.
    MadeUp(String),
    /// The request failed.
    Failed(ClientError),
}

/// That a model refuses zeros may be right; that its worker dies of them is not.
fn judge_run(outline: &Outline, finding: Finding) -> CaseResult {
    let Finding {
        outcome,
        phase,
        message,
    } = finding;
    if outcome == Outcome::Rejected {
        return outline.skipped(format!(
            "the model refused the made-up request, which may be right; send it one of yours. It \
             says: {message}"
        ));
    }
    let departures = vec!["the model does not get through its first run".to_owned()];
    outline.ended(Some(Outcome::Served), (outcome, phase), message, departures)
}

/// Where models share a worker, a library may stay for the others, or because its framework never
/// closes one.
fn judge_unload(
    outline: &Outline,
    mapped: &[PathBuf],
    left: &[PathBuf],
    isolation: Isolation,
) -> CaseResult {
    if left.is_empty() {
        let message = match mapped {
            [] => "it had no op library of its own",
            _ => "its op libraries are gone",
        };
        return outline.ended(None, (Outcome::Served, Phase::Unload), message, Vec::new());
    }
    let names: Vec<String> = left.iter().map(|file| file.display().to_string()).collect();
    let apart = matches!(isolation, Isolation::OpSet | Isolation::Model);
    let departures = apart.then(|| {
        format!(
            "isolation {isolation} promises that the library goes with the last model that uses it"
        )
    });
    outline.ended(
        None,
        (Outcome::StillLoaded, Phase::Unload),
        format!("still mapped: {}", names.join(", ")),
        departures.into_iter().collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline() -> Outline {
        Outline {
            name: "m@unload".to_owned(),
            framework: Framework::PyTorch,
            description: String::new(),
            runtime: String::new(),
            isolation: Isolation::OpSet,
            reproduce: String::new(),
        }
    }

    #[test]
    fn a_library_that_stays_is_a_failure_where_it_was_promised_to_go() {
        let files = [PathBuf::from("/ops.so")];
        for (isolation, left, verdict) in [
            (Isolation::OpSet, &files[..], Verdict::Fail),
            (Isolation::Shared, &files[..], Verdict::Pass),
            (Isolation::OpSet, &[], Verdict::Pass),
        ] {
            let case = judge_unload(&outline(), &files, left, isolation);
            assert_eq!(case.verdict, verdict, "{isolation}");
        }
    }

    #[test]
    fn a_missed_op_is_read_from_the_servers_words() {
        let missed = |name, domain| Some(MissedOp { name, domain });
        for (message, expected) in [
            (
                "the model file '/m' needs the op 'Gelu' of domain 'a.ops' (opset 1), did you mean \
                 'Gelu' of domain 'b.ops'",
                missed("Gelu", Some("a.ops")),
            ),
            ("it needs the op 'a::gelu', and", missed("a::gelu", None)),
            ("'/m' is no model", None),
        ] {
            assert_eq!(MissedOp::of(message), expected, "{message}");
        }
    }

    #[test]
    fn a_refusal_of_zeros_proves_nothing_and_a_death_does() {
        let finding = |outcome| Finding::new(outcome, Phase::FirstRun, "no");
        let refused = judge_run(&outline(), finding(Outcome::Rejected));
        assert_eq!(refused.verdict, Verdict::Skip);
        for outcome in [Outcome::WorkerCrashed, Outcome::Hung, Outcome::Aborted] {
            let case = judge_run(&outline(), finding(outcome));
            assert_eq!(case.verdict, Verdict::Fail, "{outcome}");
        }
    }
}
