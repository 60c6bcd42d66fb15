//! What is expected of a case, and under which circumstances.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::case::named;
use crate::observation::{Outcome, Phase};

named! {
    /// Whose behaviour is expected.
    Profile {
        /// The reference server of this project.
        Reference = "reference",
        /// Triton Inference Server.
        Triton = "triton",
    }
}

named! {
    /// The server's policy that decides which models share a worker.
    Isolation {
        /// One worker for everything.
        Shared = "shared",
        /// One worker a framework.
        Backend = "backend",
        /// One worker for each runtime and ordered set of op libraries.
        OpSet = "op-set",
        /// One worker a model.
        Model = "model",
    }
}

/// When an expectation counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Under this profile only.
    pub profile: Profile,
    /// Under one of these isolations only; empty: under all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub isolations: Vec<Isolation>,
    /// With a runtime in this version range only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<VersionReq>,
}

impl Condition {
    /// Whether the expectation counts here.
    pub fn holds(&self, profile: Profile, isolation: Isolation, runtime: &Version) -> bool {
        self.profile == profile
            && (self.isolations.is_empty() || self.isolations.contains(&isolation))
            && self
                .runtime
                .as_ref()
                .is_none_or(|range| range.matches(runtime))
    }
}

/// What should be observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// When this counts.
    pub when: Condition,
    /// The outcome.
    pub outcome: Outcome,
    /// The phase in which the outcome shows.
    pub phase: Phase,
    /// Texts that the message must contain, each of them. `{library}` stands for the path of the
    /// op library that the case is about, `{runtime}` for the name of the runtime that serves it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub message: Vec<String>,
}
