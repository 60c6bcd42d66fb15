//! What is expected of a case, and under which circumstances.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::case::named;
use crate::observation::{Outcome, Phase, Traffic};

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
    /// Texts that the message must contain, each of them, whatever their case. `{library}` stands
    /// for the absolute path of the op library that the case is about, `{file}` for its file name,
    /// `{second}` for the path of the case's second library, `{runtime}` for the name of the
    /// default runtime, `{reason}` for the reason that the inspector gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub message: Vec<String>,
    /// Not one request of the traffic to the healthy model may fail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undisturbed: bool,
}

impl Expectation {
    /// Where an observation departs from this expectation, one sentence each. `names` are the
    /// values of the placeholders in [`message`](Self::message).
    pub(crate) fn departures(
        &self,
        outcome: Outcome,
        phase: Phase,
        message: &str,
        traffic: Option<&Traffic>,
        names: &Placeholders,
    ) -> Vec<String> {
        let mut departures = Vec::new();
        if outcome != self.outcome {
            departures.push(format!(
                "the outcome is {outcome}, expected {}",
                self.outcome
            ));
        }
        if phase != self.phase {
            departures.push(format!(
                "it shows in phase {phase}, expected {}",
                self.phase
            ));
        }
        let lower = message.to_lowercase();
        for text in &self.message {
            let text = names.fill(text);
            if !lower.contains(&text.to_lowercase()) {
                departures.push(format!("the message does not contain \"{text}\""));
            }
        }
        if let (true, Some(traffic)) = (self.undisturbed, traffic) {
            departures.extend(traffic.disturbances());
        }
        departures
    }
}

/// Values of the placeholders in expected texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Placeholders {
    /// `{library}`
    pub library: String,
    /// `{file}`
    pub file: String,
    /// `{second}`
    pub second_library: String,
    /// `{runtime}`
    pub runtime: String,
    /// `{reason}`
    pub reason: String,
}

impl Placeholders {
    /// `text` with its placeholders replaced.
    pub fn fill(&self, text: &str) -> String {
        text.replace("{library}", &self.library)
            .replace("{file}", &self.file)
            .replace("{second}", &self.second_library)
            .replace("{runtime}", &self.runtime)
            .replace("{reason}", &self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation() -> Expectation {
        Expectation {
            when: Condition {
                profile: Profile::Reference,
                isolations: vec![],
                runtime: None,
            },
            outcome: Outcome::Rejected,
            phase: Phase::Dlopen,
            message: vec!["{library}".into(), "does not exist".into()],
            undisturbed: true,
        }
    }

    fn names() -> Placeholders {
        Placeholders {
            library: "/l/libx.so".into(),
            file: "libx.so".into(),
            second_library: "/l/liby.so".into(),
            runtime: "r".into(),
            reason: "because".into(),
        }
    }

    fn traffic() -> Traffic {
        Traffic {
            model: "healthy".into(),
            requests_before: 9,
            requests_after: 9,
            ..Traffic::default()
        }
    }

    #[test]
    fn what_is_as_expected_departs_nowhere() {
        let departures = expectation().departures(
            Outcome::Rejected,
            Phase::Dlopen,
            "'/l/libx.so' DOES NOT exist",
            Some(&traffic()),
            &names(),
        );
        assert!(departures.is_empty(), "{departures:?}");
    }

    #[test]
    fn every_departure_is_told() {
        let failed = Traffic {
            failures: 1,
            first_failure: Some("gone".into()),
            ..traffic()
        };
        let departures = expectation().departures(
            Outcome::Served,
            Phase::Load,
            "all is well",
            Some(&failed),
            &names(),
        );
        let all = departures.join("; ");
        assert_eq!(departures.len(), 5, "{all}");
        for text in [
            "served, expected rejected",
            "load, expected dlopen",
            "/l/libx.so",
            "exist",
            "gone",
        ] {
            assert!(all.contains(text), "{all}");
        }
    }

    #[test]
    fn traffic_that_saw_nothing_proves_nothing() {
        let idle = Traffic {
            requests_after: 0,
            ..traffic()
        };
        assert_eq!(idle.disturbances().len(), 1);
        assert!(traffic().disturbances().is_empty());
    }

    #[test]
    fn a_condition_holds_for_profile_isolation_and_version() {
        let condition = Condition {
            profile: Profile::Reference,
            isolations: vec![Isolation::Shared, Isolation::Backend],
            runtime: Some(">=1.27, <1.32".parse().unwrap()),
        };
        let version = Version::new(1, 27, 0);
        assert!(condition.holds(Profile::Reference, Isolation::Shared, &version));
        assert!(!condition.holds(Profile::Triton, Isolation::Shared, &version));
        assert!(!condition.holds(Profile::Reference, Isolation::OpSet, &version));
        assert!(!condition.holds(
            Profile::Reference,
            Isolation::Shared,
            &Version::new(1, 32, 0)
        ));
    }

    #[test]
    fn names_are_read_and_told_when_unknown() {
        for &isolation in Isolation::ALL {
            assert_eq!(isolation.to_string().parse(), Ok(isolation));
        }
        let error = "op-sets".parse::<Isolation>().unwrap_err().to_string();
        assert!(
            error.contains("'op-sets'") && error.contains("op-set, model"),
            "{error}"
        );
    }
}
