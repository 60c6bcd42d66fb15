//! What the inspector says of a case's op library, and what a throw-away worker makes of it.

use op_library::InspectError;

use super::conduct::Setting;
use super::folder::{ArrangeError, CaseFolder};
use crate::case::Case;
use crate::compatibility::{Claim, Prediction, Trial};
use crate::probe::{ProbeError, Prober};

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
    /// The trial was not made.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// The runtime is not there.
    #[error("there is no installed runtime to try the op library in")]
    NoRuntime,
    /// The probe's record tells nothing of the library.
    #[error("the probe did not open the op library")]
    NotOpened,
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
    let options = setting.options;
    let prober = Prober {
        program: options.server_bin.clone(),
        runtime_cache: options.runtime_cache.clone(),
        limit: options.case_time_limit,
        cancellation: options.cancellation.clone(),
    };
    let record = match prober.probe(runtime, &[path]) {
        Err(ProbeError::Cancelled { .. }) => return Ok(None),
        probed => probed?,
    };
    let tried = record.libraries.into_iter().next();
    let trial = tried
        .and_then(Trial::of_probe)
        .ok_or(TrialError::NotOpened)?;
    Ok(Some(Tried { prediction, trial }))
}
