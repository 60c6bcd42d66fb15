//! What the inspector says of a library, from the file alone.

use std::fmt;
use std::str::FromStr;

use op_library::Verdict;
use serde::{Deserialize, Serialize};

use super::Fit;
use crate::case::named;

named! {
    /// The inspector's verdict on a library and a runtime.
    Forecast {
        /// A worker will have its ops.
        Loads = "loads",
        /// It can be loaded and registers no op.
        RegistersNothing = "registers-nothing",
        /// It cannot be used.
        Fails = "fails",
        /// Nothing in the file can tell.
        NeedsTrial = "needs-trial",
    }
}

/// What the inspector said of a case's op library and runtime before anything was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The verdict.
    pub verdict: Forecast,
    /// What it rests on, in one sentence.
    pub reason: String,
}

impl Prediction {
    /// The fit that it foretells; `None` where it leaves that open.
    pub fn fit(&self) -> Option<Fit> {
        match self.verdict {
            Forecast::Loads => Some(Fit::Registers),
            Forecast::RegistersNothing => Some(Fit::RegistersNothing),
            Forecast::Fails => Some(Fit::Fails),
            Forecast::NeedsTrial => None,
        }
    }
}

impl From<Verdict> for Prediction {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict: match verdict {
                Verdict::Loads { .. } => Forecast::Loads,
                Verdict::RegistersNothing { .. } => Forecast::RegistersNothing,
                Verdict::Fails { .. } => Forecast::Fails,
                Verdict::NeedsTrial { .. } => Forecast::NeedsTrial,
            },
            reason: verdict.reason().to_owned(),
        }
    }
}

/// Verdict and reason, as a sentence quotes them.
impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict, self.reason)
    }
}
