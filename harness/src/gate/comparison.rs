//! Holds runs against others, measurement by measurement.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::aggregate::Aggregate;
use super::baseline::MeasuredRun;
use super::judgement::{Reason, Rule, Verdict};
use super::machine_key::{Difference, differences};
use super::noise::{Costs, Design, Estimate};
use super::outcome::{GATE_SCHEMA_VERSION, Origin, Outcome};
use super::quantity::{Direction, Quantity, smallest_change};
use crate::measurement::{Kind, Measurement};
use crate::statistics::{Variance, VariancePrior, family_wise};

/// The standard normal variable that a two-sided 95 % interval reaches to.
const NORMAL_95: f64 = 1.959_964;

/// By what comparisons are judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// By how much something may become worse, as a share: 0.05 for 5 %.
    pub max_regression: f64,
    /// The probability of one or more false alarms among all comparisons together (the family-wise error
    /// rate), where nothing has changed; where pairs are looked at several times, the share of this look.
    pub false_alarms: f64,
    /// The probability, for each comparison, of a pass although it is worse by twice the limit.
    pub false_passes: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_regression: 0.05,
            false_alarms: 0.01,
            false_passes: 0.01,
        }
    }
}

/// One quantity of one measurement on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The id of the measurement.
    pub id: String,
    /// What of it.
    pub quantity: Quantity,
    /// What kind of thing was measured.
    pub kind: Kind,
    /// The unit of the values.
    pub unit: String,
    /// Which way is better.
    pub direction: Direction,
    /// What it came to.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// The geometric mean of the baseline's runs.
    pub baseline: f64,
    /// The geometric mean of the candidate's runs.
    pub candidate: f64,
    /// By how much the candidate is worse, as a share of the baseline; negative where it is better. Of
    /// what should be high, it is by how much more the baseline has than the candidate.
    pub worse: f64,
    /// The 95 % interval of `worse`, for this comparison by itself.
    pub interval: Option<[f64; 2]>,
    /// The relative standard deviation between runs of one build; of differences, where runs are paired.
    pub noise: Option<f64>,
    /// The smallest regression that would have been told for sure to be one, as a share: a larger one is
    /// told with a probability above ½.
    pub smallest_told: Option<f64>,
    /// The probability of one or more such changes among all comparisons where nothing has changed.
    pub adjusted_probability: Option<f64>,
    /// The value of each of the baseline's runs.
    pub baseline_runs: Vec<f64>,
    /// The value of each of the candidate's runs.
    pub candidate_runs: Vec<f64>,
}

/// Why there is nothing to say about two sides.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingInCommon {
    /// Their numbers depend on different circumstances.
    #[error(
        "{candidate} cannot be compared with {baseline}: they differ in {}; measure both on one machine \
         and in one configuration",
        differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Circumstances {
        /// What is compared.
        candidate: String,
        /// With what.
        baseline: String,
        /// In what they differ.
        differences: Vec<Difference>,
    },
    /// No measurement is on both sides.
    #[error(
        "{candidate} has no measurement in common with {baseline}: run the harness with the same --filter \
         and --framework on both sides"
    )]
    Measurements {
        /// What is compared.
        candidate: String,
        /// With what.
        baseline: String,
    },
}

/// A side of a comparison: what it is called in sentences, and its runs.
pub type Side<'a> = (&'a str, &'a [MeasuredRun]);

/// Holds the runs of `candidate` against those of `baseline`, each at least one.
///
/// # Errors
/// [`NothingInCommon`].
pub fn compare(
    (baseline_name, baseline): Side<'_>,
    (candidate_name, candidate): Side<'_>,
    design: Design,
    limits: Limits,
) -> Result<Outcome, NothingInCommon> {
    if let Some(differences) = first_difference(baseline, candidate) {
        return Err(NothingInCommon::Circumstances {
            candidate: candidate_name.to_owned(),
            baseline: baseline_name.to_owned(),
            differences,
        });
    }
    let (before, after) = (ids(baseline), ids(candidate));
    let [old, new] = [baseline, candidate].map(|runs| runs.iter().map(by_id).collect::<Vec<_>>());
    let is_new: BTreeSet<&str> = after.iter().map(String::as_str).collect();
    let mut notes = Vec::new();
    let mut subjects: Vec<Subject> = Vec::new();
    for id in before.iter().filter(|id| is_new.contains(id.as_str())) {
        for quantity in Quantity::ALL {
            match Subject::of(id, quantity, [&old, &new], design) {
                Ok(subject) => subjects.extend(subject),
                Err(note) => notes.push(note),
            }
        }
    }
    if subjects.is_empty() {
        return Err(NothingInCommon::Measurements {
            candidate: candidate_name.to_owned(),
            baseline: baseline_name.to_owned(),
        });
    }
    let priors = priors(&subjects, design);
    let estimates: Vec<Estimate> = subjects
        .iter()
        .map(|subject| {
            let prior = priors.get(&(subject.kind, subject.quantity));
            design.estimate(&subject.costs, prior.copied().flatten())
        })
        .collect();
    let together = Aggregate::estimate(&subjects, (baseline.len(), candidate.len()), design);

    let mut probabilities: Vec<Option<f64>> = estimates.iter().map(Estimate::probability).collect();
    probabilities.push(together.as_ref().and_then(|(all, _)| all.probability()));
    let adjusted = adjusted(&probabilities);
    let told = probabilities.iter().flatten().count().max(1) as f64;
    let rule = Rule {
        limit: limits.max_regression.ln_1p(),
        excluded: (2.0 * limits.max_regression).ln_1p(),
        false_alarms: limits.false_alarms,
        false_passes: limits.false_passes,
        busy: design == Design::Stored && busy_alone(candidate, baseline),
    };
    let comparisons: Vec<Comparison> = subjects
        .into_iter()
        .zip(estimates)
        .zip(&adjusted)
        .map(|((subject, estimate), adjusted)| {
            subject.judged(&estimate, *adjusted, &rule, limits.false_alarms / told)
        })
        .collect();
    let aggregate = together.map(|(estimate, measurements)| {
        let adjusted = adjusted.last().copied().flatten();
        let runs = baseline.len().min(candidate.len());
        Aggregate::judged(&estimate, measurements, adjusted, runs, &rule)
    });
    notes.extend(kernels(baseline, candidate));
    let only_in = |own: &[String], other: &[String]| -> Vec<String> {
        let alone = own.iter().filter(|id| !other.contains(id));
        alone.cloned().collect()
    };
    let worst = comparisons.iter().map(|comparison| comparison.verdict);
    let worst = worst.chain(aggregate.iter().map(|aggregate| aggregate.verdict));
    let lacking = only_in(&before, &after);
    // Both of a pair were asked for the same measurements, so one that is lacking may have failed.
    let is_lacking = design == Design::Paired && !lacking.is_empty();
    let worst = worst.chain(is_lacking.then_some(Verdict::Inconclusive));
    Ok(Outcome {
        schema_version: GATE_SCHEMA_VERSION,
        verdict: worst.max().unwrap_or(Verdict::Inconclusive),
        limits,
        design,
        baseline: Origin::of(baseline_name, baseline),
        candidate: Origin::of(candidate_name, candidate),
        aggregate,
        comparisons,
        only_in_baseline: lacking,
        only_in_candidate: only_in(&after, &before),
        notes,
    })
}

/// One quantity of one measurement, before it is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The id of the measurement.
    pub id: String,
    /// What of it.
    pub quantity: Quantity,
    kind: Kind,
    unit: String,
    direction: Direction,
    /// What it cost.
    pub costs: Costs,
}

impl Subject {
    /// What the runs have of it; `None` where one side has nothing.
    ///
    /// # Errors
    /// A sentence where its unit differs from run to run.
    fn of(
        id: &str,
        quantity: Quantity,
        sides: [&[ById<'_>]; 2],
        design: Design,
    ) -> Result<Option<Self>, String> {
        let [mut before, mut after] = sides.map(|side| {
            let found = side.iter().map(|run| run.get(id).copied());
            found
                .map(|found| found.filter(|measurement| quantity.of(measurement).is_some()))
                .collect::<Vec<Option<&Measurement>>>()
        });
        if design == Design::Paired {
            for (before, after) in before.iter_mut().zip(&mut after) {
                if before.is_none() || after.is_none() {
                    (*before, *after) = (None, None);
                }
            }
        }
        let before: Vec<&Measurement> = before.into_iter().flatten().collect();
        let after: Vec<&Measurement> = after.into_iter().flatten().collect();
        let (Some(first), false) = (before.first(), after.is_empty()) else {
            return Ok(None);
        };
        let unit = quantity.unit(first).to_owned();
        let mut all = before.iter().chain(&after);
        if let Some(other) = all.find(|measurement| quantity.unit(measurement) != unit) {
            return Err(format!(
                "{id} is not compared: its unit is {unit} in one run and {} in another",
                quantity.unit(other)
            ));
        }
        let direction = Direction::of_unit(&unit);
        let costs = |side: &[&Measurement]| -> Vec<f64> {
            let values = side
                .iter()
                .filter_map(|measurement| quantity.of(measurement));
            values.map(|value| direction.cost(value)).collect()
        };
        let within = [&before, &after].map(|side| within(side, quantity));
        Ok(Some(Self {
            id: id.to_owned(),
            quantity,
            kind: first.kind,
            direction,
            costs: Costs {
                baseline: costs(&before),
                candidate: costs(&after),
                within,
            },
            unit,
        }))
    }

    /// The comparison that `estimate` makes of it. `level` is what one comparison may take of the false
    /// alarms where all of them pass.
    fn judged(
        self,
        estimate: &Estimate,
        adjusted: Option<f64>,
        rule: &Rule,
        level: f64,
    ) -> Comparison {
        let direction = self.direction;
        let value =
            |costs: &[f64]| direction.value(crate::statistics::mean(costs).unwrap_or_default());
        let baseline = value(&self.costs.baseline);
        let base_cost = direction.cost(baseline);
        let counts = |change: f64| {
            let changed = direction.value(base_cost + change) - baseline;
            changed.abs() >= smallest_change(&self.unit)
        };
        let reason = rule.decide(estimate, adjusted, self.costs.runs(), counts);
        let values = |costs: &[f64]| costs.iter().map(|cost| direction.value(*cost)).collect();
        Comparison {
            verdict: reason.verdict(),
            reason,
            baseline,
            candidate: value(&self.costs.candidate),
            worse: estimate.change.exp_m1(),
            interval: interval(estimate),
            noise: estimate.error.map(|error| error.noise),
            smallest_told: estimate
                .margin(level)
                .map(|margin| margin.max(rule.limit).exp_m1()),
            adjusted_probability: adjusted,
            baseline_runs: values(&self.costs.baseline),
            candidate_runs: values(&self.costs.candidate),
            id: self.id,
            quantity: self.quantity,
            kind: self.kind,
            unit: self.unit,
            direction,
        }
    }
}

/// The two-sided 95 % interval of an estimate, as shares.
pub fn interval(estimate: &Estimate) -> Option<[f64; 2]> {
    let margin = estimate.margin(0.025)?;
    Some([-margin, margin].map(|side| (estimate.change + side).exp_m1()))
}

/// What all of a kind together tell of the noise of one.
fn priors(
    subjects: &[Subject],
    design: Design,
) -> BTreeMap<(Kind, Quantity), Option<VariancePrior>> {
    let mut known: BTreeMap<(Kind, Quantity), Vec<Variance>> = BTreeMap::new();
    for subject in subjects {
        let alike = known.entry((subject.kind, subject.quantity)).or_default();
        alike.extend(design.variance(&subject.costs));
    }
    known
        .into_iter()
        .map(|(key, known)| (key, VariancePrior::fit(&known)))
        .collect()
}

/// The measurements of a run by their ids.
type ById<'a> = BTreeMap<&'a str, &'a Measurement>;

fn by_id(run: &MeasuredRun) -> ById<'_> {
    let measurements = run.measurements.iter();
    measurements
        .map(|measurement| (measurement.id.as_str(), measurement))
        .collect()
}

/// The mean variance of the logarithm of a median, from its interval; zero where that is not known.
fn within(side: &[&Measurement], quantity: Quantity) -> f64 {
    if quantity != Quantity::Median {
        return 0.0;
    }
    let variances: Vec<f64> = side
        .iter()
        .filter_map(|measurement| {
            let [low, high] = measurement.ci95?;
            (low > 0.0 && high >= low).then(|| ((high / low).ln() / 2.0 / NORMAL_95).powi(2))
        })
        .collect();
    crate::statistics::mean(&variances).unwrap_or_default()
}

/// Adjusts those that are known.
fn adjusted(probabilities: &[Option<f64>]) -> Vec<Option<f64>> {
    let known: Vec<f64> = probabilities.iter().flatten().copied().collect();
    let mut adjusted = family_wise(&known).into_iter();
    probabilities
        .iter()
        .map(|probability| probability.and_then(|_| adjusted.next()))
        .collect()
}

/// In what the circumstances of the two sides, or of two runs of one, differ.
fn first_difference(
    baseline: &[MeasuredRun],
    candidate: &[MeasuredRun],
) -> Option<Vec<Difference>> {
    let first = baseline.first()?;
    let mut others = baseline.iter().chain(candidate);
    others.find_map(|other| {
        let differences = differences(first, other);
        (!differences.is_empty()).then_some(differences)
    })
}

/// The ids of the measurements of `runs`, each once, in their order.
fn ids(runs: &[MeasuredRun]) -> Vec<String> {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let all = runs.iter().flat_map(|run| &run.measurements);
    all.filter(|measurement| seen.insert(&measurement.id))
        .map(|measurement| measurement.id.clone())
        .collect()
}

fn busy_alone(candidate: &[MeasuredRun], baseline: &[MeasuredRun]) -> bool {
    candidate.iter().any(MeasuredRun::was_busy) && !baseline.iter().any(MeasuredRun::was_busy)
}

/// A note where the kernels differ, which is no reason to refuse.
fn kernels(baseline: &[MeasuredRun], candidate: &[MeasuredRun]) -> Option<String> {
    let (before, after) = (baseline.first()?, candidate.first()?);
    let (before, after) = (&before.machine.kernel, &after.machine.kernel);
    (before != after)
        .then(|| format!("the kernel is another one: {before} for the baseline, {after} now"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;

    /// Runs of the made-up results whose values are multiplied with `times`, one run for each.
    fn runs(times: &[f64]) -> Vec<MeasuredRun> {
        let of = |times: &f64| {
            let mut run = MeasuredRun::of(&sample_results()).unwrap();
            run.warnings.clear();
            for measurement in &mut run.measurements {
                measurement.median *= times;
                measurement.throughput = measurement.throughput.map(|rate| rate / times);
                measurement.ci95 = None;
            }
            run
        };
        times.iter().map(of).collect()
    }

    fn compared(baseline: &[MeasuredRun], candidate: &[MeasuredRun], design: Design) -> Outcome {
        let sides = (("a", baseline), ("b", candidate));
        compare(sides.0, sides.1, design, Limits::default()).unwrap()
    }

    #[test]
    fn what_should_be_high_is_worse_where_it_is_low() {
        let baseline = runs(&[1.0, 1.01, 0.99, 1.0]);
        let outcome = compared(&baseline, &runs(&[1.2, 1.21, 1.19]), Design::Stored);
        let mut of_throughput = outcome.comparisons.iter();
        let throughput = of_throughput
            .find(|comparison| comparison.quantity == Quantity::Throughput)
            .unwrap();
        assert_eq!(throughput.direction, Direction::HigherIsBetter);
        assert!(throughput.candidate < throughput.baseline);
        assert!((throughput.worse - 0.2).abs() < 0.01, "{throughput:?}");
        assert_eq!(outcome.verdict, Verdict::Regression);
        let better = compared(&baseline, &runs(&[0.8, 0.81, 0.79]), Design::Stored);
        assert_eq!(better.verdict, Verdict::Pass);
    }

    #[test]
    fn a_unit_that_changed_is_told_and_not_compared() {
        let baseline = runs(&[1.0, 1.01, 0.99]);
        let mut candidate = runs(&[1.0, 1.0, 1.01]);
        let id = candidate[1].measurements[0].id.clone();
        candidate[1].measurements[0].unit = "s".to_owned();
        let outcome = compared(&baseline, &candidate, Design::Stored);
        assert!(outcome.comparisons.iter().all(|compared| compared.id != id));
        assert!(outcome.notes[0].contains(&id), "{:?}", outcome.notes);
    }

    #[test]
    fn half_a_pair_is_left_out() {
        let baseline = runs(&[1.0, 1.01, 0.99, 1.0]);
        let mut candidate = runs(&[1.0, 1.01, 0.99, 1.0]);
        let id = candidate[2].measurements.remove(0).id;
        let outcome = compared(&baseline, &candidate, Design::Paired);
        let mut all = outcome.comparisons.iter();
        let compared = all.find(|compared| compared.id == id).unwrap();
        assert_eq!(
            (compared.baseline_runs.len(), compared.candidate_runs.len()),
            (3, 3)
        );
        assert!(compared.worse.abs() < 1e-12);
    }
}
