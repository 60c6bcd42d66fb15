//! One experiment: a worker process, and the libraries that are opened in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use op_library::{ProbeOutcome, ProbePhase, ProbedLibrary, ProbedOp};
use runtimes::Framework;

use super::error::ProbeError;
use super::session_model::SessionModel;
use crate::front::death::{Attempt, Death};
use crate::front::hosted::Hosted;
use crate::front::trial::overrun;
use crate::front::worker_process::{Launch, WorkerProcess};
use crate::ipc::control::{Reply, Request};
use crate::worker::backend::{LibraryReport, LoadError, RegisteredOp};
use crate::worker::recorder::Step;

/// A worker process in which libraries are opened one after the other.
pub struct Experiment {
    process: Arc<WorkerProcess>,
    hosted: Hosted,
    limit: Duration,
    /// What ONNX Runtime creates sessions of.
    session_model: Option<SessionModel>,
    /// What the libraries so far registered.
    registered: Vec<LibraryReport>,
}

/// How a library came to nothing.
enum Failure {
    /// The worker lives and says why.
    Refused(LoadError),
    /// The worker is gone.
    Died { death: Death, message: String },
}

impl Experiment {
    /// Starts a worker and maps the runtime of `hosted`, whose libraries are left alone. Each step
    /// may take as long as `limit`.
    ///
    /// # Errors
    /// The process cannot be started, or the runtime not be used.
    pub async fn begin(hosted: Hosted, limit: Duration) -> Result<Self, ProbeError> {
        let launch = Launch {
            name: "probe".to_owned(),
            library_path: hosted.library_dirs.clone(),
            preload: Vec::new(),
            pinned_memory: 0,
        };
        let session_model = (hosted.framework() == Framework::OnnxRuntime)
            .then(SessionModel::write)
            .transpose()
            .map_err(ProbeError::Model)?;
        let experiment = Self {
            process: WorkerProcess::start(&launch).map_err(ProbeError::Process)?,
            hosted,
            limit,
            session_model,
            registered: Vec::new(),
        };
        match experiment.ask(experiment.hosted.open_request()).await {
            Ok(_) => Ok(experiment),
            Err(failure) => {
                let runtime = experiment.hosted.runtime;
                let reason = failure.into_message();
                experiment.end().await;
                Err(ProbeError::Unusable { runtime, reason })
            }
        }
    }

    /// Opens the libraries in this order, until one does not let the worker go on.
    pub async fn open_all(&mut self, paths: &[PathBuf]) -> Vec<ProbedLibrary> {
        let mut libraries: Vec<ProbedLibrary> = Vec::new();
        for path in paths {
            let goes_on = libraries.last().is_none_or(|last| last.outcome.goes_on());
            let library = if goes_on {
                self.open(path, &libraries).await
            } else {
                ProbedLibrary::not_reached(path.clone())
            };
            libraries.push(library);
        }
        libraries
    }

    /// Describes the ops in the framework's own terms. Code of the libraries may run, so this comes
    /// last: where it ends the worker, the descriptions stay empty.
    pub async fn describe(&self, libraries: &mut [ProbedLibrary]) {
        let ended = libraries
            .iter()
            .any(|library| library.outcome.ends_process());
        if ended || libraries.iter().all(|library| library.ops.is_empty()) {
            return;
        }
        let framework = self.hosted.framework();
        let described = match self.ask(Request::Describe { framework }).await {
            Ok(Reply::Described { libraries }) => libraries,
            Ok(_) => Vec::new(),
            Err(failure) => {
                let why = match failure {
                    Failure::Refused(error) => error.message,
                    Failure::Died { death, .. } => {
                        format!("the worker {}{}", death.how, death.last_output())
                    }
                };
                tracing::warn!("the ops are not described: {why}");
                Vec::new()
            }
        };
        for library in libraries {
            let mut descriptions = described.iter();
            let description = descriptions.find(|other| is_same_file(&other.path, &library.path));
            for op in &mut library.ops {
                let mut known = description.iter().flat_map(|library| &library.ops);
                if let Some(known) = known.find(|known| is_description_of(&known.op, op)) {
                    op.schemas.clone_from(&known.schemas);
                    op.kernels.clone_from(&known.kernels);
                }
            }
        }
    }

    /// Ends the worker.
    pub async fn end(self) {
        self.process.end("is no longer needed");
        self.process.died().await;
    }

    async fn open(&mut self, path: &Path, before: &[ProbedLibrary]) -> ProbedLibrary {
        let request = Request::Add {
            framework: self.hosted.framework(),
            libraries: vec![path.to_owned()],
        };
        let reports = match self.ask(request).await {
            Ok(Reply::Opened { libraries }) => libraries,
            Ok(_) => Vec::new(),
            Err(failure) => return self.failed(path, failure, ProbePhase::Dlopen),
        };
        let Some(report) = reports.into_iter().next() else {
            return again(path, before);
        };
        self.registered.push(report.clone());
        let number = before.len();
        if let Err(failure) = self.create_session(number).await {
            let failed = self.failed(path, failure, ProbePhase::Session);
            return ProbedLibrary {
                api_level: report.api_level,
                message: format!(
                    "{} creates no session with the op library '{}': {}",
                    self.hosted.runtime,
                    path.display(),
                    failed.message
                ),
                ..failed
            };
        }
        let (outcome, message) = if report.ops.is_empty() {
            (ProbeOutcome::RegisteredNothing, self.nothing(path))
        } else {
            (ProbeOutcome::Registered, String::new())
        };
        ProbedLibrary {
            outcome,
            phase: Some(if self.session_model.is_some() {
                ProbePhase::Session
            } else {
                ProbePhase::Register
            }),
            message,
            api_level: report.api_level,
            ops: report.ops.into_iter().map(undescribed).collect(),
            ..ProbedLibrary::not_reached(path.to_owned())
        }
    }

    /// Lets ONNX Runtime create a session with the libraries so far; `number` tells it from others.
    async fn create_session(&self, number: usize) -> Result<(), Failure> {
        let Some(model) = &self.session_model else {
            return Ok(());
        };
        let request = Request::Load {
            framework: self.hosted.framework(),
            specification: model.specification(number as u64 + 1),
            // Nothing is executed.
            lanes: Vec::new(),
        };
        self.ask(request).await.map(drop)
    }

    async fn ask(&self, request: Request) -> Result<Reply, Failure> {
        let overrun = overrun(self.limit);
        match self.process.request(&request, self.limit, &overrun).await {
            Ok(Reply::OpenFailed { error } | Reply::LoadFailed { error, .. }) => {
                Err(Failure::Refused(error))
            }
            Ok(reply) => Ok(reply),
            Err(death) => {
                let model = match &request {
                    Request::Load { specification, .. } => Some(specification.file.as_path()),
                    _ => None,
                };
                let error = death.explain(Attempt {
                    hosted: &self.hosted,
                    preloaded: &[],
                    model,
                    own: &[],
                    registered: &self.registered,
                });
                Err(Failure::Died {
                    death,
                    message: error.message,
                })
            }
        }
    }

    /// What became of a library that failed; `first` is the step that its request begins with.
    fn failed(&self, path: &Path, failure: Failure, first: ProbePhase) -> ProbedLibrary {
        let (outcome, step, signal) = match &failure {
            Failure::Refused(error) => {
                let outcome = if error.registers_nothing {
                    ProbeOutcome::RegisteredNothing
                } else {
                    ProbeOutcome::Failed
                };
                let recorder = self.process.arena().region().recorder();
                (outcome, recorder.read().latest, None)
            }
            Failure::Died { death, .. } => {
                let outcome = if death.ended_by_server {
                    ProbeOutcome::Hung
                } else {
                    ProbeOutcome::Crashed
                };
                (outcome, death.record.latest, death.signal)
            }
        };
        ProbedLibrary {
            outcome,
            phase: Some(phase_of(step).unwrap_or(first)),
            signal,
            message: failure.into_message(),
            ..ProbedLibrary::not_reached(path.to_owned())
        }
    }

    fn nothing(&self, path: &Path) -> String {
        format!(
            "the op library '{}' was opened without an error and registered nothing with {}",
            path.display(),
            self.hosted.runtime
        )
    }
}

impl Failure {
    fn into_message(self) -> String {
        match self {
            Self::Refused(error) => error.message,
            Self::Died { message, .. } => message,
        }
    }
}

/// A library that the worker has already: what was found before.
fn again(path: &Path, before: &[ProbedLibrary]) -> ProbedLibrary {
    let known = before
        .iter()
        .find(|library| is_same_file(&library.path, path));
    ProbedLibrary {
        path: path.to_owned(),
        ..known.map_or_else(|| ProbedLibrary::not_reached(path.to_owned()), Clone::clone)
    }
}

/// Whether two paths lead to one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| std::fs::canonicalize(path).ok();
    one == other || file(one).is_some_and(|one| file(other) == Some(one))
}

fn is_description_of(described: &RegisteredOp, op: &ProbedOp) -> bool {
    (&described.domain, &described.name, &described.version) == (&op.domain, &op.name, &op.version)
}

fn phase_of(step: Step) -> Option<ProbePhase> {
    match step {
        Step::OpenLibrary => Some(ProbePhase::Dlopen),
        Step::Register => Some(ProbePhase::Register),
        Step::CreateSession => Some(ProbePhase::Session),
        Step::Idle | Step::MapRuntime | Step::CloseSession | Step::CloseLibrary => None,
    }
}

fn undescribed(op: RegisteredOp) -> ProbedOp {
    ProbedOp {
        domain: op.domain,
        name: op.name,
        version: op.version,
        schemas: Vec::new(),
        kernels: Vec::new(),
    }
}
