//! Conducts one case from its files to its verdict.

use std::time::{Duration, Instant};

use runtimes::RuntimeName;
use test_ops::PlanError;

use super::answers::Answers;
use super::finding::{Finding, missing_backend, phase_of_refusal};
use super::folder::{ArrangeError, CaseFolder};
use super::launch::{launch_command, placeholders};
use super::reproduction::reproduce;
use super::steps::{Stage, StepError};
use super::supply::{Supply, SupplyError};
use super::trial::{TrialError, Tried, predict_and_try};
use super::watchdog::{Bite, Watchdog};
use crate::arrangement::{Arrangement, Launch, Route, Step};
use crate::case::Case;
use crate::client::Client;
use crate::expectation::{Expectation, Isolation, Placeholders, Profile};
use crate::observation::{CaseResult, Evidence, Exit, Outcome, Phase, Traffic, Verdict};
use crate::options::RunOptions;
use crate::server::{ServerError, ServerProcess, Termination, WaitError};

/// Longest wait for a server to end that was asked to.
fn end_limit(profile: Profile) -> Duration {
    Duration::from_secs(match profile {
        Profile::Reference => 15,
        // Its own time limit, `--exit-timeout-secs`, is 30 s unless it is told another one, and it
        // takes all of it where a client stays connected.
        Profile::Triton => 45,
    })
}

/// What a client waits beyond the server's own time limits.
const CLIENT_MARGIN: Duration = Duration::from_secs(30);
/// Lines of the log that are kept as evidence.
const LOG_LINES: usize = 40;

/// What all cases of a run have in common.
pub struct Setting<'a> {
    /// How the run is made.
    pub options: &'a RunOptions,
    /// Op libraries and runtimes.
    pub supply: &'a Supply<'a>,
}

impl Setting<'_> {
    /// The default runtime of one case; `None`: the catalogue has none.
    fn runtime_of(&self, case: &Case) -> Option<RuntimeName> {
        self.supply.default_runtime(case, case.framework)
    }

    /// The isolation policy of one case.
    pub fn isolation_of(&self, case: &Case) -> Isolation {
        case.isolation.unwrap_or(self.options.isolation)
    }

    /// Its name, as results hold it.
    fn runtime_name(&self, case: &Case) -> String {
        self.runtime_of(case)
            .map_or_else(|| case.framework.to_string(), |runtime| runtime.to_string())
    }
}

/// Why a case has no observation.
#[derive(Debug, thiserror::Error)]
enum ConductError {
    #[error("failed to arrange the case: {0}")]
    Arrange(#[from] ArrangeError),
    #[error("failed to try the op library out: {0}")]
    Trial(#[from] TrialError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Client(#[from] crate::client::ClientError),
}

impl ConductError {
    /// A plan that cannot be made to be for another GPU is nothing that the machine or the harness
    /// lacks: the case is skipped with that reason.
    fn verdict(&self) -> Verdict {
        match self {
            Self::Arrange(ArrangeError::Library(SupplyError::Plan(PlanError::NoRecordOfGpu {
                ..
            }))) => Verdict::Skip,
            _ => Verdict::Error,
        }
    }
}

/// What a case yielded.
struct Observation {
    finding: Finding,
    tried: Option<Tried>,
    unmet: Vec<String>,
    time_to_ready: Option<Duration>,
    load_time: Option<Duration>,
    traffic: Option<Traffic>,
    names: Placeholders,
    evidence: Evidence,
}

impl Observation {
    /// What the server said, where it lacks the backend of a model: then nothing was seen of the op
    /// library.
    fn missing_backend(&self) -> Option<String> {
        let refused = matches!(
            self.finding.outcome,
            Outcome::Rejected | Outcome::RefusedStart
        );
        let words = missing_backend(&self.finding.message).filter(|_| refused)?;
        Some(words.to_owned())
    }
}

/// The result of a case whose server has no backend for it.
fn skipped_without_backend(
    case: &Case,
    setting: &Setting<'_>,
    observation: Observation,
    words: &str,
) -> CaseResult {
    let reason = format!(
        "needs a backend that the server does not have; it says: {words}; run it on a server that \
         has the backend"
    );
    let result = unrun(case, setting, Verdict::Skip, reason);
    CaseResult {
        phase: observation.finding.phase,
        time_to_ready_ms: observation.time_to_ready.map(milliseconds),
        evidence: Evidence {
            reproduce: result.evidence.reproduce.clone(),
            ..observation.evidence
        },
        ..result
    }
}

/// Conducts one case; `None` where the run was cancelled meanwhile.
pub fn conduct(case: &Case, setting: &Setting<'_>) -> Option<CaseResult> {
    let begin = Instant::now();
    let result = match reason_to_skip(case, setting) {
        Some(reason) => unrun(case, setting, Verdict::Skip, reason),
        None => match observe(case, setting) {
            Ok(observation) => {
                let observation = observation?;
                match observation.missing_backend() {
                    Some(words) => skipped_without_backend(case, setting, observation, &words),
                    None => judge(case, setting, observation),
                }
            }
            Err(error) => unrun(case, setting, error.verdict(), error.to_string()),
        },
    };
    Some(CaseResult {
        duration_ms: milliseconds(begin.elapsed()),
        ..result
    })
}

/// The result of a case that has no observation.
pub fn unrun(case: &Case, setting: &Setting<'_>, verdict: Verdict, message: String) -> CaseResult {
    CaseResult {
        id: case.id.clone(),
        suite: case.suite,
        framework: case.framework,
        path: case.path,
        description: case.description.clone(),
        conflict: case.conflict.clone(),
        isolation: setting.isolation_of(case),
        runtime: setting.runtime_name(case),
        expected: expectation(case, setting).map(|expectation| expectation.outcome),
        outcome: None,
        verdict,
        phase: Phase::Spawn,
        prediction: None,
        trial: None,
        message,
        time_to_ready_ms: None,
        load_ms: None,
        duration_ms: 0.0,
        evidence: Evidence {
            reproduce: reproduce(case, setting),
            ..Evidence::default()
        },
    }
}

fn expectation<'a>(case: &'a Case, setting: &Setting<'_>) -> Option<&'a Expectation> {
    case.expectation(
        setting.options.profile,
        setting.isolation_of(case),
        &setting.runtime_of(case)?.version.to_semver(),
    )
}

fn reason_to_skip(case: &Case, setting: &Setting<'_>) -> Option<String> {
    let installed = setting.supply.installed();
    let unmet = case.needs.iter().find(|need| !need.is_met(installed));
    match unmet {
        Some(need) => Some(format!("needs {need}; {}", need.remedy())),
        None if expectation(case, setting).is_none() => Some(format!(
            "nothing is expected of it under profile {} and isolation {}",
            setting.options.profile,
            setting.isolation_of(case)
        )),
        None => None,
    }
}

fn judge(case: &Case, setting: &Setting<'_>, observation: Observation) -> CaseResult {
    let Observation {
        finding,
        unmet,
        names,
        mut evidence,
        ..
    } = observation;
    let traffic = observation.traffic;
    let mut departures = Vec::new();
    if let Some(expectation) = expectation(case, setting) {
        departures = expectation.departures(
            finding.outcome,
            finding.phase,
            &finding.message,
            traffic.as_ref(),
            &names,
        );
        evidence.expectation = Some(expectation.clone());
    }
    departures.extend(unmet);
    let verdict = if departures.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    evidence.departures = departures;
    evidence.traffic = traffic;
    evidence.reproduce = reproduce(case, setting);
    let (prediction, trial) = observation
        .tried
        .map(|tried| (tried.prediction, tried.trial))
        .unzip();
    CaseResult {
        outcome: Some(finding.outcome),
        phase: finding.phase,
        prediction,
        trial,
        time_to_ready_ms: observation.time_to_ready.map(milliseconds),
        load_ms: observation.load_time.map(milliseconds),
        evidence,
        ..unrun(case, setting, verdict, finding.message)
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Arranges, launches, takes the steps and ends the server.
fn observe(case: &Case, setting: &Setting<'_>) -> Result<Option<Observation>, ConductError> {
    let arrangement = &case.arrangement;
    let launch = &arrangement.launch;
    let folder = CaseFolder::arrange(case, setting.supply)?;
    let mut unmet = Vec::new();
    let mut names = placeholders(case, setting, &folder)?;
    let mut tried = None;
    if let Some(claim) = arrangement.claim {
        let Some(seen) = predict_and_try(case, claim, setting, &folder)? else {
            return Ok(None);
        };
        unmet.extend(claim.departures(&seen.prediction, &seen.trial));
        names.reason.clone_from(&seen.prediction.reason);
        tried = Some(seen);
    }
    let server = launch_command(case, setting, &folder)?.launch(&folder.log())?;
    // What is built for the case, a plan of TensorRT for instance, takes its own time.
    let deadline = Instant::now() + setting.options.case_time_limit;
    let watchdog = Watchdog::new(
        server.killer(),
        deadline,
        setting.options.cancellation.clone(),
    );
    let limit = launch.load_timeout.max(launch.execution_timeout) + CLIENT_MARGIN;
    let mut stage = Stage {
        arrangement,
        profile: setting.options.profile,
        isolation: setting.isolation_of(case),
        names,
        client: Client::new(server.http_address(), limit)?,
        folder,
        server,
        traffic: None,
        reached: Phase::Spawn,
        notes: Vec::new(),
        load_time: None,
        mapped_before: Vec::new(),
        mapped_after: None,
        gpu_memory: Default::default(),
        signatures: Default::default(),
        answers: Answers::default(),
    };
    let mut time_to_ready = None;
    let started = if launch.becomes_ready {
        stage
            .server
            .wait_ready(launch.start_limit)
            .inspect(|&time| time_to_ready = Some(time))
    } else {
        stage.server.wait_live(launch.start_limit)
    };
    let mut came_up = true;
    let mut finding = match started {
        Ok(_) => {
            note_models_of_launch(&mut stage)?;
            take_steps(&mut stage, &mut unmet)?
        }
        Err(error) => {
            came_up = false;
            failed_start(error, launch, &stage)
        }
    };
    let Stage {
        client,
        folder: _until_the_server_has_ended,
        mut server,
        names,
        traffic,
        reached,
        notes,
        answers,
        load_time,
        mapped_before,
        mapped_after,
        gpu_memory,
        ..
    } = stage;
    let traffic = traffic.map(|traffic| traffic.finish());
    // A server may wait for its clients' connections to be closed before it ends.
    drop(client);
    match watchdog.bite() {
        Some(Bite::Cancelled) => return Ok(None),
        Some(Bite::TimeLimit) => {
            let limit = setting.options.case_time_limit;
            let message = format!("the case took longer than {limit:?}; {}", finding.message);
            finding = Finding::new(Outcome::Hung, reached, message);
        }
        None => {
            let told = end(&mut server, &finding, setting.options.profile);
            // How a server ends that was never there is part of the outcome.
            unmet.extend(told.into_iter().filter(|_| came_up));
        }
    }
    let exit = server.kill();
    drop(watchdog);
    Ok(Some(Observation {
        finding,
        tried,
        unmet,
        time_to_ready,
        load_time,
        traffic,
        evidence: Evidence {
            steps: notes,
            answers: answers.into_inner(),
            exit: Some(exit),
            log_tail: server.log_tail(LOG_LINES),
            mapped_before_unload: mapped_before,
            mapped_after_unload: mapped_after,
            gpu_memory: gpu_memory.into_inner(),
            server_command: server.command_line().to_vec(),
            ..Evidence::default()
        },
        names,
    }))
}

/// Models that the server loads by itself are computed with the libraries that are there now.
fn note_models_of_launch(stage: &mut Stage<'_>) -> Result<(), ArrangeError> {
    for model in &stage.arrangement.models {
        stage.note_libraries(&model.model.name)?;
    }
    Ok(())
}

/// Takes all steps; where all succeed, the model is served.
fn take_steps(stage: &mut Stage<'_>, unmet: &mut Vec<String>) -> Result<Finding, ArrangeError> {
    let arrangement = stage.arrangement;
    let mut found = None;
    for step in &arrangement.steps {
        match stage.perform(step) {
            Ok(()) => {}
            Err(StepError::Found(finding)) => {
                found = Some(finding);
                break;
            }
            Err(StepError::Unmet(text)) => unmet.push(text),
            Err(StepError::Arrange(error)) => return Err(error),
        }
    }
    let finding = found.unwrap_or_else(|| Finding::new(Outcome::Served, stage.reached, ""));
    for step in afterwards(arrangement, stage.profile, finding.outcome) {
        match stage.perform(step) {
            Ok(()) => {}
            Err(StepError::Found(later)) => {
                unmet.push(format!(
                    "afterwards, {step}: {}: {}",
                    later.outcome, later.message
                ));
            }
            Err(StepError::Unmet(text)) => unmet.push(format!("afterwards, {text}")),
            Err(StepError::Arrange(error)) => return Err(error),
        }
    }
    Ok(finding)
}

/// The steps after the observation. A server that is gone can be asked nothing; and whether another
/// server than ours takes a library that was repaired is in nobody's expectations.
fn afterwards(
    arrangement: &Arrangement,
    profile: Profile,
    outcome: Outcome,
) -> impl Iterator<Item = &Step> {
    let reference = profile == Profile::Reference;
    let steps = arrangement.afterwards.iter();
    steps
        .filter(move |_| reference || outcome != Outcome::Aborted)
        .take_while(move |step| reference || !matches!(step, Step::Replace(..)))
}

/// What it means that the server did not come up.
fn failed_start(error: WaitError, launch: &Launch, stage: &Stage<'_>) -> Finding {
    let log = match stage.profile {
        Profile::Reference => stage.server.log_tail(LOG_LINES).join("\n"),
        // Its tables come after the reason, and are longer.
        Profile::Triton => stage.server.log(),
    };
    // What it did until then is in the evidence.
    let complaints: Vec<&str> = log
        .lines()
        .filter(|line| is_complaint(line, stage.profile))
        .collect();
    let complaints = complaints.join("\n");
    let message = format!("{error}; its log says:\n{complaints}");
    // The dynamic loader ends with this status where a library that it needs cannot be used.
    const UNLOADABLE: i32 = 127;
    let preloads = launch
        .libraries
        .iter()
        .any(|library| library.route == Route::Environment);
    let spawn = if preloads {
        Phase::Preload
    } else {
        Phase::Spawn
    };
    match error {
        WaitError::Exited(Exit::Status(UNLOADABLE)) => Finding::new(
            Outcome::RefusedStart,
            spawn,
            format!("the dynamic loader ended the process before it began: {message}"),
        ),
        WaitError::Exited(Exit::Status(_)) => Finding::new(
            Outcome::RefusedStart,
            phase_of_refusal(&complaints),
            message,
        ),
        WaitError::Exited(Exit::Signal(_)) => Finding::new(Outcome::Aborted, spawn, message),
        WaitError::Deadline(_) => Finding::new(Outcome::Hung, spawn, message),
    }
}

/// Whether a line of the log is more than an account of what the server does.
fn is_complaint(line: &str, profile: Profile) -> bool {
    match profile {
        Profile::Reference => !line.contains(" INFO "),
        // Severity and date, as in `I1128 11:27:12.093879`, or a line of a table.
        Profile::Triton => {
            let dated = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
            let tells = line.strip_prefix('I').is_some_and(dated);
            !tells && !line.starts_with(['|', '+']) && !line.is_empty()
        }
    }
}

/// Ends the server; what was not as it should be.
fn end(server: &mut ServerProcess, finding: &Finding, profile: Profile) -> Vec<String> {
    let had_ended = server.poll_exit().is_some();
    let limit = end_limit(profile);
    let Termination {
        exit,
        killed,
        left_behind,
    } = server.terminate(limit);
    let mut unmet = Vec::new();
    if left_behind > 0 {
        unmet.push(format!("{left_behind} processes outlived the server"));
    }
    let may_have_ended = matches!(finding.outcome, Outcome::RefusedStart | Outcome::Aborted);
    // What another server does on SIGTERM is not ours to judge.
    if profile == Profile::Reference && !may_have_ended {
        if had_ended {
            unmet.push(format!("the server had ended with {exit}"));
        } else if killed {
            unmet.push(format!(
                "the server did not end within {limit:?} of SIGTERM"
            ));
        } else if exit != Exit::Status(0) {
            unmet.push(format!(
                "the server ended with {exit} on SIGTERM, expected exit status 0"
            ));
        }
    }
    unmet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_arranged_on_any_machine_is_skipped_and_what_fails_is_an_error() {
        let of_plan = |error: PlanError| {
            ConductError::from(ArrangeError::from(SupplyError::from(error))).verdict()
        };
        let no_record = PlanError::NoRecordOfGpu {
            path: "0123.plan".into(),
        };
        assert_eq!(of_plan(no_record), Verdict::Skip);
        let no_device = PlanError::NoDevice {
            message: String::new(),
        };
        assert_eq!(of_plan(no_device), Verdict::Error);
    }
}
