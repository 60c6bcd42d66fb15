//! A worker as the server means it: a place for models that outlives its processes.
//!
//! One task owns each worker. It starts the process when the first model comes, loads and
//! releases models one at a time, ends executions that exceed their limit, and brings the models
//! back when the process dies, with growing pauses. A model that keeps killing its worker is
//! given up.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::scheduler::{InferenceError, Scheduler};
use super::worker_process::{Death, Launch, WorkerProcess};
use crate::ipc::control::{Reply, Request};
use crate::ipc::region::LANES;
use crate::worker::backend::{
    LibraryReport, LoadError, ModelSpecification, RefusedApi, RuntimeSpecification, StillMapped,
    TensorSignature,
};
use crate::worker::recorder::Step;

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

/// The runtime that a worker hosts.
#[derive(Clone, Debug)]
pub struct Hosted {
    /// Which framework.
    pub framework: runtimes::Framework,
    /// Name and version, such as `onnxruntime-1.32.0`.
    pub runtime: String,
    /// Its main library.
    pub library: PathBuf,
    /// Folders for the dynamic loader.
    pub library_path: Vec<PathBuf>,
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
}

/// Told when a model is given up, with its key and the reason.
pub type GivenUp = Arc<dyn Fn(u64, &str) + Send + Sync>;

/// A model to load.
pub struct Placement {
    /// What to load.
    pub specification: ModelSpecification,
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
    hosted: Hosted,
    commands: mpsc::UnboundedSender<Command>,
    pid: Arc<Mutex<Option<u32>>>,
}

impl Worker {
    /// A worker without a process or models.
    pub fn new(name: String, hosted: Hosted, limits: Limits) -> Arc<Self> {
        let (commands, received) = mpsc::unbounded_channel();
        let pid = Arc::new(Mutex::new(None));
        let task = Task {
            launch: Launch {
                name: name.clone(),
                library_path: hosted.library_path.clone(),
            },
            hosted: hosted.clone(),
            limits,
            models: BTreeMap::new(),
            process: None,
            pid: pid.clone(),
            pause: FIRST_PAUSE,
            started: Instant::now(),
        };
        tokio::spawn(task.run(received));
        Arc::new(Self {
            name,
            hosted,
            commands,
            pid,
        })
    }

    /// Name in log lines, such as `worker-3`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The runtime it hosts.
    pub fn hosted(&self) -> &Hosted {
        &self.hosted
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

struct Task {
    launch: Launch,
    hosted: Hosted,
    limits: Limits,
    models: BTreeMap<u64, Model>,
    process: Option<Arc<WorkerProcess>>,
    pid: Arc<Mutex<Option<u32>>>,
    pause: Duration,
    started: Instant,
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
        if self.process.is_none() {
            self.start().await?;
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
                let error = self.told(&death, &model.placement.specification);
                self.recover(death).await;
                return Err(error);
            }
        };
        self.models.insert(model.placement.specification.key, model);
        Ok(loaded)
    }

    /// Starts a process and maps the runtime.
    async fn start(&mut self) -> Result<(), LoadError> {
        let process = WorkerProcess::start(&self.launch).map_err(|error| {
            LoadError::new(format!(
                "failed to start a worker process: {error}; look at the limits on processes, open \
                 files and address space"
            ))
        })?;
        let open = Request::Open {
            specification: RuntimeSpecification {
                framework: self.hosted.framework,
                runtime: self.hosted.runtime.clone(),
                main_library: self.hosted.library.clone(),
                library_dirs: self.hosted.library_path.clone(),
                bridge: None,
                preloaded: Vec::new(),
            },
            libraries: Vec::new(),
        };
        let overrun = self.overrun();
        match process.request(&open, self.limits.load, &overrun).await {
            Ok(Reply::OpenFailed { error }) => Err(error),
            Ok(_) => {
                tracing::info!(
                    worker = %self.launch.name, pid = process.pid(), runtime = %self.hosted.runtime,
                    "worker started"
                );
                *self.pid.lock() = Some(process.pid());
                self.started = Instant::now();
                self.process = Some(process);
                Ok(())
            }
            Err(death) => Err(LoadError::new(format!(
                "failed to map {} from '{}': the worker {}{}",
                self.hosted.runtime,
                self.hosted.library.display(),
                death.how,
                tail(&death)
            ))),
        }
    }

    fn overrun(&self) -> String {
        format!(
            "exceeded the load time limit of {} s (--load-timeout)",
            self.limits.load.as_secs_f64()
        )
    }

    /// Loads a model into the running process and lets its scheduler serve. The outer error is
    /// the death of the process.
    async fn place(&self, model: &mut Model) -> Result<Result<Loaded, LoadError>, Death> {
        let process = self.process.as_ref().expect("started before");
        let specification = &model.placement.specification;
        let taken: std::collections::HashSet<u32> = self
            .models
            .values()
            .flat_map(|other| other.lanes.iter().copied())
            .collect();
        let lanes: Vec<u32> = (0..LANES as u32)
            .filter(|lane| !taken.contains(lane))
            .take(specification.instances as usize)
            .collect();
        if lanes.len() < specification.instances as usize {
            return Ok(Err(LoadError::new(format!(
                "model '{}' asks for {} instances, and a worker has room for {} more",
                specification.name,
                specification.instances,
                lanes.len()
            ))));
        }
        for &lane in &lanes {
            process.arena().region().lane(lane).reset();
            process.route(lane, Some(model.placement.scheduler.clone()));
        }
        let request = Request::Load {
            framework: self.hosted.framework,
            specification: specification.clone(),
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
                Ok(Ok(Loaded {
                    inputs,
                    outputs,
                    libraries,
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
        let overrun = self.overrun();
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
            let mut executing = Vec::new();
            for (&key, model) in &mut self.models {
                let name = &model.placement.specification.name;
                let error = InferenceError::WorkerDied(format!(
                    "the worker of model '{name}' {} while it executed the request{}",
                    death.how,
                    tail(&death)
                ));
                if model.placement.scheduler.detach(&error) {
                    executing.push(key);
                }
            }
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
                        tail(death)
                    ),
                ));
            }
        }
        given_up
    }

    /// Starts a new process and loads all models into it.
    async fn restart(&mut self) -> Result<(), Death> {
        let mut attempts = 1;
        while let Err(error) = self.start().await {
            if attempts == START_ATTEMPTS {
                for key in self.models.keys().copied().collect::<Vec<_>>() {
                    self.give_up(key, &error.message);
                }
                return Ok(());
            }
            tracing::warn!(worker = %self.launch.name, "{}; it is tried again", error.message);
            attempts += 1;
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        let keys: Vec<u64> = self.models.keys().copied().collect();
        // Lanes are given out anew.
        self.models
            .values_mut()
            .for_each(|model| model.lanes.clear());
        for key in keys {
            let mut model = self.models.remove(&key).expect("keys were just read");
            let outcome = self.place(&mut model).await;
            let specification = model.placement.specification.clone();
            self.models.insert(key, model);
            match outcome {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => self.give_up(key, &error.message),
                Err(death) => {
                    let error = self.told(&death, &specification);
                    self.give_up(key, &error.message);
                    return Err(death);
                }
            }
        }
        Ok(())
    }

    fn give_up(&mut self, key: u64, reason: &str) {
        let Some(model) = self.models.remove(&key) else {
            return;
        };
        tracing::error!(worker = %self.launch.name, model = %model.placement.specification.name, "{reason}");
        model.placement.scheduler.stop(reason);
        (model.placement.given_up)(key, reason);
    }

    /// Why the process ended while it loaded a model, as a reason that a client sees.
    fn told(&self, death: &Death, specification: &ModelSpecification) -> LoadError {
        let subject = death.record.subject.display();
        let how = &death.how;
        if let Some(refused) = death.record.refused_api {
            let RefusedApi { requested, offered } = refused;
            let message = format!(
                "op library '{subject}' asked {} for API level {requested}, was refused because \
                 the runtime offers levels up to {offered}, and went on without looking: the \
                 worker {how}; build the library for API level {offered} or lower, or serve the \
                 model with a newer runtime",
                self.hosted.runtime
            );
            return LoadError {
                refused_api: Some(refused),
                ..LoadError::new(message)
            };
        }
        let (what, remedy) = match death.record.step {
            Step::OpenLibrary => (
                format!("a static initializer of op library '{subject}' did not return"),
                "look at what the library's global constructors do",
            ),
            Step::Register => (
                format!("the registration function of op library '{subject}' did not return"),
                "look at what it does before it returns a status",
            ),
            Step::CloseLibrary => (
                format!("a static destructor of op library '{subject}' did not return"),
                "look at what the library's global destructors do",
            ),
            Step::MapRuntime | Step::CreateSession | Step::CloseSession | Step::Idle => (
                format!(
                    "{} did not finish with '{}'",
                    self.hosted.runtime,
                    specification.file.display()
                ),
                "look at the constructors of the op libraries' kernels, and whether the file is a \
                 sound model",
            ),
        };
        LoadError::new(format!("{what}: the worker {how}{}; {remedy}", tail(death)))
    }
}

/// The last lines that a worker wrote, as part of a sentence.
fn tail(death: &Death) -> String {
    let lines: Vec<&str> = death
        .tail
        .iter()
        .rev()
        .take(3)
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    let lines: Vec<&str> = lines.into_iter().rev().collect();
    format!(" (its last output: \"{}\")", lines.join(" | "))
}
