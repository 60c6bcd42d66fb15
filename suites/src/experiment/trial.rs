//! What the inspector says of a case's op library, and what a throw-away worker makes of it.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use op_library::{InspectError, Probe};
use runtimes::RuntimeName;
use rustix::process::{Pid, Signal, kill_process_group};

use super::conduct::Setting;
use super::folder::{ArrangeError, CaseFolder};
use crate::case::Case;
use crate::compatibility::{Claim, Prediction, Trial};

/// How often the end of a trial is looked for.
const INTERVAL: Duration = Duration::from_millis(5);

/// What was foretold of a library, and what came of it.
pub struct Tried {
    /// What the inspector says.
    pub prediction: Prediction,
    /// What came of the trial.
    pub trial: Trial,
}

/// Why a library could not be judged or tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The case's files are not as it says.
    #[error(transparent)]
    Arrange(#[from] ArrangeError),
    /// The library cannot be read.
    #[error(transparent)]
    Inspect(#[from] InspectError),
    /// The runtime is not there.
    #[error("there is no installed runtime to try the op library in")]
    NoRuntime,
    /// The program cannot be started, or what it writes not be read.
    #[error("could not run '{} probe': {source}", program.display())]
    Program {
        /// The server's executable.
        program: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The program did not come to an end.
    #[error("'{} probe' did not end within {limit:?}", program.display())]
    Late {
        /// The server's executable.
        program: PathBuf,
        /// How long was waited.
        limit: Duration,
    },
    /// The program wrote something else than a probe's record.
    #[error("'{} probe' printed no record of {library}: {reason}; it says: {said}", program.display())]
    NoRecord {
        /// The server's executable.
        program: PathBuf,
        /// The op library.
        library: String,
        /// What is wrong with it.
        reason: String,
        /// What it wrote to standard error.
        said: String,
    },
}

/// Asks the inspector, then tries the library out; `None` where the run was cancelled meanwhile.
///
/// The trial is made by the server's own program, which opens the library without a look at the
/// file: the inspector has no part in what comes of it.
///
/// # Errors
/// The library or its runtime is not there, or the program does not do its part.
pub fn predict_and_try(
    case: &Case,
    claim: Claim,
    setting: &Setting<'_>,
    folder: &CaseFolder<'_>,
) -> Result<Option<Tried>, TrialError> {
    let path = folder.library(claim.library)?;
    let name = setting.supply.default_runtime(case, case.framework);
    let runtime = name
        .and_then(|name| setting.supply.runtime(name))
        .ok_or(TrialError::NoRuntime)?;
    let prediction = op_library::inspect(path)?.verdict(runtime).into();
    let trial = probe(path, runtime.name, setting, folder)?;
    Ok(trial.map(|trial| Tried { prediction, trial }))
}

/// Has `library` opened in a throw-away worker of `runtime`.
fn probe(
    library: &Path,
    runtime: RuntimeName,
    setting: &Setting<'_>,
    folder: &CaseFolder<'_>,
) -> Result<Option<Trial>, TrialError> {
    let options = setting.options;
    let program = &options.server_bin;
    let failed = |source| TrialError::Program {
        program: program.clone(),
        source,
    };
    let (output, errors) = (
        folder.root().join("probe.json"),
        folder.root().join("probe.log"),
    );
    let mut child = Command::new(program)
        .arg("probe")
        .arg("--runtime-cache")
        .arg(&options.runtime_cache)
        .arg("--runtime")
        .arg(runtime.to_string())
        .arg(library)
        .stdin(Stdio::null())
        .stdout(File::create(&output).map_err(failed)?)
        .stderr(File::create(&errors).map_err(failed)?)
        // A group of its own: signals of the terminal do not reach it.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let deadline = Instant::now() + options.case_time_limit;
    let ended = loop {
        if child.try_wait().map_err(failed)?.is_some() {
            break true;
        }
        if options.cancellation.is_cancelled() || Instant::now() >= deadline {
            break false;
        }
        std::thread::sleep(INTERVAL);
    };
    if !ended {
        if let Some(group) = Pid::from_raw(child.id() as i32) {
            // It may have ended meanwhile, which the wait tells.
            let _ = kill_process_group(group, Signal::KILL);
        }
        child.wait().map_err(failed)?;
        if options.cancellation.is_cancelled() {
            return Ok(None);
        }
        return Err(TrialError::Late {
            program: program.clone(),
            limit: options.case_time_limit,
        });
    }
    let no_record = |reason: String| TrialError::NoRecord {
        program: program.clone(),
        library: library.display().to_string(),
        reason,
        said: fs::read_to_string(&errors).unwrap_or_default(),
    };
    let text = fs::read_to_string(&output).map_err(failed)?;
    let record: Probe =
        serde_json::from_str(&text).map_err(|error| no_record(error.to_string()))?;
    let tried = record.libraries.into_iter().next();
    let trial = tried.and_then(Trial::of_probe);
    trial
        .map(Some)
        .ok_or_else(|| no_record("it was not opened".to_owned()))
}
