//! Holds runs against others, measurement by measurement.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregate::Aggregate;
use super::baseline::MeasuredRun;
use super::comparison::{Comparison, Limits, NothingInCommon};
use super::judgement::{Rule, Verdict};
use super::machine_key::{Difference, differences};
use super::noise::{Design, Estimate};
use super::outcome::{GATE_SCHEMA_VERSION, Origin, Outcome};
use super::quantity::Quantity;
use super::subject::{Subject, by_id};
use crate::measurement::Kind;
use crate::statistics::{Variance, VariancePrior, family_wise};

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
    let (subjects, mut notes) = subjects(&before, baseline, candidate, design);
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

/// What of the measurements `ids` is on both sides, and what is to say about those that cannot be compared.
fn subjects(
    ids: &[String],
    baseline: &[MeasuredRun],
    candidate: &[MeasuredRun],
    design: Design,
) -> (Vec<Subject>, Vec<String>) {
    let [old, new] = [baseline, candidate].map(|runs| runs.iter().map(by_id).collect::<Vec<_>>());
    let (mut subjects, mut notes) = (Vec::new(), Vec::new());
    for id in ids {
        for quantity in Quantity::ALL {
            match Subject::of(id, quantity, [&old, &new], design) {
                Ok(subject) => subjects.extend(subject),
                Err(note) => notes.push(note),
            }
        }
    }
    (subjects, notes)
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
    use crate::gate::Direction;
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
