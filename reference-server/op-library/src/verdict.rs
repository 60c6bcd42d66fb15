//! Whether a runtime can use a library.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Finding, FindingId};

/// Does a worker of a runtime that gets this library end up with its ops registered, on this
/// machine?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Yes.
    Loads,
    /// No: it loads, and nothing in it registers an op.
    RegistersNothing {
        /// How that is known, in one sentence.
        reason: String,
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

impl Verdict {
    /// Whether it is known that the library cannot be used.
    pub const fn refuses(&self) -> bool {
        matches!(self, Self::Fails { .. } | Self::RegistersNothing { .. })
    }

    /// What an error means.
    pub(crate) fn failure(finding: &Finding) -> Self {
        if finding.id == FindingId::RegistersNothing {
            return Self::RegistersNothing {
                reason: finding.to_string(),
            };
        }
        Self::Fails {
            reason: finding.message.clone(),
            remedy: finding.remedy.clone(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loads => f.write_str("loads"),
            Self::RegistersNothing { reason } => write!(f, "registers nothing: {reason}"),
            Self::Fails { reason, remedy } => write!(f, "fails: {reason}; {remedy}"),
            Self::NeedsTrial { reason } => write!(f, "needs a trial: {reason}"),
        }
    }
}
