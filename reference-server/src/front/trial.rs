//! A throw-away worker that finds out what nothing static can tell.

use std::time::Duration;

use super::death::Attempt;
use super::hosted::Hosted;
use super::worker_process::{Launch, WorkerProcess, refused_start};
use crate::ipc::control::{Reply, Request};
use crate::worker::backend::{LibraryReport, LoadError};

/// Opens `hosted` in a process that is started for it and ended afterwards, whatever comes of it.
/// Returns what each op library registered. `registered` is what they are known to register.
///
/// # Errors
/// What a model's load would be refused with: the runtime cannot be mapped, an op library not be
/// loaded, or the process ended or exceeded `limit`.
pub async fn open(
    launch: &Launch,
    hosted: &Hosted,
    registered: &[LibraryReport],
    limit: Duration,
) -> Result<Vec<LibraryReport>, LoadError> {
    let process = WorkerProcess::start(launch).map_err(|error| refused_start(&error))?;
    let overrun = overrun(limit);
    let outcome = process
        .request(&hosted.open_request(), limit, &overrun)
        .await;
    process.end("is no longer needed");
    process.died().await;
    match outcome {
        Ok(Reply::Opened { libraries }) => Ok(libraries),
        Ok(Reply::OpenFailed { error }) => Err(error),
        Ok(other) => Err(LoadError::new(format!(
            "the worker gave an unexpected answer: {other:?}"
        ))),
        Err(death) => Err(death.explain(Attempt {
            hosted,
            preloaded: &launch.preload,
            model: None,
            own: &[],
            registered,
        })),
    }
}

/// Starts a process and asks nothing of it: what is preloaded has its effect before that.
///
/// # Errors
/// The process did not get as far as its own code.
pub async fn start(launch: &Launch, limit: Duration) -> Result<(), LoadError> {
    let process = WorkerProcess::start(launch).map_err(|error| refused_start(&error))?;
    // No model has this key; the answer says that the worker lives.
    let request = Request::Unload { key: u64::MAX };
    let outcome = process.request(&request, limit, &overrun(limit)).await;
    process.end("is no longer needed");
    process.died().await;
    match outcome {
        Ok(_) => Ok(()),
        Err(death) => Err(death.explain_preload(&launch.preload)),
    }
}

/// Why a worker is ended that takes longer than `limit` to load something.
pub fn overrun(limit: Duration) -> String {
    format!(
        "exceeded the load time limit of {} s (--load-timeout)",
        limit.as_secs_f64()
    )
}
