//! Whether a runtime can use a library.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Finding;

/// Does a worker of a runtime that gets this library end up with its ops registered, on this
/// machine?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Loads {
        /// What that rests on, in one sentence.
        reason: String,
    },
    /// No: it loads, and nothing in it registers an op.
    RegistersNothing {
        /// How that is known, in one sentence.
        reason: String,
        /// What to do about it, in one sentence.
        remedy: String,
        /// Whether it opens no other library, which might register something.
        certain: bool,
    },
    /// No: it cannot be loaded.
    Fails {
        /// Why, in one sentence that names the file.
        reason: String,
        /// What to do about it, in one sentence.
        remedy: String,
    },
    /// Nothing in the file can tell; it has to be tried.
    NeedsTrial {
        /// What stays open, in one sentence.
        reason: String,
    },
}

/// What an inspection says about one library and one runtime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// Everything that was found, the worst first.
    pub findings: Vec<Finding>,
    /// What follows from it.
    pub verdict: Verdict,
}

impl Verdict {
    /// The name that results carry: `loads`, `registers-nothing`, `fails` or `needs-trial`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Loads { .. } => "loads",
            Self::RegistersNothing { .. } => "registers-nothing",
            Self::Fails { .. } => "fails",
            Self::NeedsTrial { .. } => "needs-trial",
        }
    }

    /// What it rests on, in one sentence.
    pub fn reason(&self) -> &str {
        match self {
            Self::Loads { reason }
            | Self::RegistersNothing { reason, .. }
            | Self::Fails { reason, .. }
            | Self::NeedsTrial { reason } => reason,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn remedy(&self) -> Option<&str> {
        match self {
            Self::RegistersNothing { remedy, .. } | Self::Fails { remedy, .. } => Some(remedy),
            Self::Loads { .. } | Self::NeedsTrial { .. } => None,
        }
    }

    /// Whether it is known for certain that the library cannot be used.
    pub const fn refuses(&self) -> bool {
        matches!(
            self,
            Self::Fails { .. } | Self::RegistersNothing { certain: true, .. }
        )
    }

    /// What an error means.
    pub(crate) fn failure(finding: &Finding) -> Self {
        Self::Fails {
            reason: finding.message.clone(),
            remedy: finding.remedy.clone(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loads { reason } => write!(f, "loads: {reason}"),
            Self::RegistersNothing { reason, remedy, .. } => {
                write!(f, "registers nothing: {reason}; {remedy}")
            }
            Self::Fails { reason, remedy } => write!(f, "fails: {reason}; {remedy}"),
            Self::NeedsTrial { reason } => write!(f, "needs a trial: {reason}"),
        }
    }
}
