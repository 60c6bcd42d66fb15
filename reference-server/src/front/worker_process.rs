//! One worker process as the front sees it: started, spoken to, watched, ended.

use std::collections::{HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use parking_lot::Mutex;
use rustix::event::EventfdFlags;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::{Notify, oneshot, watch};

use super::death::{Death, describe};
use super::preload;
use super::program::own_program;
use super::scheduler::Scheduler;
use super::shared_memory::grants::Grants;
use crate::ipc::arena::FrontArena;
use crate::ipc::client_memory;
use crate::ipc::control::{CLIENT_MEMORY_FD, CONTROL_FD, DOORBELL_FD, REGION_FD, Reply, Request};
use crate::ipc::lane::monotonic_ns;
use crate::ipc::region::{LANES, Region};
use crate::worker::backend::LoadError;
use crate::worker::{pytorch, tensorflow};

/// Longest line of a worker's output, in bytes.
const LONGEST_LINE: u64 = 16 << 10;
/// Longest reply of a worker, in bytes.
const LONGEST_REPLY: u64 = 64 << 20;
/// Lines of a worker's output that are kept as evidence.
const TAIL_LINES: usize = 20;

/// How long the front looks for an answer before it sleeps.
const POLL_NS: u64 = 50_000;
/// Executions count as this at most, so that a worker that is fast again is recognised soon.
const EXECUTION_CAP_NS: u64 = 4 * POLL_NS;

/// What a worker process is started with.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Name in log lines, such as `worker-3`.
    pub name: String,
    /// Folders to search for shared libraries, before the inherited ones.
    pub library_path: Vec<PathBuf>,
    /// `LD_PRELOAD`: absolute paths without a colon or a space.
    pub preload: Vec<PathBuf>,
    /// Bytes of shared memory that it may pin for its GPUs.
    pub pinned_memory: u64,
}

/// A running worker process. Dropping it kills the process.
pub struct WorkerProcess {
    pid: u32,
    arena: Arc<FrontArena>,
    grants: Arc<Grants>,
    control: tokio::sync::Mutex<OwnedWriteHalf>,
    shared: Arc<Shared>,
    death: watch::Receiver<Option<Death>>,
    kill: Mutex<Option<oneshot::Sender<String>>>,
}

/// What the tasks that serve a process share with it.
struct Shared {
    replies: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    lanes: Mutex<Vec<Option<Arc<Scheduler>>>>,
    /// Lanes whose thread sleeps and has something to do.
    sleepers: Mutex<Vec<u32>>,
    /// Something was submitted.
    submitted: Notify,
    /// Executions that were submitted and not answered.
    under_way: AtomicU32,
    /// Running average of the time that the worker takes for one, in nanoseconds.
    execution_ns: AtomicU64,
    tail: Mutex<VecDeque<String>>,
}

/// The key under which answers about a framework are awaited, of which one is under way at a time;
/// models have keys from 1.
const FRAMEWORK_KEY: u64 = 0;

impl WorkerProcess {
    /// Starts a worker. It has nothing mapped yet: the first request is [`Request::Open`].
    ///
    /// # Errors
    /// The system refuses memory, descriptors or a process.
    pub fn start(launch: &Launch) -> std::io::Result<Arc<Self>> {
        let region = Region::create()?;
        region.pinned().set_budget(launch.pinned_memory);
        let doorbell: OwnedFd =
            rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (grants, grants_end) = client_memory::pair()?;
        let (output, output_end) = std::io::pipe()?;

        let mut command = tokio::process::Command::new(own_program());
        command
            .arg(super::options::WORKER_COMMAND)
            .env_remove(preload::VARIABLE)
            .envs(environment(&launch.library_path))
            .stdin(Stdio::null())
            .stdout(output_end.try_clone()?)
            .stderr(output_end)
            .kill_on_drop(true)
            // A signal to the front's process group, as Ctrl-C sends it, is the front's: it lets
            // the workers finish what is under way.
            .process_group(0)
            .fd_mappings(vec![
                FdMapping {
                    parent_fd: theirs.into(),
                    child_fd: CONTROL_FD,
                },
                FdMapping {
                    parent_fd: region.file().try_clone_to_owned()?,
                    child_fd: REGION_FD,
                },
                FdMapping {
                    parent_fd: doorbell.try_clone()?,
                    child_fd: DOORBELL_FD,
                },
                FdMapping {
                    parent_fd: grants_end,
                    child_fd: CLIENT_MEMORY_FD,
                },
            ])
            .map_err(std::io::Error::other)?;
        if !launch.preload.is_empty() {
            command.env(preload::VARIABLE, preload_list(&launch.preload));
        }
        // The front's death must not leave workers behind, whatever they are busy with: also where
        // a preloaded library keeps the process from reaching its own code.
        let signal = Some(rustix::process::Signal::KILL);
        // SAFETY: between fork and exec, only a system call is made.
        unsafe {
            command.pre_exec(move || {
                rustix::process::set_parent_process_death_signal(signal).map_err(Into::into)
            });
        }
        let child = command.spawn()?;
        // The command holds our copies of the worker's descriptors.
        drop(command);
        let pid = child
            .id()
            .expect("a child that was not awaited has a process id");

        let shared = Arc::new(Shared {
            replies: Mutex::new(HashMap::new()),
            lanes: Mutex::new(vec![None; LANES]),
            sleepers: Mutex::new(Vec::new()),
            submitted: Notify::new(),
            under_way: AtomicU32::new(0),
            execution_ns: AtomicU64::new(EXECUTION_CAP_NS),
            tail: Mutex::new(VecDeque::new()),
        });
        let arena = FrontArena::new(region);
        let (control_reader, control) = UnixStream::from_std(ours)?.into_split();
        let (death_sender, death) = watch::channel(None);
        let (kill, killed) = oneshot::channel();

        let copied = tokio::spawn(copy_output(
            tokio::net::unix::pipe::Receiver::from_owned_fd(output.into())?,
            launch.name.clone(),
            shared.clone(),
        ));
        tokio::spawn(read_replies(control_reader, shared.clone()));
        // SAFETY: the descriptor is owned by the registration and closed after it.
        let doorbell = unsafe { AsyncFd::register(doorbell)? };
        let attendant = tokio::spawn(attend(doorbell, arena.clone(), shared.clone()));
        tokio::spawn(watch_process(Watch {
            child,
            killed,
            copied,
            attendant,
            arena: arena.clone(),
            shared: shared.clone(),
            death: death_sender,
        }));
        Ok(Arc::new(Self {
            pid,
            arena,
            grants: Grants::new(grants),
            control: tokio::sync::Mutex::new(control),
            shared,
            death,
            kill: Mutex::new(Some(kill)),
        }))
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The front's side of the shared region.
    pub fn arena(&self) -> &Arc<FrontArena> {
        &self.arena
    }

    /// The memory of clients that the process has.
    pub fn grants(&self) -> &Arc<Grants> {
        &self.grants
    }

    /// Sends a request and waits for its answer. The process is killed where the answer takes
    /// longer than `limit`, for the reason `overrun`.
    ///
    /// # Errors
    /// How the worker ended, where it did before it answered.
    pub async fn request(
        &self,
        request: &Request,
        limit: Duration,
        overrun: &str,
    ) -> Result<Reply, Death> {
        let key = match request {
            Request::Open { .. } | Request::Add { .. } | Request::Describe { .. } => FRAMEWORK_KEY,
            Request::Load { specification, .. } => specification.key,
            Request::Unload { key } => *key,
        };
        let (sender, answer) = oneshot::channel();
        self.shared.replies.lock().insert(key, sender);
        let mut line = serde_json::to_vec(request).expect("control messages are plain data");
        line.push(b'\n');
        // A failed write means that the worker is gone; its death tells more than the error.
        let written = self.control.lock().await.write_all(&line).await;
        let outcome = tokio::select! {
            biased;
            Ok(reply) = answer, if written.is_ok() => Some(reply),
            () = tokio::time::sleep(limit) => {
                self.end(overrun);
                None
            }
            _ = self.died() => None,
        };
        self.shared.replies.lock().remove(&key);
        match outcome {
            Some(reply) => Ok(reply),
            None => Err(self.died().await),
        }
    }

    /// Sends completions of `lane` to `scheduler` from now on; `None` to nobody.
    pub fn route(&self, lane: u32, scheduler: Option<Arc<Scheduler>>) {
        self.shared.lanes.lock()[lane as usize] = scheduler;
    }

    /// Notes that an execution was submitted to `lane`, whose thread sleeps where `asleep`.
    ///
    /// The thread is woken once the requests that have arrived by now are submitted: waking is the
    /// most expensive step of a small request, for both sides, and requests that arrive together
    /// share one.
    pub fn submitted(&self, lane: u32, asleep: bool) {
        if asleep {
            let mut sleepers = self.shared.sleepers.lock();
            if !sleepers.contains(&lane) {
                sleepers.push(lane);
            }
        }
        self.shared.under_way.fetch_add(1, Ordering::Relaxed);
        self.shared.submitted.notify_one();
    }

    /// Notes that an execution was answered that took the worker `ns`.
    pub fn answered(&self, ns: u64) {
        self.shared.under_way.fetch_sub(1, Ordering::Relaxed);
        let average = self.shared.execution_ns.load(Ordering::Relaxed);
        let average = (average * 3 + ns.min(EXECUTION_CAP_NS)) / 4;
        self.shared.execution_ns.store(average, Ordering::Relaxed);
    }

    /// Waits until the process is gone.
    pub async fn died(&self) -> Death {
        let mut death = self.death.clone();
        let known = death
            .wait_for(Option::is_some)
            .await
            .expect("the watching task tells of the death before it ends");
        known.clone().expect("waited for")
    }

    /// Kills the process for `reason`.
    pub fn end(&self, reason: &str) {
        if let Some(kill) = self.kill.lock().take() {
            kill.send(reason.to_owned()).ok();
        }
    }
}

/// Why a process could not be started, as a reason that a client sees.
pub fn refused_start(error: &std::io::Error) -> LoadError {
    LoadError::new(format!(
        "failed to start a worker process: {error}; look at the limits on processes, open files and \
         address space"
    ))
}

fn preload_list(libraries: &[PathBuf]) -> OsString {
    libraries
        .iter()
        .map(|library| library.as_os_str())
        .collect::<Vec<_>>()
        .join(OsStr::new(":"))
}

/// What is set in the environment of a process that maps runtimes with libraries in `folders`.
pub fn environment(folders: &[PathBuf]) -> impl Iterator<Item = (&'static str, OsString)> {
    let words = pytorch::wait_policy()
        .into_iter()
        .chain(tensorflow::log_level());
    [
        // Writing a backtrace takes seconds, in which a crash looks like a hang.
        ("RUST_BACKTRACE", "0".into()),
        ("LD_LIBRARY_PATH", library_path(folders)),
    ]
    .into_iter()
    .chain(words.map(|(name, value)| (name, value.into())))
}

fn library_path(folders: &[PathBuf]) -> OsString {
    let inherited = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let inherited =
        std::env::split_paths(&inherited).filter(|folder| !folder.as_os_str().is_empty());
    std::env::join_paths(folders.iter().cloned().chain(inherited)).unwrap_or_default()
}

/// Writes every line of a worker's output to the log and keeps the last ones.
async fn copy_output(output: tokio::net::unix::pipe::Receiver, name: String, shared: Arc<Shared>) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    // A line without an end is cut, so that it cannot fill the server's memory.
    while matches!(
        (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut line)
            .await,
        Ok(1..)
    ) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        tracing::info!(worker = %name, "{text}");
        let mut tail = shared.tail.lock();
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(text);
    }
}

/// Hands each reply to who waits for it.
async fn read_replies(control: tokio::net::unix::OwnedReadHalf, shared: Arc<Shared>) {
    let mut reader = BufReader::new(control);
    let mut line = Vec::new();
    loop {
        line.clear();
        if !matches!(
            (&mut reader)
                .take(LONGEST_REPLY)
                .read_until(b'\n', &mut line)
                .await,
            Ok(1..)
        ) {
            return;
        }
        let reply: Reply = match serde_json::from_slice(&line) {
            Ok(reply) => reply,
            Err(error) => {
                tracing::error!("a worker sent something that is no reply: {error}");
                return;
            }
        };
        let key = match &reply {
            Reply::Opened { .. } | Reply::OpenFailed { .. } | Reply::Described { .. } => {
                FRAMEWORK_KEY
            }
            Reply::Loaded { key, .. }
            | Reply::LoadFailed { key, .. }
            | Reply::Unloaded { key, .. } => *key,
        };
        if let Some(waiting) = shared.replies.lock().remove(&key) {
            waiting.send(reply).ok();
        }
    }
}

/// Serves the lanes of a process: wakes its threads and tells schedulers of completions.
///
/// After a submission to a worker that answers within microseconds, looking for the answer is
/// cheaper than sleeping and being woken for it, and it lets other tasks run between two looks.
async fn attend(doorbell: AsyncFd<OwnedFd>, arena: Arc<FrontArena>, shared: Arc<Shared>) {
    let mut sleepers = Vec::new();
    let mut dirty = Vec::new();
    loop {
        tokio::select! {
            biased;
            () = shared.submitted.notified() => {
                if !shared.sleepers.lock().is_empty() {
                    // The tasks that are ready now have their turn first.
                    tokio::task::yield_now().await;
                }
            }
            ready = doorbell.readable() => match ready {
                // The registration is edge-triggered, so the counter need not be read.
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => return,
            },
        }
        let start = monotonic_ns();
        loop {
            std::mem::swap(&mut sleepers, &mut *shared.sleepers.lock());
            for lane in sleepers.drain(..) {
                arena.region().lane(lane).wake();
            }
            let soon = shared.answers_soon() && monotonic_ns() - start < POLL_NS;
            reap(&arena, &shared, soon, &mut dirty);
            if !soon {
                break;
            }
            // The worker may wait for this very processor.
            rustix::thread::sched_yield();
            tokio::task::yield_now().await;
        }
    }
}

impl Shared {
    /// Whether an answer is likely to come within the time that is polled for.
    fn answers_soon(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) > 0
            && self.execution_ns.load(Ordering::Relaxed) < POLL_NS / 2
    }
}

fn reap(arena: &FrontArena, shared: &Shared, polling: bool, dirty: &mut Vec<Arc<Scheduler>>) {
    {
        let lanes = shared.lanes.lock();
        arena
            .region()
            .answer(polling, |lane| dirty.extend(lanes[lane as usize].clone()));
    }
    for scheduler in dirty.drain(..) {
        scheduler.reap();
    }
}

struct Watch {
    child: tokio::process::Child,
    killed: oneshot::Receiver<String>,
    copied: tokio::task::JoinHandle<()>,
    attendant: tokio::task::JoinHandle<()>,
    arena: Arc<FrontArena>,
    shared: Arc<Shared>,
    death: watch::Sender<Option<Death>>,
}

/// Waits for the end of the process and tells how it came.
async fn watch_process(mut watch: Watch) {
    let reason = tokio::select! {
        biased;
        // An error means that nobody holds the process any more.
        reason = &mut watch.killed => Some(reason.unwrap_or_else(|_| "is no longer needed".to_owned())),
        _ = &mut watch.attendant => Some("was ended because the server could not serve it".to_owned()),
        _ = watch.child.wait() => None,
    };
    if reason.is_some() {
        watch.child.start_kill().ok();
    }
    let status = watch.child.wait().await;
    // A process that an op library started may hold the pipe open, so this wait has a limit.
    tokio::time::timeout(Duration::from_millis(200), &mut watch.copied)
        .await
        .ok();
    watch.copied.abort();
    if !watch.attendant.is_finished() {
        watch.attendant.abort();
        // Only then is nothing of it still under way.
        (&mut watch.attendant).await.ok();
    }
    // What was completed before the end counts.
    reap(&watch.arena, &watch.shared, false, &mut Vec::new());
    let signal = status.as_ref().ok().and_then(ExitStatusExt::signal);
    let death = Death {
        signal: signal.filter(|_| reason.is_none()),
        ended_by_server: reason.is_some(),
        how: reason.unwrap_or_else(|| match status {
            Ok(status) => describe(status),
            Err(error) => format!("ended in a way that could not be told: {error}"),
        }),
        record: watch.arena.region().recorder().read(),
        tail: watch.shared.tail.lock().iter().cloned().collect(),
    };
    watch.death.send(Some(death)).ok();
}
