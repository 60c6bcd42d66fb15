//! Whether CUDA memory that a client registers is there.
//!
//! A process of its own opens the handle, so that the front has no CUDA context. It is started when it is
//! first needed and kept for the next registration, with its context, which takes a good part of a second.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::front::options::HANDLE_CHECK_COMMAND;
use crate::front::preload;
use crate::front::program::own_program;
use crate::ipc::client_memory::CudaMemory;
use crate::ipc::handle_check::{Answer, Question};

/// How long an answer may take. The first one makes the GPU ready.
const LIMIT: Duration = Duration::from_secs(30);

/// Why memory cannot be registered; the end of a sentence about the region.
#[derive(Debug, thiserror::Error)]
pub enum HandleCheckError {
    /// It cannot be opened.
    #[error("{0}")]
    Refused(String),
    /// The process cannot be started, or is no more.
    #[error("the process that opens CUDA handles for a check {0}; see the server's log")]
    Ended(String),
    /// The process does not answer.
    #[error(
        "the process that opens CUDA handles for a check takes longer than {} s; see what nvidia-smi says \
         of the GPU",
        LIMIT.as_secs()
    )]
    TooLong,
}

/// The process.
#[derive(Debug)]
pub struct HandleCheck {
    /// Taken when it is to end.
    child: Option<Child>,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl HandleCheck {
    /// Starts the process.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn start() -> Result<Self, HandleCheckError> {
        let mut child = Command::new(own_program())
            .arg(HANDLE_CHECK_COMMAND)
            .env_remove(preload::VARIABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is the front's.
            .process_group(0)
            .spawn()
            .map_err(|error| HandleCheckError::Ended(format!("cannot be started: {error}")))?;
        let questions = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Ok(Self {
            child: Some(child),
            questions,
            answers,
        })
    }

    /// Whether the first `byte_size` bytes of `memory` can be opened. Waits for the answer.
    ///
    /// # Errors
    /// They cannot; or there is no answer, after which this process is of no use any more.
    pub fn check(&mut self, memory: &CudaMemory, byte_size: u64) -> Result<(), HandleCheckError> {
        let asked = self.ask(&Question::new(memory, byte_size));
        match asked.map_err(|error| HandleCheckError::Ended(format!("gave no answer: {error}")))? {
            Some(Answer { refusal: None }) => Ok(()),
            Some(Answer {
                refusal: Some(refusal),
            }) => Err(HandleCheckError::Refused(refusal)),
            None => Err(HandleCheckError::TooLong),
        }
    }

    /// The answer; `None` where it does not come in time.
    fn ask(&mut self, question: &Question) -> std::io::Result<Option<Answer>> {
        let mut line = serde_json::to_string(question)?;
        line.push('\n');
        self.questions.write_all(line.as_bytes())?;
        let limit = Timespec::try_from(LIMIT).map_err(std::io::Error::other)?;
        let mut ready = [PollFd::new(self.answers.get_ref(), PollFlags::IN)];
        if rustix::io::retry_on_intr(|| poll(&mut ready, Some(&limit)))? == 0 {
            return Ok(None);
        }
        line.clear();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("it has ended"));
        }
        Ok(Some(serde_json::from_str(&line)?))
    }
}

impl Drop for HandleCheck {
    fn drop(&mut self) {
        // It has nothing to clean up that the driver would not. The driver may take its time, which nobody
        // waits for.
        let Some(mut child) = self.child.take() else {
            return;
        };
        child.kill().ok();
        std::thread::spawn(move || child.wait().ok());
    }
}
