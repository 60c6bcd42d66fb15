use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::{Copy, DeviceRecord, Load, Loaded, Place, Ran, Reply, Request, Run, TensorFile, Write};

/// A process of the sub-command, to be asked. Dropping it ends the process.
#[derive(Debug)]
pub struct Client {
    child: Child,
    requests: Option<ChildStdin>,
    replies: Receiver<io::Result<String>>,
    limit: Duration,
    log: Log,
}

/// Lines of a log that an error shows.
const LOG_LINES: usize = 12;
/// Bytes at the end of a log that are looked at for them.
const LOG_BYTES: u64 = 16 * 1024;

/// What a process has written to standard error, in a file that others may have written to before.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    begin: u64,
}

/// Why an answer is not there.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The process cannot be started.
    #[error("failed to start '{program}' to measure: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The file for its log cannot be written.
    #[error("failed to write the log '{}' of a process that measures: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process is gone.
    #[error("the process that measures ended ({how}) before it answered; {log}")]
    Ended {
        /// How it ended.
        how: String,
        /// The end of its log, in a sentence.
        log: String,
    },
    /// It takes too long.
    #[error(
        "the process that measures did not answer within {} s and was ended; {log}",
        limit.as_secs()
    )]
    TimedOut {
        /// What an answer may take.
        limit: Duration,
        /// The end of its log, in a sentence.
        log: String,
    },
    /// The runtime uses no GPU.
    #[error("{0}")]
    WithoutGpu(String),
    /// What was asked could not be done.
    #[error("{0}")]
    Refused(String),
    /// The answer is not one to the request.
    #[error("the process that measures answered something else than was asked: {0}")]
    Unreadable(String),
}

impl Client {
    /// Starts `command`, the sub-command with its arguments, whose standard error is added to the file
    /// `log`. Each answer may take as long as `limit`.
    ///
    /// # Errors
    /// It cannot be started, or the file cannot be written.
    pub fn start(command: &mut Command, log: &Path, limit: Duration) -> Result<Self, ClientError> {
        let (file, log) = Log::open(log)?;
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(file);
        let started = command.spawn();
        let mut child = started.map_err(|source| ClientError::Start {
            program: command.get_program().to_string_lossy().into_owned(),
            source,
        })?;
        let output = child.stdout.take().expect("a pipe was asked for");
        let (sender, replies) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            requests: child.stdin.take(),
            child,
            replies,
            limit,
            log,
        })
    }

    /// Loads the model in `folder` under `name`.
    ///
    /// # Errors
    /// It cannot be loaded, or nobody answers.
    pub fn load(&mut self, name: &str, folder: &Path, place: Place) -> Result<Loaded, ClientError> {
        let load = Load {
            name: name.to_owned(),
            folder: folder.to_owned(),
            place,
        };
        match self.ask(&Request::Load(load))? {
            Reply::Loaded(loaded) => Ok(loaded),
            other => Err(unexpected(&other)),
        }
    }

    /// Lets go of the model `name`.
    ///
    /// # Errors
    /// There is none, or nobody answers.
    pub fn unload(&mut self, name: &str) -> Result<(), ClientError> {
        self.done(&Request::Unload(name.to_owned()))
    }

    /// Keeps the tensors of `files` as the inputs `name`.
    ///
    /// # Errors
    /// A file cannot be used, or nobody answers.
    pub fn set_inputs(&mut self, name: &str, files: Vec<TensorFile>) -> Result<(), ClientError> {
        self.done(&Request::SetInputs {
            name: name.to_owned(),
            tensors: files,
        })
    }

    /// Lets go of the inputs `name`.
    ///
    /// # Errors
    /// There are none, or nobody answers.
    pub fn forget_inputs(&mut self, name: &str) -> Result<(), ClientError> {
        self.done(&Request::ForgetInputs(name.to_owned()))
    }

    /// Executes.
    ///
    /// # Errors
    /// An execution fails, or nobody answers.
    pub fn run(&mut self, run: &Run) -> Result<Ran, ClientError> {
        match self.ask(&Request::Run(run.clone()))? {
            Reply::Ran(ran) => Ok(ran),
            other => Err(unexpected(&other)),
        }
    }

    /// Executes once and has the outputs written.
    ///
    /// # Errors
    /// The execution fails, a file cannot be written, or nobody answers.
    pub fn write(&mut self, write: &Write) -> Result<Vec<TensorFile>, ClientError> {
        match self.ask(&Request::Write(write.clone()))? {
            Reply::Written(files) => Ok(files),
            other => Err(unexpected(&other)),
        }
    }

    /// Copies on the GPU and returns what each copy took, in nanoseconds.
    ///
    /// # Errors
    /// There is no GPU or no record of it, or nobody answers.
    pub fn copy(&mut self, copy: Copy) -> Result<Vec<u64>, ClientError> {
        match self.ask(&Request::Copy(copy))? {
            Reply::Copied(times) => Ok(times),
            other => Err(unexpected(&other)),
        }
    }

    /// The GPU; none where there is none.
    ///
    /// # Errors
    /// Its driver fails, or nobody answers.
    pub fn device(&mut self) -> Result<Option<DeviceRecord>, ClientError> {
        match self.ask(&Request::DescribeDevice)? {
            Reply::Device(record) => Ok(record),
            other => Err(unexpected(&other)),
        }
    }

    fn done(&mut self, request: &Request) -> Result<(), ClientError> {
        match self.ask(request)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a request and waits for its reply.
    ///
    /// # Errors
    /// What was asked could not be done, or nobody answers.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, ClientError> {
        let mut line = serde_json::to_vec(request).expect("requests are plain data");
        line.push(b'\n');
        let requests = self.requests.as_mut().expect("open until the end");
        // Where nobody reads, the process is gone, and its end tells more.
        requests
            .write_all(&line)
            .and_then(|()| requests.flush())
            .ok();
        let line = match self.replies.recv_timeout(self.limit) {
            Ok(Ok(line)) => line,
            Err(RecvTimeoutError::Timeout) => {
                self.child.kill().ok();
                return Err(ClientError::TimedOut {
                    limit: self.limit,
                    log: self.log.end(),
                });
            }
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                self.child.kill().ok();
                let how = self.child.wait();
                return Err(ClientError::Ended {
                    how: how.map_or_else(|error| error.to_string(), |status| status.to_string()),
                    log: self.log.end(),
                });
            }
        };
        match serde_json::from_str(&line) {
            Ok(Reply::Failed(reason)) => Err(ClientError::Refused(reason)),
            Ok(Reply::WithoutGpu(reason)) => Err(ClientError::WithoutGpu(reason)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(ClientError::Unreadable(error.to_string())),
        }
    }
}

impl Log {
    fn open(path: &Path) -> Result<(File, Self), ClientError> {
        let open = || {
            let file = File::options().create(true).append(true).open(path)?;
            let begin = file.metadata()?.len();
            Ok((file, begin))
        };
        let (file, begin) = open().map_err(|source| ClientError::Log {
            path: path.to_owned(),
            source,
        })?;
        let path = path.to_owned();
        Ok((file, Self { path, begin }))
    }

    /// Its last lines, in a sentence.
    fn end(&self) -> String {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(
                self.begin.max(end.saturating_sub(LOG_BYTES)),
            ))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        match read() {
            Err(error) => format!("its log cannot be read: {error}"),
            Ok(bytes) if bytes.is_empty() => "it wrote nothing to its log".to_owned(),
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                let lines: Vec<&str> = text.lines().collect();
                let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
                format!("its log ends with:\n{}", last.join("\n"))
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The process ends with its standard input; one that does not is ended.
        self.requests = None;
        let closed = self.replies.recv_timeout(Duration::from_secs(10));
        if !matches!(closed, Err(RecvTimeoutError::Disconnected)) {
            self.child.kill().ok();
        }
        self.child.wait().ok();
    }
}

fn unexpected(reply: &Reply) -> ClientError {
    ClientError::Unreadable(format!("{reply:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(log: &tempfile::NamedTempFile, script: &str, limit: Duration) -> Client {
        Client::start(Command::new("sh").args(["-c", script]), log.path(), limit).unwrap()
    }

    fn log() -> tempfile::NamedTempFile {
        tempfile::NamedTempFile::new().unwrap()
    }

    #[test]
    fn an_end_without_an_answer_is_told_with_its_status_and_its_own_log() {
        let log = log();
        std::fs::write(log.path(), "of another process\n").unwrap();
        let script = "read line; echo out of luck >&2; exit 7";
        let mut client = client(&log, script, Duration::from_secs(10));
        let error = client.device().unwrap_err().to_string();
        assert!(error.contains("exit status: 7"), "{error}");
        assert!(
            error.ends_with("its log ends with:\nout of luck"),
            "{error}"
        );
    }

    #[test]
    fn a_process_that_does_not_answer_is_ended() {
        let log = log();
        let mut client = client(&log, "read line; exec sleep 60", Duration::from_millis(50));
        let error = client.device().unwrap_err();
        assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
        assert!(
            error.to_string().ends_with("wrote nothing to its log"),
            "{error}"
        );
        assert!(matches!(client.device(), Err(ClientError::Ended { .. })));
    }

    #[test]
    fn a_refusal_is_no_answer_and_neither_is_one_to_something_else() {
        let log = log();
        let mut client = client(
            &log,
            r#"read line; echo '{"failed":"no"}'; read line; echo '"done"'"#,
            Duration::from_secs(10),
        );
        assert_eq!(client.device().unwrap_err().to_string(), "no");
        assert!(matches!(client.device(), Err(ClientError::Unreadable(_))));
    }
}
