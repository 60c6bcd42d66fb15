//! A gate's outcome and a baseline for the terminal.

use super::baseline::Baseline;
use super::comparison::Comparison;
use super::judgement::Verdict;
use super::noise::{Costs, Design};
use super::outcome::{Origin, Outcome};
use super::quantity::{Direction, Quantity};
use super::words;

/// The outcome for people: the comparisons, the worst first, the aggregate, the verdict in the last line.
#[must_use]
pub fn gate_text(outcome: &Outcome) -> String {
    let mut text = format!(
        "{}\ncompared with {}\n\n",
        outcome.candidate.text(),
        outcome.baseline.text()
    );
    for verdict in [Verdict::Regression, Verdict::Inconclusive, Verdict::Pass] {
        for comparison in outcome.with(verdict) {
            text.push_str(&line(comparison));
        }
    }
    text.push('\n');
    if let Some(sentence) = words::aggregate(outcome) {
        text.push_str(&format!("{sentence}\n"));
    }
    for remark in words::remarks(outcome) {
        text.push_str(&format!("⚠ {remark}\n"));
    }
    text.push_str(&format!("{}\n", words::headline(outcome)));
    text
}

/// `✗ regression     132 µs →   147 µs  +11.2 %  (+9.1 % to +13.4 %)  id`, with the reason beneath where
/// it did not pass.
fn line(comparison: &Comparison) -> String {
    let verdict = comparison.verdict;
    let mut line = format!(
        "{} {:12} {:>9} → {:>9}  {:>8}  ({})  {}\n",
        verdict.sign(),
        verdict.to_string(),
        words::value(comparison, comparison.baseline),
        words::value(comparison, comparison.candidate),
        words::percent(comparison.worse),
        words::interval(comparison.interval),
        words::name(comparison)
    );
    if verdict != Verdict::Pass {
        line.push_str(&format!("    {}\n", comparison.reason.text()));
    }
    line
}

/// What a baseline holds: where it was made, its runs, and each measurement with its noise.
#[must_use]
pub fn baseline_text(baseline: &Baseline) -> String {
    let origin = Origin::of(&baseline.name, &baseline.runs);
    let mut text = format!("{}, saved {}\n", origin.text(), baseline.saved);
    let Some(first) = baseline.runs.first() else {
        return text;
    };
    let machine = &first.machine;
    text.push_str(&format!(
        "machine: {}, {} logical processors, GPU {}\n",
        machine.cpu.as_deref().unwrap_or("unknown CPU"),
        machine.logical_processors,
        match machine.gpus.as_slice() {
            [] => "none".to_owned(),
            gpus => gpus.join(", "),
        }
    ));
    let runtimes: Vec<&str> = first
        .runtimes
        .iter()
        .map(|runtime| runtime.name.as_str())
        .collect();
    text.push_str(&format!("runtimes: {}\n", runtimes.join(", ")));
    for run in &baseline.runs {
        text.push_str(&format!(
            "run of {} at {}{}\n",
            run.start,
            run.commit.as_deref().unwrap_or("an unknown commit"),
            if run.was_busy() {
                ", while other programs were busy"
            } else {
                ""
            }
        ));
    }
    text.push('\n');
    for measurement in &first.measurements {
        for quantity in Quantity::ALL {
            let direction = Direction::of_unit(quantity.unit(measurement));
            let costs: Vec<f64> = baseline
                .runs
                .iter()
                .filter_map(|run| quantity.of(run.measurement(&measurement.id)?))
                .map(|value| direction.cost(value))
                .collect();
            let Some(mean) = crate::statistics::mean(&costs) else {
                continue;
            };
            let noise = Design::Stored.variance(&Costs {
                baseline: costs,
                ..Costs::default()
            });
            text.push_str(&format!(
                "{:>9}  between runs {:>8}  {} ({})\n",
                words::value_in(direction.value(mean), quantity.unit(measurement)),
                words::unsigned(noise.map(|noise| noise.variance.sqrt())),
                measurement.id,
                quantity.name()
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Limits, MeasuredRun, compare, gate_markdown};
    use crate::sample::sample_results;

    /// A comparison in which one measurement is slower, one too noisy, and one is on each side alone.
    fn outcome() -> Outcome {
        let runs = |times: [f64; 4], is_now: bool| -> Vec<MeasuredRun> {
            let run = |times: f64| {
                let mut run = MeasuredRun::of(&sample_results()).unwrap();
                run.warnings.clear();
                run.measurements.truncate(5);
                for (number, measurement) in run.measurements.iter_mut().enumerate() {
                    let noise = if number == 1 { 30.0 } else { 1.0 };
                    measurement.median *= 1.0 + noise * (times - 1.0);
                    measurement.ci95 = None;
                    if number == 2 && is_now {
                        measurement.median *= 1.12;
                    }
                    if number == 4 && is_now {
                        measurement.id.push_str("-new");
                    }
                }
                run
            };
            times.map(run).into()
        };
        let (before, now) = (
            runs([1.0, 1.004, 0.997, 1.001], false),
            runs([1.002, 0.998, 1.003, 1.0], true),
        );
        let sides = (("baseline main", &before[..]), ("this build", &now[..]));
        compare(sides.0, sides.1, Design::Stored, Limits::default()).unwrap()
    }

    #[test]
    fn the_worst_comes_first_and_the_verdict_last() {
        insta::assert_snapshot!(gate_text(&outcome()));
    }

    #[test]
    fn markdown_folds_what_passed() {
        insta::assert_snapshot!(gate_markdown(&outcome()));
    }
}
