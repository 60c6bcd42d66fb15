//! The sub-command: from its arguments to the record on standard output.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use op_library::{Probe, ProbedLibrary};
use runtimes::Cache;
use tokio::signal::unix::{SignalKind, signal};

use super::descendants;
use super::error::ProbeError;
use super::experiment::Experiment;
use super::options::{NOT_MADE, ProbeOptions};
use crate::front::hosted::Hosted;
use crate::front::preload::{Finding, VARIABLE};

/// Makes the experiment that `options` ask for and prints its record. `preloaded` is what became of
/// `LD_PRELOAD`, which is no part of it. Returns the exit status.
pub fn run(options: &ProbeOptions, preloaded: &[Finding]) -> ExitCode {
    for library in preloaded {
        tracing::warn!(
            "'{}' in {VARIABLE} is no part of the probe",
            library.entry.display()
        );
    }
    let outcome = observe(options).and_then(|probe| {
        let mut output = io::stdout().lock();
        serde_json::to_writer_pretty(&mut output, &probe)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(output))
            .map_err(ProbeError::Output)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(NOT_MADE)
        }
    }
}

/// Makes the experiment that `options` ask for. Nothing of it is left when this returns.
///
/// # Errors
/// The experiment could not be made.
pub fn observe(options: &ProbeOptions) -> Result<Probe, ProbeError> {
    let cache = Cache::locate(options.runtime_cache.as_deref())?;
    let runtime = options.runtime.find(&cache)?;
    let bridge = bridges::build(&runtime, &cache)?;
    let hosted = Hosted::new(&runtime, bridge, Vec::new());
    descendants::adopt_orphans().map_err(ProbeError::Process)?;
    let start = Instant::now();
    // One thread, this one: the worker lives no longer than the thread that starts it.
    let tasks = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ProbeError::Process)?;
    let observed = tasks.block_on(async {
        tokio::select! {
            observed = experiment(hosted, options) => observed,
            stopped = stopped() => Err(stopped.map_or_else(ProbeError::Process, |()| ProbeError::Stopped)),
        }
    });
    drop(tasks);
    descendants::end_all();
    Ok(Probe {
        runtime: runtime.name,
        libraries: observed?,
        duration_ms: start.elapsed().as_millis() as u64,
    })
}

async fn experiment(
    hosted: Hosted,
    options: &ProbeOptions,
) -> Result<Vec<ProbedLibrary>, ProbeError> {
    let mut experiment = Experiment::begin(hosted, options.load_timeout).await?;
    let mut libraries = experiment.open_all(&options.libraries).await;
    experiment.describe(&mut libraries).await;
    experiment.end().await;
    Ok(libraries)
}

/// Waits for a signal to stop.
async fn stopped() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
