//! One server process.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::family::{self, Member, MemoryUse};
use super::port::free_port;
use crate::client::{Client, ClientError};
use crate::observation::Exit;

/// How often readiness, an exit or a change in `/proc` is looked for.
const POLL_INTERVAL: Duration = Duration::from_micros(500);
/// Longest wait for one answer of a health endpoint.
const HEALTH_TIME_LIMIT: Duration = Duration::from_secs(5);
/// Most bytes of the log's end that are read as evidence.
const LOG_TAIL_BYTES: u64 = 64 * 1024;

/// Why a server could not be driven.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No ports are left, or the log cannot be written.
    #[error("could not prepare the launch of {}: {source}", program.display())]
    Prepare {
        /// The server's executable.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The executable cannot be started.
    #[error(
        "could not start the server {}: {source}; is it built, and executable?",
        program.display()
    )]
    Spawn {
        /// The server's executable.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The HTTP client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Why the wait for a server ended without the server being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaitError {
    /// The process ended.
    #[error("the server ended with {0} before it answered")]
    Exited(Exit),
    /// The time is up, and the process is still there.
    #[error("the server did not answer within {0:?}")]
    Deadline(Duration),
}

/// How a server is launched: an executable with its arguments, in a folder, with a log.
#[derive(Clone, Debug)]
pub struct ServerCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    working_directory: Option<PathBuf>,
}

impl ServerCommand {
    /// A server with the executable `program` and no arguments yet.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            working_directory: None,
        }
    }

    /// Appends `--name value`.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.arguments.push(format!("--{name}").into());
        self.arguments.push(value.as_ref().to_owned());
        self
    }

    /// Sets an environment variable, beside those of this process.
    #[must_use]
    pub fn environment(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The folder the server is started in; otherwise that of this process.
    #[must_use]
    pub fn working_directory(mut self, folder: impl Into<PathBuf>) -> Self {
        self.working_directory = Some(folder.into());
        self
    }

    /// Starts the server on free ports of 127.0.0.1, with standard output and standard error
    /// going to the file `log`.
    ///
    /// The server is killed when the calling *thread* ends: the kernel ties a death signal to the
    /// thread that forked. Launch from a thread that outlives the server.
    ///
    /// # Errors
    /// No port is free, the log cannot be written, the executable cannot be started.
    pub fn launch(&self, log: &Path) -> Result<ServerProcess, ServerError> {
        let prepare = |source| ServerError::Prepare {
            program: self.program.clone(),
            source,
        };
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().map_err(prepare)?));
        let metrics = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port().map_err(prepare)?));
        let output = File::create(log).map_err(prepare)?;
        let errors = output.try_clone().map_err(prepare)?;
        // Nothing asks over gRPC, but a server would take a fixed port for it.
        let grpc = free_port().map_err(prepare)?;
        let complete = self
            .clone()
            .flag("grpc-address", http.ip().to_string())
            .flag("grpc-port", grpc.to_string())
            .flag("http-address", http.ip().to_string())
            .flag("http-port", http.port().to_string())
            .flag("metrics-address", metrics.ip().to_string())
            .flag("metrics-port", metrics.port().to_string());

        let mut command = Command::new(&complete.program);
        command
            .args(&complete.arguments)
            .envs(
                complete
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        if let Some(folder) = &complete.working_directory {
            command.current_dir(folder);
        }
        let parent = rustix::process::getpid();
        // SAFETY: between fork and exec only system calls are made; nothing is allocated or locked.
        unsafe {
            command.pre_exec(move || {
                // A session of its own: signals of the terminal do not reach it, and its
                // descendants can be told by the session's id.
                rustix::process::setsid()?;
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
                // The parent may have died before the line above.
                if rustix::process::getppid() != Some(parent) {
                    return Err(io::Error::from(io::ErrorKind::BrokenPipe));
                }
                Ok(())
            });
        }
        let client = Client::new(http, HEALTH_TIME_LIMIT)?;
        let spawned = Instant::now();
        let child = command.spawn().map_err(|source| ServerError::Spawn {
            program: self.program.clone(),
            source,
        })?;
        let pid = child.id() as i32;
        let mut line = vec![complete.program.into_os_string()];
        line.extend(complete.arguments);
        Ok(ServerProcess {
            child,
            pid,
            killer: Killer(Arc::new(Mutex::new(Some(pid)))),
            exit: None,
            http,
            metrics,
            client: Some(client),
            spawned,
            log: log.to_owned(),
            command_line: line
                .into_iter()
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
        })
    }
}

/// Kills a server from another thread, for time limits and for Ctrl-C.
#[derive(Clone, Debug)]
pub struct Killer(Arc<Mutex<Option<i32>>>);

impl Killer {
    /// Kills the server with all its descendants, where it has not ended already.
    pub fn kill(&self) {
        // The lock keeps the process from being waited for, so that its id cannot be reused.
        let pid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pid) = *pid {
            kill_family(pid, &family::members(pid));
        }
    }
}

/// Kills the process group of `root` and all of `members`.
fn kill_family(root: i32, members: &[Member]) {
    if let Some(pid) = Pid::from_raw(root) {
        // The group may be empty already, which is as good.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    for &member in members {
        family::kill(member);
    }
}

/// A running server. Dropping it kills it and all its descendants.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    pid: i32,
    killer: Killer,
    exit: Option<Exit>,
    http: SocketAddr,
    metrics: SocketAddr,
    /// Asks for health; `None` once the server was asked to end.
    client: Option<Client>,
    spawned: Instant,
    log: PathBuf,
    command_line: Vec<String>,
}

impl ServerProcess {
    /// Id of the process that was launched.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Where it serves HTTP.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Where it serves metrics.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// The command line it was launched with.
    pub fn command_line(&self) -> &[String] {
        &self.command_line
    }

    /// When it was launched.
    pub fn spawned(&self) -> Instant {
        self.spawned
    }

    /// A handle that other threads can kill it with.
    pub fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Waits for the first 200 of `/v2/health/ready`, at most `limit` from now. Returns the time
    /// from spawn to that answer.
    ///
    /// # Errors
    /// The process ended, or the time is up.
    pub fn wait_ready(&mut self, limit: Duration) -> Result<Duration, WaitError> {
        self.wait_for(limit, |client| client.is_ready())
    }

    /// Waits for the first 200 of `/v2/health/live`, at most `limit` from now. Returns the time
    /// from spawn to that answer.
    ///
    /// # Errors
    /// The process ended, or the time is up.
    pub fn wait_live(&mut self, limit: Duration) -> Result<Duration, WaitError> {
        self.wait_for(limit, |client| client.is_live())
    }

    fn wait_for(
        &mut self,
        limit: Duration,
        answered: impl Fn(&Client) -> Result<bool, ClientError>,
    ) -> Result<Duration, WaitError> {
        let deadline = Instant::now() + limit;
        loop {
            let client = self.client.as_ref();
            if client.is_some_and(|client| answered(client).unwrap_or(false)) {
                return Ok(self.spawned.elapsed());
            }
            if let Some(exit) = self.poll_exit() {
                return Err(WaitError::Exited(exit));
            }
            if Instant::now() >= deadline {
                return Err(WaitError::Deadline(limit));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// How it ended, where it has ended.
    pub fn poll_exit(&mut self) -> Option<Exit> {
        if self.exit.is_none() {
            let mut pid = self.killer.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Ok(Some(status)) = self.child.try_wait() {
                *pid = None;
                self.exit = Some(exit_of(status));
            }
        }
        self.exit
    }

    /// Waits until it has ended, at most `limit`.
    pub fn wait_exit(&mut self, limit: Duration) -> Option<Exit> {
        let deadline = Instant::now() + limit;
        loop {
            let exit = self.poll_exit();
            if exit.is_some() || Instant::now() >= deadline {
                return exit;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Asks it to end (SIGTERM) and waits, at most `limit`; then kills it with all its
    /// descendants. Descendants that it left behind are killed in any case.
    ///
    /// A server may wait for its clients' connections to be closed: this one's own is closed first.
    pub fn terminate(&mut self, limit: Duration) -> Termination {
        self.client = None;
        let members = family::members(self.pid);
        let mut killed = false;
        if self.poll_exit().is_none() {
            if let Some(pid) = Pid::from_raw(self.pid) {
                // It may have ended meanwhile, which the wait tells.
                let _ = kill_process(pid, Signal::TERM);
            }
            killed = self.wait_exit(limit).is_none();
        }
        let mut left_behind = members;
        for member in family::members(self.pid) {
            if !left_behind.contains(&member) {
                left_behind.push(member);
            }
        }
        left_behind.retain(|member| member.pid != self.pid);
        if !killed {
            // Descendants end by themselves when they notice that their parent is gone.
            let deadline = Instant::now() + Duration::from_secs(2);
            loop {
                left_behind.retain(|&member| family::is_alive(member));
                if left_behind.is_empty() || Instant::now() >= deadline {
                    break;
                }
                std::thread::sleep(POLL_INTERVAL);
            }
        }
        let exit = self.kill();
        let left_behind = if killed { 0 } else { left_behind.len() };
        Termination {
            exit,
            killed,
            left_behind,
        }
    }

    /// Kills it with all its descendants and waits until they are gone.
    pub fn kill(&mut self) -> Exit {
        let members = family::members(self.pid);
        kill_family(self.pid, &members);
        if let Some(exit) = self.exit {
            return exit;
        }
        // SIGKILL cannot be ignored, so this wait ends.
        let status = self.child.wait();
        *self.killer.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let exit = status.map_or(Exit::Signal(Signal::KILL.as_raw()), exit_of);
        self.exit = Some(exit);
        exit
    }

    /// Ids of its processes that are alive, itself first.
    pub fn processes(&self) -> Vec<i32> {
        family::members(self.pid)
            .into_iter()
            .map(|member| member.pid)
            .collect()
    }

    /// Ids of its processes that have `library` mapped now. A file that was replaced since it was
    /// mapped counts.
    pub fn mapped(&self, library: &Path) -> Vec<i32> {
        let library = canonical(library);
        self.processes()
            .into_iter()
            .filter(|&pid| family::mapped_files(pid).contains(&library))
            .collect()
    }

    /// The files under `folder` that any of its processes has mapped now.
    pub fn mapped_under(&self, folder: &Path) -> BTreeSet<PathBuf> {
        let folder = canonical(folder);
        self.processes()
            .into_iter()
            .flat_map(family::mapped_files)
            .filter(|file| file.starts_with(&folder))
            .collect()
    }

    /// Memory of each of its processes, itself first.
    pub fn memory(&self) -> Vec<MemoryUse> {
        self.processes()
            .into_iter()
            .filter_map(family::memory)
            .collect()
    }

    /// Its whole log.
    pub fn log(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// The last `lines` lines of its log.
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        let text = tail_bytes(&self.log).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..]
            .iter()
            .map(|&line| line.to_owned())
            .collect()
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a server ended that was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Termination {
    /// How it ended.
    pub exit: Exit,
    /// It did not end in time and was killed.
    pub killed: bool,
    /// Number of descendants that were alive two seconds after it ended by itself.
    pub left_behind: usize,
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Status(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Status(status.into_raw()),
    }
}

/// `/proc` shows paths without symbolic links; a file that is gone keeps its folder's real path.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize()
        .ok()
        .or_else(|| Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?)))
        .unwrap_or_else(|| path.to_owned())
}

fn tail_bytes(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A shell script in the place of a server; it gets the flags and need not look at them.
    fn launch(script: &str) -> (TempDir, ServerProcess) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("server");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let log = folder.path().join("log");
        let process = ServerCommand::new(&program)
            .flag("name", "value")
            .launch(&log)
            .unwrap();
        (folder, process)
    }

    /// Waits until the script has written `text` to its log.
    fn await_log(server: &ServerProcess, text: &str) {
        let deadline = Instant::now() + LIMIT;
        while !server.log().contains(text) {
            assert!(Instant::now() < deadline, "the log is {:?}", server.log());
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    #[test]
    fn an_exit_before_readiness_is_told_with_the_last_lines() {
        let (_folder, mut server) = launch("echo first; echo \"$1 $2\"; echo bad >&2; exit 3");
        assert_eq!(
            server.wait_ready(LIMIT),
            Err(WaitError::Exited(Exit::Status(3)))
        );
        assert_eq!(server.log_tail(2), ["--name value", "bad"]);
        assert!(server.command_line().contains(&"--http-port".to_owned()));
    }

    #[test]
    fn a_signal_is_told_from_an_exit() {
        let (_folder, mut server) = launch("kill -SEGV $$");
        assert_eq!(
            server.wait_live(LIMIT),
            Err(WaitError::Exited(Exit::Signal(11)))
        );
    }

    #[test]
    fn a_server_that_never_answers_meets_the_deadline() {
        let (_folder, mut server) = launch("exec sleep 1000");
        let short = Duration::from_millis(20);
        assert_eq!(server.wait_ready(short), Err(WaitError::Deadline(short)));
    }

    #[test]
    fn readiness_is_the_first_positive_answer() {
        let (_folder, mut server) = launch("exec sleep 1000");
        let listener = TcpListener::bind(server.http_address()).unwrap();
        let answers = std::thread::spawn(move || {
            for status in ["400 Bad Request", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let read = stream.read(&mut request).unwrap();
                assert!(request[..read].starts_with(b"GET /v2/health/ready "));
                let answer =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let time = server.wait_ready(LIMIT).unwrap();
        assert!(time <= server.spawned().elapsed());
        answers.join().unwrap();
    }

    #[test]
    fn a_server_that_obeys_ends_by_itself() {
        let (_folder, mut server) =
            launch("trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
        await_log(&server, "up");
        let end = server.terminate(LIMIT);
        assert_eq!(
            end,
            Termination {
                exit: Exit::Status(0),
                killed: false,
                left_behind: 0
            }
        );
    }

    #[test]
    fn a_server_that_does_not_obey_is_killed_with_its_descendants() {
        let (_folder, mut server) =
            launch("trap '' TERM; sleep 1000 & echo up; while :; do sleep 0.01; done");
        await_log(&server, "up");
        let members = family::members(server.pid());
        assert!(members.len() >= 2, "{members:?}");
        let end = server.terminate(Duration::from_millis(50));
        assert!(end.killed && end.exit == Exit::Signal(9), "{end:?}");
        await_death(&members);
    }

    #[test]
    fn descendants_that_are_left_behind_are_told_and_killed() {
        let (_folder, mut server) =
            launch("sleep 1000 & trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done");
        await_log(&server, "up");
        let members = family::members(server.pid());
        let end = server.terminate(LIMIT);
        assert_eq!((end.exit, end.left_behind), (Exit::Status(0), 1), "{end:?}");
        await_death(&members);
    }

    #[test]
    fn dropping_and_killing_from_elsewhere_end_all_of_it() {
        for by_drop in [true, false] {
            let (_folder, mut server) = launch("sleep 1000 & echo up; sleep 1000");
            await_log(&server, "up");
            let members = family::members(server.pid());
            if by_drop {
                drop(server);
            } else {
                let killer = server.killer();
                std::thread::spawn(move || killer.kill()).join().unwrap();
                assert_eq!(server.wait_exit(LIMIT), Some(Exit::Signal(9)));
            }
            await_death(&members);
        }
    }

    #[test]
    fn mapped_files_of_descendants_are_seen() {
        let (_folder, server) = launch("sleep 1000 & echo up; wait");
        await_log(&server, "up");
        let shell = fs::canonicalize("/bin/sh").unwrap();
        let deadline = Instant::now() + LIMIT;
        while server.mapped(Path::new("/bin/sh")).is_empty() {
            assert!(Instant::now() < deadline);
        }
        assert!(
            server
                .mapped_under(shell.parent().unwrap())
                .contains(&shell)
        );
        assert!(server.mapped(Path::new("/nonexistent/lib.so")).is_empty());
        assert!(server.memory().iter().all(|memory| memory.resident > 0));
    }

    fn await_death(members: &[Member]) {
        let deadline = Instant::now() + LIMIT;
        while members.iter().any(|&member| family::is_alive(member)) {
            assert!(Instant::now() < deadline, "{members:?} are alive");
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}
