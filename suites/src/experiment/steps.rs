//! Carries out the steps of a case against its server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use test_ops::Content;

use super::answers::Answers;
use super::finding::Finding;
use super::folder::{ArrangeError, CaseFolder};
use super::gpu_memory::GpuMemoryNotes;
use super::question::{Question, Signatures, WrongAnswer};
use super::traffic::RunningTraffic;
use crate::arrangement::{Arrangement, ModelFolder, Step};
use crate::client::{Client, ClientError, IndexEntry};
use crate::expectation::{Isolation, Placeholders, Profile};
use crate::observation::{Outcome, Phase};
use crate::server::ServerProcess;

/// Longest wait for something that the server does by itself: noticing a change, restarting a
/// worker, ending one.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);
/// Longest wait for the server to give up a model: it is patient with workers that die.
const LONG: Duration = Duration::from_secs(60);
/// Longest wait for something that should have happened already.
const SHORT: Duration = Duration::from_secs(5);
/// How often it is looked for.
const INTERVAL: Duration = Duration::from_millis(5);

/// The parameter of a model's configuration that tells which process serves it.
pub(super) const WORKER_PID: &str = "reference_server.worker_pid";

/// Why a step did not succeed.
#[derive(Debug)]
pub enum StepError {
    /// This is the observation.
    Found(Finding),
    /// Something is not as the case demands; the steps go on.
    Unmet(String),
    /// The harness itself failed.
    Arrange(ArrangeError),
}

impl From<ArrangeError> for StepError {
    fn from(error: ArrangeError) -> Self {
        Self::Arrange(error)
    }
}

/// A case under way: its files, its server, and what was noted so far.
pub struct Stage<'a> {
    /// What the case arranges.
    pub arrangement: &'a Arrangement,
    /// Whose behaviour is expected.
    pub profile: Profile,
    /// The server's isolation policy.
    pub isolation: Isolation,
    /// The case's files.
    pub folder: CaseFolder<'a>,
    /// Its server.
    pub server: ServerProcess,
    /// Speaks to it.
    pub client: Client,
    /// Texts that stand for the placeholders of expected texts.
    pub names: Placeholders,
    /// Requests to the healthy model.
    pub traffic: Option<RunningTraffic>,
    /// The phase that was reached.
    pub reached: Phase,
    /// One line for each step that was taken.
    pub notes: Vec<String>,
    /// How long the first load of the first model took.
    pub load_time: Option<Duration>,
    /// Op libraries that were mapped before the first unload.
    pub mapped_before: Vec<PathBuf>,
    /// Op libraries that were mapped after the last unload.
    pub mapped_after: Option<Vec<PathBuf>>,
    /// Memory in use on the GPUs.
    pub gpu_memory: GpuMemoryNotes,
    /// What the libraries of each model were when it was last loaded.
    pub signatures: BTreeMap<String, Signatures>,
    /// Who answered so far.
    pub answers: Answers,
}

impl<'a> Stage<'a> {
    /// Notes what the libraries of `model` are now, for the values that it will answer with.
    ///
    /// # Errors
    /// The arrangement contradicts itself.
    pub fn note_libraries(&mut self, model: &str) -> Result<(), ArrangeError> {
        let folder = self.model(model)?;
        let framework = folder.model.format.framework();
        let own = folder.libraries.iter().map(|&(library, _)| library);
        let launched = self.arrangement.launch.libraries.iter();
        let launched = launched.map(|library| library.name);
        launched
            .clone()
            .chain(own.clone())
            .for_each(|library| self.answers.got(library));
        let candidates = own.chain(folder.borrowed.iter().copied()).chain(launched);
        let candidates: Vec<&'static str> = match folder.answered_by {
            Some(library) => vec![library],
            None => candidates.collect(),
        };
        let mut signatures = Signatures::new();
        for library in candidates {
            let mut files = self.arrangement.libraries.iter();
            let same_framework =
                files.any(|file| file.name == library && file.framework == framework);
            if let (true, Some(Content::Sample(sample))) =
                (same_framework, self.folder.content(library)?)
            {
                signatures.push((sample.domain.clone(), sample.signature));
            }
        }
        self.signatures.insert(model.to_owned(), signatures);
        Ok(())
    }

    /// Carries out one step and notes it.
    ///
    /// # Errors
    /// It did not succeed.
    pub fn perform(&mut self, step: &Step) -> Result<(), StepError> {
        if self.profile != Profile::Reference && step.asks_the_reference_server() {
            self.notes.push(format!(
                "{step:?}: left out, only the reference server tells it"
            ));
            return Ok(());
        }
        let begin = Instant::now();
        let result = self.carry_out(step);
        let milliseconds = begin.elapsed().as_secs_f64() * 1e3;
        let end = match &result {
            Ok(()) => "done".to_owned(),
            Err(StepError::Found(finding)) => format!("{}: {}", finding.outcome, finding.message),
            Err(StepError::Unmet(text)) => text.clone(),
            Err(StepError::Arrange(error)) => error.to_string(),
        };
        self.notes
            .push(format!("{step:?} ({milliseconds:.1} ms): {end}"));
        result
    }

    fn carry_out(&mut self, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Load(model) => self.load(model),
            Step::IsRefused(model, text) => self.is_refused(model, text),
            Step::Unload(model) => self.unload(model),
            Step::AwaitLoaded(model) => self.await_loaded(model),
            Step::Compute(model) => self.compute(model),
            Step::AwaitAnswer(model) => self.await_answer(model),
            Step::StartTraffic(model) => self.start_traffic(model),
            Step::AwaitTraffic(count) => self.await_traffic(*count),
            Step::Replace(library, content) => Ok(self.folder.replace(library, content)?),
            Step::TouchModel(model) => {
                let graph = self.model(model)?.model.clone();
                Ok(self.folder.rewrite_model(&graph)?)
            }
            Step::RemoveModel(model) => Ok(self.folder.remove_model(model)?),
            Step::AwaitRebuilt(model) => {
                self.note_libraries(model)?;
                self.await_answer(model)
            }
            Step::AwaitGone(model) => self.await_gone(model),
            Step::RunUntilGivenUp(model) => self.run_until_given_up(model),
            Step::IsMapped(library) => self.is_mapped(library),
            Step::IsMappedOnlyBy(library, model) => self.is_mapped_only_by(library, model),
            Step::IsUnmapped(library) => self.is_unmapped(library),
            Step::NoteGpuMemory => self.note_gpu_memory(),
            Step::HoldsGpuMemory(model) => self.holds_gpu_memory(model),
            Step::GivesGpuMemoryBack => self.gives_gpu_memory_back(),
            Step::HoldsNoMoreGpuMemory => self.holds_no_more_gpu_memory(),
            Step::LogSays(texts) => self.log_says(texts),
            Step::HasState(model, state) => self.has_state(model, state),
            Step::IsLive => self.health("live", self.client.is_live(), true),
            Step::IsReady => self.health("ready", self.client.is_ready(), true),
            Step::IsNotReady => self.health("ready", self.client.is_ready(), false),
            Step::AreIsolated(first, second) => self.are_isolated(first, second),
            Step::RunsOn(model, runtime) => {
                let actual = self.parameter(model, "reference_server.runtime")?;
                met(actual == runtime.to_string(), || {
                    format!("model '{model}' runs on {actual}, expected {runtime}")
                })
            }
            Step::IsUnknownToInference(model) => self.is_unknown_to_inference(model),
        }
    }

    fn model(&self, name: &str) -> Result<&'a ModelFolder, ArrangeError> {
        let arrangement = self.arrangement;
        arrangement
            .models
            .iter()
            .find(|model| model.model.name == name)
            .ok_or_else(|| ArrangeError::Unknown {
                kind: "model",
                name: name.to_owned(),
            })
    }

    fn load(&mut self, model: &'static str) -> Result<(), StepError> {
        self.note_libraries(model)?;
        let names = self.model(model)?.names();
        let is_subject = self
            .arrangement
            .models
            .first()
            .is_some_and(|first| first.model.name == model);
        let begin = Instant::now();
        let client = &self.client;
        let errors: Vec<ClientError> = std::thread::scope(|scope| {
            let loads: Vec<_> = names
                .iter()
                .map(|name| scope.spawn(move || client.load(name)))
                .collect();
            loads
                .into_iter()
                .filter_map(|load| load.join().ok()?.err())
                .collect()
        });
        let elapsed = begin.elapsed();
        if is_subject {
            self.load_time.get_or_insert(elapsed);
        }
        match errors.first() {
            None => {
                self.reach(Phase::Load);
                Ok(())
            }
            Some(error) => {
                let limit = self.arrangement.launch.load_timeout;
                Err(self.found(Phase::Load, error, elapsed, limit))
            }
        }
    }

    fn is_refused(&mut self, model: &'static str, text: &str) -> Result<(), StepError> {
        match self.load(model) {
            Err(StepError::Found(Finding {
                outcome: Outcome::Rejected,
                message,
                ..
            })) => met(message.contains(text), || {
                format!("the load of model '{model}' is refused without \"{text}\": {message}")
            }),
            Ok(()) => Err(StepError::Unmet(format!("model '{model}' was loaded"))),
            Err(other) => Err(other),
        }
    }

    fn unload(&mut self, model: &'static str) -> Result<(), StepError> {
        if self.mapped_after.is_none() {
            self.mapped_before = self.mapped_libraries();
        }
        for name in self.model(model)?.names() {
            let begin = Instant::now();
            let limit = self.arrangement.launch.load_timeout;
            if let Err(error) = self.client.unload(&name) {
                return Err(self.found(Phase::Unload, &error, begin.elapsed(), limit));
            }
            let gone = wait_until(SHORT, || {
                self.entries(&name).is_ok_and(|entries| {
                    entries
                        .iter()
                        .all(|entry| !matches!(entry.state.as_str(), "READY" | "UNLOADING"))
                })
            });
            if !gone {
                return Err(StepError::Found(Finding::new(
                    Outcome::StillLoaded,
                    Phase::Unload,
                    format!("the index still lists model '{name}' as loaded after its unload"),
                )));
            }
        }
        self.mapped_after = Some(self.mapped_libraries());
        self.reach(Phase::Unload);
        Ok(())
    }

    fn await_loaded(&mut self, model: &'static str) -> Result<(), StepError> {
        self.note_libraries(model)?;
        for name in self.model(model)?.names() {
            let mut state = None;
            wait_until(PATIENCE, || {
                state = self
                    .entries(&name)
                    .ok()
                    .and_then(|entries| entries.into_iter().next());
                state
                    .as_ref()
                    .is_some_and(|entry| matches!(entry.state.as_str(), "READY" | "UNAVAILABLE"))
            });
            match state {
                Some(entry) if entry.state == "READY" => {}
                Some(entry) if entry.state == "UNAVAILABLE" => {
                    let refusal = ClientError::Refused {
                        request: "POST /v2/repository/index".into(),
                        status: 200,
                        text: entry.reason,
                    };
                    let limit = self.arrangement.launch.load_timeout;
                    return Err(self.found(Phase::Load, &refusal, Duration::ZERO, limit));
                }
                other => {
                    return Err(StepError::Found(Finding::new(
                        Outcome::Ignored,
                        Phase::Load,
                        format!("the index never told whether model '{name}' is loaded: {other:?}"),
                    )));
                }
            }
        }
        self.reach(Phase::Load);
        Ok(())
    }

    fn questions(&self, model: &str) -> Result<Vec<Question>, StepError> {
        let folder = self.model(model)?;
        if let Some(ready) = &folder.ready {
            return Ok(vec![Question::of_ready(model, ready)]);
        }
        let signatures = self.signatures.get(model).cloned().unwrap_or_default();
        let encodings = Question::encodings(folder.model.data_type);
        Ok(folder
            .names()
            .iter()
            .enumerate()
            .flat_map(|(copy, name)| {
                encodings.iter().map({
                    let signatures = &signatures;
                    move |&encoding| {
                        let seed = copy as u64 + 1;
                        Question::new(name, &folder.model, signatures.clone(), encoding, seed)
                    }
                })
            })
            .collect())
    }

    fn compute(&mut self, model: &'static str) -> Result<(), StepError> {
        for question in self.questions(model)? {
            let begin = Instant::now();
            match question.ask(&self.client) {
                Ok(()) => {
                    for (domain, signature) in question.answerers() {
                        let library = self.library_behind(domain, signature)?;
                        self.answers.note(model, library, signature);
                    }
                }
                Err(wrong) => return Err(self.wrong_answer(wrong, &question, begin.elapsed())),
            }
        }
        self.reach(Phase::FirstRun);
        Ok(())
    }

    /// The case's library that registers `domain` and adds `signature` to its results.
    fn library_behind(
        &self,
        domain: &str,
        signature: u8,
    ) -> Result<Option<&'static str>, ArrangeError> {
        for file in &self.arrangement.libraries {
            if let Some(Content::Sample(sample)) = self.folder.content(file.name)?
                && sample.domain == domain
                && sample.signature == signature
            {
                return Ok(Some(file.name));
            }
        }
        Ok(None)
    }

    fn await_answer(&mut self, model: &'static str) -> Result<(), StepError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let begin = Instant::now();
            match self.compute(model) {
                Err(StepError::Found(_))
                    if begin < deadline && self.server.poll_exit().is_none() =>
                {
                    std::thread::sleep(INTERVAL);
                }
                end => return end,
            }
        }
    }

    fn wrong_answer(
        &mut self,
        wrong: WrongAnswer,
        question: &Question,
        elapsed: Duration,
    ) -> StepError {
        match wrong {
            WrongAnswer::Request(error) => {
                let limit = self.arrangement.launch.execution_timeout;
                self.found(Phase::FirstRun, &error, elapsed, limit)
            }
            WrongAnswer::Values { .. } => StepError::Found(Finding::new(
                Outcome::WrongValues,
                Phase::FirstRun,
                wrong.to_string(),
            )),
            WrongAnswer::Shadowed {
                model,
                signature,
                difference,
            } => match self.shadow(question, signature) {
                Ok(shadow) => StepError::Found(Finding::new(
                    Outcome::Shadowed,
                    Phase::FirstRun,
                    format!("model '{model}' was answered by {shadow}: {difference}"),
                )),
                Err(error) => StepError::Arrange(error),
            },
        }
    }

    /// Notes and tells which library answered in place of the right one.
    fn shadow(&mut self, question: &Question, signature: u8) -> Result<String, ArrangeError> {
        let mut shadows = Vec::new();
        for (domain, _) in question.answerers() {
            let library = self.library_behind(domain, signature)?;
            self.answers.note(&question.model, library, signature);
            shadows.push(match library {
                Some(library) => {
                    let path = self.folder.library(library)?.display();
                    format!("'{path}', whose results are {signature} higher")
                }
                None if signature == 0 => "the framework itself".to_owned(),
                None => format!("nobody of the case, with signature {signature}"),
            });
        }
        shadows.dedup();
        Ok(shadows.join(" and "))
    }

    fn start_traffic(&mut self, model: &'static str) -> Result<(), StepError> {
        let Some(question) = self.questions(model)?.into_iter().next() else {
            return Err(StepError::Unmet(format!(
                "there is nothing to ask model '{model}'"
            )));
        };
        let started = RunningTraffic::start(self.server.http_address(), question, PATIENCE)
            .map_err(|error| StepError::Unmet(error.to_string()))?;
        let warm = started.warm_up(PATIENCE);
        self.traffic = Some(started);
        met(warm, || {
            format!("model '{model}' did not answer the traffic")
        })
    }

    fn await_traffic(&mut self, count: u64) -> Result<(), StepError> {
        let further = self
            .traffic
            .as_ref()
            .is_some_and(|traffic| traffic.await_further(count, PATIENCE));
        met(further, || {
            format!("the traffic did not get {count} further answers")
        })
    }

    fn await_gone(&self, model: &str) -> Result<(), StepError> {
        let gone = wait_until(PATIENCE, || {
            self.client.is_model_ready(model).is_ok_and(|ready| !ready)
        });
        met(gone, || format!("model '{model}' is still ready"))
    }

    fn run_until_given_up(&mut self, model: &'static str) -> Result<(), StepError> {
        let questions = self.questions(model)?;
        let mut reason = None;
        wait_until(LONG, || {
            for question in &questions {
                // Whether it answers does not matter; the index tells when it is given up.
                let _ = question.ask(&self.client);
            }
            reason = self.entries(model).ok().and_then(|entries| {
                entries
                    .into_iter()
                    .find(|entry| entry.state == "UNAVAILABLE")
            });
            reason.is_some()
        });
        match reason {
            Some(entry) => {
                let refusal = ClientError::Refused {
                    request: "POST /v2/repository/index".into(),
                    status: 200,
                    text: entry.reason,
                };
                let limit = self.arrangement.launch.execution_timeout;
                Err(self.found(Phase::FirstRun, &refusal, Duration::ZERO, limit))
            }
            None => Err(StepError::Unmet(format!(
                "model '{model}' was not given up within {LONG:?}"
            ))),
        }
    }

    fn is_mapped(&self, library: &str) -> Result<(), StepError> {
        let path = self.folder.library(library)?;
        if self.server.mapped(path).is_empty() {
            return Err(StepError::Found(Finding::new(
                Outcome::Ignored,
                Phase::Dlopen,
                format!("no process of the server has '{}' mapped", path.display()),
            )));
        }
        Ok(())
    }

    fn is_mapped_only_by(&self, library: &str, model: &str) -> Result<(), StepError> {
        self.is_mapped(library)?;
        let worker = self.parameter(model, WORKER_PID)?;
        let path = self.folder.library(library)?;
        let pids = self.server.mapped(path);
        met(pids.iter().all(|pid| pid.to_string() == worker), || {
            format!(
                "'{}' is mapped by processes {pids:?} and should be by {worker} alone, the worker \
                 of model '{model}'; the front is process {}",
                path.display(),
                self.server.pid()
            )
        })
    }

    fn is_unmapped(&mut self, library: &str) -> Result<(), StepError> {
        let path = self.folder.library(library)?.to_owned();
        let gone = wait_until(SHORT, || self.server.mapped(&path).is_empty());
        self.mapped_after = Some(self.mapped_libraries());
        if gone {
            return Ok(());
        }
        let told: Vec<String> = self
            .server
            .log()
            .lines()
            .filter(|line| line.contains(&self.names.file) && line.contains("still"))
            .map(str::to_owned)
            .collect();
        Err(StepError::Found(Finding::new(
            Outcome::StillLoaded,
            Phase::Unload,
            format!(
                "'{}' is still mapped by processes {:?}; the server says: {}",
                path.display(),
                self.server.mapped(&path),
                if told.is_empty() {
                    "nothing".to_owned()
                } else {
                    told.join(" | ")
                },
            ),
        )))
    }

    fn log_says(&self, texts: &[String]) -> Result<(), StepError> {
        let texts: Vec<String> = texts
            .iter()
            .map(|text| self.names.fill(text).to_lowercase())
            .collect();
        let said = wait_until(SHORT, || {
            self.server.log().lines().any(|line| {
                let line = line.to_lowercase();
                texts.iter().all(|text| line.contains(text))
            })
        });
        met(said, || {
            format!("no line of the log contains all of {texts:?}")
        })
    }

    fn has_state(&self, model: &str, state: &str) -> Result<(), StepError> {
        let entries = self.entries(model).map_err(unanswered)?;
        let states: Vec<&str> = entries.iter().map(|entry| entry.state.as_str()).collect();
        met(states == [state], || {
            format!("the index lists model '{model}' as {states:?}, expected {state}")
        })
    }

    fn entries(&self, model: &str) -> Result<Vec<IndexEntry>, ClientError> {
        let index = self.client.index()?;
        Ok(index
            .into_iter()
            .filter(|entry| entry.name == model)
            .collect())
    }

    fn health(
        &self,
        endpoint: &str,
        answer: Result<bool, ClientError>,
        expected: bool,
    ) -> Result<(), StepError> {
        let answer = answer.map_err(unanswered)?;
        met(answer == expected, || {
            let not = if answer { "" } else { "not " };
            format!("the server says that it is {not}{endpoint}")
        })
    }

    pub(super) fn parameter(&self, model: &str, key: &str) -> Result<String, StepError> {
        let value = self.client.parameter(model, key).map_err(unanswered)?;
        value.ok_or_else(|| {
            StepError::Unmet(format!(
                "the configuration of model '{model}' has no parameter {key}"
            ))
        })
    }

    fn are_isolated(&self, first: &str, second: &str) -> Result<(), StepError> {
        let (first_model, second_model) = (self.model(first)?, self.model(second)?);
        let same_set = first_model.libraries == second_model.libraries;
        let same_framework =
            first_model.model.format.framework() == second_model.model.format.framework();
        let together = match self.isolation {
            Isolation::Shared => true,
            Isolation::Backend => same_framework,
            Isolation::OpSet => same_set && same_framework,
            Isolation::Model => false,
        };
        let pids = (
            self.parameter(first, WORKER_PID)?,
            self.parameter(second, WORKER_PID)?,
        );
        met((pids.0 == pids.1) == together, || {
            format!(
                "models '{first}' and '{second}' are served by processes {} and {}, which is not \
                 isolation {}",
                pids.0, pids.1, self.isolation
            )
        })
    }

    fn is_unknown_to_inference(&self, model: &'static str) -> Result<(), StepError> {
        let Some(question) = self.questions(model)?.into_iter().next() else {
            return Ok(());
        };
        match question.ask(&self.client) {
            Err(WrongAnswer::Request(error)) if error.status() == Some(404) => Ok(()),
            Ok(()) => Err(StepError::Unmet(format!("model '{model}' answers"))),
            Err(other) => Err(StepError::Unmet(format!(
                "expected status 404, got: {other}"
            ))),
        }
    }

    /// The case's files that are mapped by any process of the server.
    fn mapped_libraries(&self) -> Vec<PathBuf> {
        self.server
            .mapped_under(self.folder.root())
            .into_iter()
            .filter(|file| file.extension().is_some_and(|extension| extension == "so"))
            .collect()
    }

    pub(super) fn reach(&mut self, phase: Phase) {
        self.reached = phase;
    }

    /// What a failed request means; a server that closed its connections is given time to end.
    fn found(
        &mut self,
        phase: Phase,
        error: &ClientError,
        elapsed: Duration,
        limit: Duration,
    ) -> StepError {
        let exit = match error {
            ClientError::Connection { .. } => self.server.wait_exit(SHORT),
            _ => self.server.poll_exit(),
        };
        StepError::Found(Finding::of_request(phase, error, elapsed, limit, exit))
    }
}

pub(super) fn met(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), StepError> {
    if condition {
        Ok(())
    } else {
        Err(StepError::Unmet(otherwise()))
    }
}

fn unanswered(error: ClientError) -> StepError {
    StepError::Unmet(error.to_string())
}

pub(super) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(INTERVAL);
    }
}
