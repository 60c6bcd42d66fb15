//! What a case says of an op library and its runtime, and how that is compared with what was seen.

use super::{Fit, Prediction, Trial};

/// What must come of an op library in the case's default runtime. Both the inspector and a trial are
/// asked before the server is started: a mistake that they share shows, and so does one of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The library, by its name in the case.
    pub library: &'static str,
    /// What comes of it.
    pub fit: Fit,
}

impl Claim {
    /// Where prediction and trial depart from the claim, and from each other; one sentence each.
    pub fn departures(&self, prediction: &Prediction, trial: &Trial) -> Vec<String> {
        let mut departures = Vec::new();
        let shown = trial.fit();
        if shown != self.fit {
            departures.push(format!(
                "the library {} in a trial, expected {}: {}",
                trial.outcome, self.fit, trial.message
            ));
        }
        match prediction.fit() {
            Some(foretold) if foretold != shown => departures.push(format!(
                "the inspector predicts \"{prediction}\", and in a trial the library {}: {}",
                trial.outcome, trial.message
            )),
            None => departures.push(format!(
                "the inspector leaves open what the file tells (\"{prediction}\"); in a trial the \
                 library {}",
                trial.outcome
            )),
            _ => {}
        }
        departures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compatibility::{Forecast, TrialOutcome};

    fn claim(fit: Fit) -> Claim {
        Claim {
            library: "ops",
            fit,
        }
    }

    fn prediction(verdict: Forecast) -> Prediction {
        Prediction {
            verdict,
            reason: "because".to_owned(),
        }
    }

    fn trial(outcome: TrialOutcome) -> Trial {
        Trial {
            outcome,
            message: "what was said".to_owned(),
            ops: Vec::new(),
            api_level: None,
        }
    }

    /// How many departures each prediction has where this came of the trial and was expected.
    fn counts(claim: Claim, outcome: TrialOutcome) -> Vec<usize> {
        Forecast::ALL
            .iter()
            .map(|&verdict| {
                claim
                    .departures(&prediction(verdict), &trial(outcome))
                    .len()
            })
            .collect()
    }

    #[test]
    fn one_prediction_is_right() {
        for (fit, outcome, wrong) in [
            (Fit::Registers, TrialOutcome::Registered, [0, 1, 1, 1]),
            (
                Fit::RegistersNothing,
                TrialOutcome::RegisteredNothing,
                [1, 0, 1, 1],
            ),
            (Fit::Fails, TrialOutcome::Failed, [1, 1, 0, 1]),
            (Fit::Fails, TrialOutcome::Crashed, [1, 1, 0, 1]),
            (Fit::Fails, TrialOutcome::Hung, [1, 1, 0, 1]),
        ] {
            assert_eq!(counts(claim(fit), outcome), wrong, "{fit}");
        }
    }

    #[test]
    fn a_mistake_that_both_make_shows() {
        let departures = claim(Fit::Fails).departures(
            &prediction(Forecast::Loads),
            &trial(TrialOutcome::Registered),
        );
        assert_eq!(departures.len(), 1);
        assert!(
            departures[0].contains("expected fails"),
            "{}",
            departures[0]
        );
    }
}
