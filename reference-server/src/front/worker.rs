//! A worker as the server means it: a place for models that outlives its processes.
//!
//! One task owns each worker. It starts the process when the first model comes, loads and
//! releases models one at a time, ends executions that exceed their limit, and brings the models
//! back when the process dies, with growing pauses. A model that keeps killing its worker is
//! given up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use runtimes::Framework;
use tokio::sync::{mpsc, oneshot, watch};

use super::collision::{Collision, Intrusion, Override};
use super::death::{Attempt, Death};
use super::fingerprint::Fingerprint;
use super::hosted::Hosted;
use super::loaded_files::LoadedFiles;
use super::scheduler::{InferenceError, Scheduler};
use super::trial::overrun;
use super::worker_process::{Launch, WorkerProcess, refused_start};
use super::workers::ContentHash;
use crate::ipc::control::{Reply, Request};
use crate::ipc::region::LANES;
use crate::worker::backend::{
    LibraryReport, LoadError, ModelSpecification, StillMapped, TensorSignature,
};

/// Deaths in [`CRASH_WINDOW`] after which a model that was executing each time is given up.
const CRASHES_TOLERATED: usize = 3;
/// See [`CRASHES_TOLERATED`].
const CRASH_WINDOW: Duration = Duration::from_secs(300);
/// Pause before the first restart; doubled each time up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How often a process is started again before its models are given up.
const START_ATTEMPTS: u32 = 5;
/// How often models are looked after while another one is loaded or released.
const CHECK_WHILE_BUSY: Duration = Duration::from_millis(100);
/// A process that lived this long makes the next pause the first one again.
const STEADY: Duration = Duration::from_secs(60);
/// See [`FIRST_PAUSE`].
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Time limits of a worker's work.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Mapping the runtime, or loading one model with its op libraries.
    pub load: Duration,
    /// One execution.
    pub execution: Duration,
}

/// What a model reported when it was loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Inputs in the model's order.
    pub inputs: Vec<TensorSignature>,
    /// Outputs in the model's order.
    pub outputs: Vec<TensorSignature>,
    /// What its op libraries registered.
    pub libraries: Vec<LibraryReport>,
    /// What the op libraries of all models of the framework registered.
    pub shared_libraries: Vec<LibraryReport>,
}

/// Told when a model is given up, with its key and the reason.
pub type GivenUp = Arc<dyn Fn(u64, &str) + Send + Sync>;

/// A model to load.
pub struct Placement {
    /// The runtime that serves it. One worker gets the same for all models of a framework.
    pub hosted: Arc<Hosted>,
    /// What to load.
    pub specification: ModelSpecification,
    /// The content of its op libraries, in their order, where identical files count as one; empty
    /// where each counts for itself.
    pub contents: Vec<ContentHash>,
    /// Who gets its instances.
    pub scheduler: Arc<Scheduler>,
    /// Called when the worker gives the model up.
    pub given_up: GivenUp,
}

enum Command {
    Load(Box<Placement>, oneshot::Sender<Result<Loaded, LoadError>>),
    Unload(u64, oneshot::Sender<Vec<StillMapped>>),
}

/// Handle of a worker. The worker ends when the last handle is gone.
pub struct Worker {
    name: String,
    commands: mpsc::UnboundedSender<Command>,
    pid: Arc<Mutex<Option<u32>>>,
    ended: watch::Receiver<()>,
}

/// The end of a worker, for who lets go of it.
pub struct Ending {
    worker: Weak<Worker>,
    ended: watch::Receiver<()>,
}

impl Ending {
    /// Waits until the process is gone, with all that it had on the GPUs, if nobody holds the worker
    /// any more; for at most `limit`.
    pub async fn wait(mut self, limit: Duration) {
        if self.worker.strong_count() == 0 {
            // An error means that the sender is gone, as the task of the worker is.
            let _ = tokio::time::timeout(limit, self.ended.changed()).await;
        }
    }
}

impl Worker {
    /// A worker without a process or models.
    pub fn new(launch: Launch, limits: Limits) -> Arc<Self> {
        let (commands, received) = mpsc::unbounded_channel();
        let pid = Arc::new(Mutex::new(None));
        let (end, ended) = watch::channel(());
        let name = launch.name.clone();
        let task = Task {
            launch,
            limits,
            models: BTreeMap::new(),
            process: None,
            opened: BTreeMap::new(),
            registered: BTreeMap::new(),
            files: LoadedFiles::default(),
            pid: pid.clone(),
            pause: FIRST_PAUSE,
            started: Instant::now(),
            failed_openings: BTreeMap::new(),
        };
        tokio::spawn(async move {
            task.run(received).await;
            drop(end);
        });
        Arc::new(Self {
            name,
            commands,
            pid,
            ended,
        })
    }

    /// Name in log lines, such as `worker-3`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells when it has ended.
    pub fn ending(self: &Arc<Self>) -> Ending {
        Ending {
            worker: Arc::downgrade(self),
            ended: self.ended.clone(),
        }
    }

    /// Process id, where a process runs.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.lock()
    }

    /// Loads a model.
    ///
    /// # Errors
    /// Why it could not be loaded, the end of the process included.
    pub async fn load(&self, placement: Placement) -> Result<Loaded, LoadError> {
        let (answer, loaded) = oneshot::channel();
        self.commands
            .send(Command::Load(Box::new(placement), answer))
            .ok();
        loaded
            .await
            .unwrap_or_else(|_| Err(LoadError::new("the worker ended")))
    }

    /// Releases a model. Its scheduler has been drained or stopped.
    pub async fn unload(&self, key: u64) -> Vec<StillMapped> {
        let (answer, unloaded) = oneshot::channel();
        self.commands.send(Command::Unload(key, answer)).ok();
        unloaded.await.unwrap_or_default()
    }
}

struct Model {
    placement: Box<Placement>,
    lanes: Vec<u32>,
    crashes: VecDeque<Instant>,
    /// It was once the only model that was executing when the worker died.
    convicted: bool,
}

/// A runtime that a process could not open. What of it is mapped cannot be told, so that the process
/// is not asked again.
struct FailedOpening {
    error: LoadError,
    /// What was to be opened, and what its files looked like then.
    hosted: Hosted,
    seen: Fingerprint,
}

impl FailedOpening {
    /// Whether opening `hosted` now is another thing than what failed.
    fn is_outdated(&self, hosted: &Hosted) -> bool {
        self.hosted != *hosted || self.seen != files_of(hosted)
    }
}

fn files_of(hosted: &Hosted) -> Fingerprint {
    let mut files = Fingerprint::default();
    let opened = std::iter::once(&hosted.main_library).chain(&hosted.bridge);
    opened
        .chain(&hosted.libraries)
        .for_each(|path| files.add(path));
    files
}

struct Task {
    launch: Launch,
    limits: Limits,
    models: BTreeMap<u64, Model>,
    process: Option<Arc<WorkerProcess>>,
    /// For each framework that the process was asked to open, what the op libraries of all its
    /// models registered, or why it could not be opened.
    opened: BTreeMap<Framework, Result<Vec<LibraryReport>, FailedOpening>>,
    /// What op libraries of models registered in the process, to tell of collisions.
    registered: BTreeMap<Framework, Vec<LibraryReport>>,
    /// The files that the process has got op libraries of models from.
    files: LoadedFiles,
    pid: Arc<Mutex<Option<u32>>>,
    pause: Duration,
    started: Instant,
    /// Restarts in a row in which the process died of opening a runtime.
    failed_openings: BTreeMap<Framework, u32>,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let period =
            (self.limits.execution / 20).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let mut check = tokio::time::interval(period);
        check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let process = self.process.clone();
            let died = async {
                match &process {
                    Some(process) => process.died().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break,
                },
                death = died => self.recover(death).await,
                _ = check.tick(), if process.is_some() => self.look_after(),
            }
        }
        for model in self.models.values() {
            model
                .placement
                .scheduler
                .stop("the server lets go of the model");
            model
                .placement
                .scheduler
                .detach(&InferenceError::Unavailable(
                    "the server lets go of the model".to_owned(),
                ));
        }
        if let Some(process) = self.process.take() {
            process.end("is no longer needed");
            process.died().await;
            tracing::debug!(worker = %self.launch.name, "worker ended");
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Load(placement, answer) => {
                let outcome = self.load(placement).await;
                answer.send(outcome).ok();
            }
            Command::Unload(key, answer) => {
                answer.send(self.unload(key).await).ok();
            }
        }
    }

    async fn load(&mut self, placement: Box<Placement>) -> Result<Loaded, LoadError> {
        let failed = self.opened.get(&placement.hosted.framework());
        if let Some(Err(failed)) = failed
            && self.process.is_some()
            && failed.is_outdated(&placement.hosted)
        {
            self.renew(placement.hosted.framework()).await;
        }
        if self.process.is_none() {
            self.start()?;
        }
        match self.open(&placement.hosted).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                if self.models.is_empty() {
                    self.end("is of no use without its runtime").await;
                }
                return Err(error);
            }
            Err(death) => {
                let error = death.explain(self.attempt(&placement.hosted));
                self.recover(death).await;
                return Err(error);
            }
        }
        let mut model = Model {
            placement,
            lanes: Vec::new(),
            crashes: VecDeque::new(),
            convicted: false,
        };
        let loaded = match self.place(&mut model).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(error)) => return Err(error),
            Err(death) => {
                let error = self.explain_load(&death, &model.placement);
                self.recover(death).await;
                return Err(error);
            }
        };
        self.tell_of_collisions(model.placement.hosted.framework(), &loaded);
        self.models.insert(model.placement.specification.key, model);
        Ok(loaded)
    }

    /// Starts a process, with nothing in it yet.
    fn start(&mut self) -> Result<(), LoadError> {
        let process = WorkerProcess::start(&self.launch).map_err(|error| refused_start(&error))?;
        *self.pid.lock() = Some(process.pid());
        self.started = Instant::now();
        self.process = Some(process);
        self.opened.clear();
        self.registered.clear();
        self.files.clear();
        Ok(())
    }

    /// Ends the process, which serves no model.
    async fn end(&mut self, reason: &str) {
        *self.pid.lock() = None;
        if let Some(process) = self.process.take() {
            process.end(reason);
            process.died().await;
        }
    }

    /// Brings the models into a new process, which can open what this one failed to open.
    async fn renew(&mut self, framework: Framework) {
        let reason = format!(
            "is replaced, because it could not open {}, whose files have changed since",
            framework.title()
        );
        tracing::info!(worker = %self.launch.name, "the worker {reason}");
        let Some(process) = self.process.take() else {
            return;
        };
        process.end(&reason);
        let death = process.died().await;
        self.detach_all(&death);
        *self.pid.lock() = None;
        if !self.models.is_empty()
            && let Err(death) = self.restart().await
        {
            self.recover(death).await;
        }
    }

    /// Maps a runtime and loads the op libraries of all its models, unless that was done. The outer
    /// error is the death of the process.
    async fn open(&mut self, hosted: &Hosted) -> Result<Result<(), LoadError>, Death> {
        if let Some(opened) = self.opened.get(&hosted.framework()) {
            let failed = |failed: &FailedOpening| failed.error.clone();
            return Ok(opened.as_ref().map(|_| ()).map_err(failed));
        }
        let seen = files_of(hosted);
        let process = self.process.clone().expect("started before");
        let outcome = match self.request(&process, &hosted.open_request()).await? {
            Reply::Opened { libraries } => Ok(libraries),
            Reply::OpenFailed { error } => Err(error),
            other => Err(LoadError::new(format!(
                "the worker gave an unexpected answer: {other:?}"
            ))),
        };
        if let Ok(libraries) = &outcome {
            self.failed_openings.remove(&hosted.framework());
            tracing::info!(
                worker = %self.launch.name, pid = process.pid(), runtime = %hosted.runtime,
                "worker started"
            );
            if let Some(collision) = Collision::among(hosted.framework(), libraries) {
                tracing::warn!(
                    worker = %self.launch.name,
                    "op libraries that collide serve the same models, and which of them answers is \
                     up to {}: {collision}",
                    hosted.runtime
                );
            }
        }
        let told = outcome.as_ref().map(|_| ()).map_err(Clone::clone);
        let outcome = outcome.map_err(|error| FailedOpening {
            error,
            hosted: hosted.clone(),
            seen,
        });
        self.opened.insert(hosted.framework(), outcome);
        Ok(told)
    }

    /// What is told of a death while `hosted` is opened.
    fn attempt<'a>(&'a self, hosted: &'a Hosted) -> Attempt<'a> {
        Attempt {
            hosted,
            preloaded: &self.launch.preload,
            model: None,
            own: &[],
            registered: &[],
        }
    }

    fn explain_load(&self, death: &Death, placement: &Placement) -> LoadError {
        let framework = placement.hosted.framework();
        let for_all = self.opened.get(&framework).and_then(|it| it.as_ref().ok());
        let of_models = self.registered.get(&framework);
        let registered: Vec<LibraryReport> = for_all
            .into_iter()
            .chain(of_models)
            .flatten()
            .cloned()
            .collect();
        death.explain(Attempt {
            model: Some(&placement.specification.file),
            own: &placement.specification.op_libraries,
            registered: &registered,
            ..self.attempt(&placement.hosted)
        })
    }

    /// Says in the log where op libraries of a model collide with what this process has already.
    /// Nothing is refused: a worker that several sets share is asked for in order to see what the
    /// framework does.
    fn tell_of_collisions(&mut self, framework: Framework, loaded: &Loaded) {
        let registered = self.registered.entry(framework).or_default();
        for report in &loaded.libraries {
            if let Some(intrusion) = Intrusion::of(framework, report) {
                tracing::warn!(worker = %self.launch.name, "{intrusion}");
            }
            let known = |other: &&LibraryReport| other.path != report.path;
            // A session of ONNX Runtime has ops of its own model alone.
            let others = registered
                .iter()
                .filter(|_| framework != Framework::OnnxRuntime);
            let others: Vec<LibraryReport> = others
                .chain(&loaded.shared_libraries)
                .filter(known)
                .cloned()
                .collect();
            if let Some(collision) = Collision::find(framework, &others, report) {
                tracing::warn!(
                    worker = %self.launch.name,
                    "op libraries that collide are in one worker, and which of them answers is up to \
                     {}: {collision}; --isolation op-set keeps them apart",
                    framework.title()
                );
            }
            if let Some(replacement) = Override::find(framework, &others, report) {
                tracing::warn!(worker = %self.launch.name, "{replacement}");
            }
            if registered.iter().all(|other| other.path != report.path) {
                registered.push(report.clone());
            }
        }
    }

    /// Loads a model into the running process and lets its scheduler serve. The outer error is
    /// the death of the process.
    async fn place(&mut self, model: &mut Model) -> Result<Result<Loaded, LoadError>, Death> {
        let placement = &model.placement;
        let specification = &placement.specification;
        let framework = placement.hosted.framework();
        let libraries = &specification.op_libraries;
        let op_libraries = match self.files.unify(framework, libraries, &placement.contents) {
            Ok(op_libraries) => op_libraries,
            Err(error) => return Ok(Err(error)),
        };
        let process = self.process.as_ref().expect("started before");
        let taken: std::collections::HashSet<u32> = self
            .models
            .values()
            .flat_map(|other| other.lanes.iter().copied())
            .collect();
        let lanes: Vec<u32> = (0..LANES as u32)
            .filter(|lane| !taken.contains(lane))
            .take(specification.instances.len())
            .collect();
        if lanes.len() < specification.instances.len() {
            return Ok(Err(LoadError::new(format!(
                "model '{}' asks for {} instances, and a worker has room for {} more",
                specification.name,
                specification.instances.len(),
                lanes.len()
            ))));
        }
        for &lane in &lanes {
            process.arena().region().lane(lane).reset();
            process.route(lane, Some(model.placement.scheduler.clone()));
        }
        let request = Request::Load {
            framework,
            specification: ModelSpecification {
                op_libraries,
                ..specification.clone()
            },
            lanes: lanes.clone(),
        };
        match self.request(process, &request).await? {
            Reply::Loaded {
                inputs,
                outputs,
                libraries,
                ..
            } => {
                model.placement.scheduler.attach(process, &lanes);
                model.lanes = lanes;
                let shared = self.opened.get(&framework);
                Ok(Ok(Loaded {
                    inputs,
                    outputs,
                    libraries,
                    shared_libraries: shared
                        .and_then(|opened| opened.as_ref().ok().cloned())
                        .unwrap_or_default(),
                }))
            }
            Reply::LoadFailed { error, .. } => {
                lanes.iter().for_each(|&lane| process.route(lane, None));
                Ok(Err(error))
            }
            other => Ok(Err(LoadError::new(format!(
                "the worker gave an unexpected answer: {other:?}"
            )))),
        }
    }

    /// Sends a request and looks after the models while the answer is awaited.
    async fn request(&self, process: &WorkerProcess, request: &Request) -> Result<Reply, Death> {
        let overrun = overrun(self.limits.load);
        let answer = process.request(request, self.limits.load, &overrun);
        tokio::pin!(answer);
        let mut check = tokio::time::interval(CHECK_WHILE_BUSY);
        loop {
            tokio::select! {
                answer = &mut answer => return answer,
                _ = check.tick() => self.look_after(),
            }
        }
    }

    async fn unload(&mut self, key: u64) -> Vec<StillMapped> {
        let Some(process) = self.process.clone() else {
            self.models.remove(&key);
            return Vec::new();
        };
        if !self.models.contains_key(&key) {
            return Vec::new();
        }
        // The model stays in the table until the answer, so that its executions keep their limit.
        let reply = self.request(&process, &Request::Unload { key }).await;
        if let Some(model) = self.models.remove(&key) {
            let name = &model.placement.specification.name;
            model
                .placement
                .scheduler
                .detach(&InferenceError::Unavailable(format!(
                    "model '{name}' was unloaded"
                )));
            model
                .lanes
                .iter()
                .for_each(|&lane| process.route(lane, None));
        }
        match reply {
            Ok(Reply::Unloaded { still_mapped, .. }) => still_mapped,
            Ok(_) => Vec::new(),
            Err(death) => {
                tracing::warn!(worker = %self.launch.name, "while releasing a model, the worker {}", death.how);
                self.recover(death).await;
                Vec::new()
            }
        }
    }

    /// Lets queues move that nothing else moves, and ends executions that exceed their limit.
    fn look_after(&self) {
        for model in self.models.values() {
            model.placement.scheduler.look_after();
        }
        self.end_overlong_executions();
    }

    fn end_overlong_executions(&self) {
        let Some(process) = &self.process else { return };
        for model in self.models.values() {
            if model
                .placement
                .scheduler
                .oldest_execution()
                .is_some_and(|duration| duration > self.limits.execution)
            {
                process.end(&format!(
                    "was ended because an execution of model '{}' took longer than {} s \
                     (--execution-timeout)",
                    model.placement.specification.name,
                    self.limits.execution.as_secs_f64()
                ));
            }
        }
    }

    /// Fails what was being executed, and brings the models back in a new process.
    async fn recover(&mut self, mut death: Death) {
        loop {
            self.process = None;
            *self.pid.lock() = None;
            let executing = self.detach_all(&death);
            let given_up = self.accuse(&executing, &death);
            for (key, reason) in given_up {
                self.give_up(key, &reason);
            }
            if self.models.is_empty() {
                return;
            }
            if self.started.elapsed() > STEADY {
                self.pause = FIRST_PAUSE;
            }
            tracing::warn!(
                worker = %self.launch.name, pause_ms = self.pause.as_millis() as u64,
                "worker {}; it is started again", death.how
            );
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            match self.restart().await {
                Ok(()) => return,
                Err(next) => death = next,
            }
        }
    }

    /// Fails what was being executed, and returns the keys of the models that were executing.
    fn detach_all(&self, death: &Death) -> Vec<u64> {
        let mut executing = Vec::new();
        for (&key, model) in &self.models {
            let name = &model.placement.specification.name;
            let error = InferenceError::WorkerDied(format!(
                "the worker of model '{name}' {} while it executed the request{}",
                death.how,
                death.last_output()
            ));
            if model.placement.scheduler.detach(&error) {
                executing.push(key);
            }
        }
        executing
    }

    /// Notes a death against the models that were executing, and returns those to give up, with
    /// the reason. A model that was never alone in that may be a bystander, and gets twice the
    /// patience.
    fn accuse(&mut self, executing: &[u64], death: &Death) -> Vec<(u64, String)> {
        let mut given_up = Vec::new();
        for key in executing {
            let Some(model) = self.models.get_mut(key) else {
                continue;
            };
            model.convicted |= executing.len() == 1;
            model.crashes.push_back(Instant::now());
            model.crashes.retain(|crash| crash.elapsed() < CRASH_WINDOW);
            let tolerated = if model.convicted {
                CRASHES_TOLERATED
            } else {
                2 * CRASHES_TOLERATED
            };
            if model.crashes.len() >= tolerated {
                given_up.push((
                    *key,
                    format!(
                        "model '{}' killed its worker {tolerated} times in {} s; the last time it \
                         {}{}; repair its op libraries and load it again",
                        model.placement.specification.name,
                        CRASH_WINDOW.as_secs(),
                        death.how,
                        death.last_output()
                    ),
                ));
            }
        }
        given_up
    }

    /// Starts a new process and loads all models into it.
    async fn restart(&mut self) -> Result<(), Death> {
        let mut attempts = 1;
        while let Err(error) = self.start() {
            if attempts == START_ATTEMPTS {
                self.give_up_all(&error.message, |_| true);
                return Ok(());
            }
            tracing::warn!(worker = %self.launch.name, "{}; it is tried again", error.message);
            attempts += 1;
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        self.open_all().await?;
        let keys: Vec<u64> = self.models.keys().copied().collect();
        // Lanes are given out anew.
        self.models
            .values_mut()
            .for_each(|model| model.lanes.clear());
        for key in keys {
            let mut model = self.models.remove(&key).expect("keys were just read");
            let outcome = self.place(&mut model).await;
            let reason = match &outcome {
                Ok(Ok(_)) => None,
                Ok(Err(error)) => Some(error.message.clone()),
                Err(death) => Some(self.explain_load(death, &model.placement).message),
            };
            self.models.insert(key, model);
            if let Some(reason) = reason {
                self.give_up(key, &reason);
            }
            // Without a process there is nothing to go on with; without this model there is.
            outcome?.ok();
        }
        Ok(())
    }

    /// Opens the runtimes of all models in a new process. Models of one that cannot be opened are
    /// given up.
    async fn open_all(&mut self) -> Result<(), Death> {
        let hosted: BTreeMap<Framework, Arc<Hosted>> = self
            .models
            .values()
            .map(|model| &model.placement.hosted)
            .map(|hosted| (hosted.framework(), hosted.clone()))
            .collect();
        for (framework, hosted) in hosted {
            match self.open(&hosted).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => self.give_up_all(&error.message, |other| other == framework),
                Err(death) => {
                    let failed = self.failed_openings.entry(framework).or_default();
                    *failed += 1;
                    if *failed >= START_ATTEMPTS {
                        self.failed_openings.remove(&framework);
                        let reason = death.explain(self.attempt(&hosted)).message;
                        self.give_up_all(&reason, |other| other == framework);
                    }
                    return Err(death);
                }
            }
        }
        Ok(())
    }

    /// Gives up all models of the frameworks that are `concerned`.
    fn give_up_all(&mut self, reason: &str, concerned: impl Fn(Framework) -> bool) {
        let keys: Vec<u64> = self
            .models
            .iter()
            .filter(|(_, model)| concerned(model.placement.hosted.framework()))
            .map(|(&key, _)| key)
            .collect();
        keys.into_iter().for_each(|key| self.give_up(key, reason));
    }

    fn give_up(&mut self, key: u64, reason: &str) {
        let Some(model) = self.models.remove(&key) else {
            return;
        };
        tracing::error!(worker = %self.launch.name, model = %model.placement.specification.name, "{reason}");
        model.placement.scheduler.stop(reason);
        (model.placement.given_up)(key, reason);
    }
}
