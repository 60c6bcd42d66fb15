//! The candidate's numbers in the formats of services that keep them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::comparison::Comparison;
use super::outcome::Outcome;
use super::quantity::{Direction, Quantity};
use super::words;

/// An entry of the custom formats of github-action-benchmark.
#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    unit: String,
    value: f64,
    /// Shown beside the value: how far the runs spread. It is read as a number after the sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    /// Shown where the value is pointed at.
    extra: String,
}

/// What should be low, in the format `customSmallerIsBetter` of github-action-benchmark.
///
/// # Errors
/// None in practice: what is written are texts and finite numbers.
pub fn smaller_is_better(outcome: &Outcome) -> serde_json::Result<String> {
    entries(outcome, Direction::LowerIsBetter)
}

/// What should be high, in the format `customBiggerIsBetter` of github-action-benchmark.
///
/// # Errors
/// As [`smaller_is_better`].
pub fn bigger_is_better(outcome: &Outcome) -> serde_json::Result<String> {
    entries(outcome, Direction::HigherIsBetter)
}

fn entries(outcome: &Outcome, direction: Direction) -> serde_json::Result<String> {
    let alike = outcome.comparisons.iter();
    let entries: Vec<Entry> = alike
        .filter(|comparison| comparison.direction == direction)
        .map(|comparison| {
            let spread = comparison.noise.map(|noise| noise * comparison.candidate);
            Entry {
                name: words::name(comparison),
                unit: comparison.unit.clone(),
                value: comparison.candidate,
                range: spread.map(|spread| format!("± {spread:.3}")),
                extra: format!("{}: {}", comparison.verdict, words::sentence(comparison)),
            }
        })
        .collect();
    serde_json::to_string_pretty(&entries)
}

/// A value of the Bencher Metric Format.
#[derive(Debug, Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

/// All numbers in the Bencher Metric Format: by measurement and by measure. Times are Bencher's own
/// measure `latency`, in nanoseconds, rates its `throughput`; memory in bytes and speed-ups are measures
/// that Bencher makes when it sees them first.
///
/// # Errors
/// As [`smaller_is_better`].
pub fn bencher(outcome: &Outcome) -> serde_json::Result<String> {
    let mut benchmarks: BTreeMap<&str, BTreeMap<&str, Metric>> = BTreeMap::new();
    for comparison in &outcome.comparisons {
        let (measure, factor) = measure(comparison);
        let side = |times: f64| {
            let noise = comparison.noise?;
            Some(comparison.candidate * factor * (times * noise).exp())
        };
        let metric = Metric {
            value: comparison.candidate * factor,
            lower_value: side(-1.0),
            upper_value: side(1.0),
        };
        let measures = benchmarks.entry(&comparison.id).or_default();
        measures.insert(measure, metric);
    }
    serde_json::to_string_pretty(&benchmarks)
}

/// The measure of a comparison, and what its values are multiplied with.
fn measure(comparison: &Comparison) -> (&'static str, f64) {
    match (comparison.quantity, comparison.unit.as_str()) {
        (Quantity::Throughput, _) => ("throughput", 1.0),
        (_, "us") => ("latency", 1e3),
        (_, "ms") => ("latency", 1e6),
        (_, "MiB") => ("memory", 1_048_576.0),
        (_, "×") => ("speed-up", 1.0),
        _ => ("value", 1.0),
    }
}
