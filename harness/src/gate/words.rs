//! The numbers of a comparison as people read them.

use super::comparison::Comparison;
use super::outcome::Outcome;
use super::quantity::Quantity;
use crate::quantity::{quantity, rate};

/// A value of `comparison`, such as `132 µs`.
pub fn value(comparison: &Comparison, value: f64) -> String {
    value_in(value, &comparison.unit)
}

/// A value in `unit`.
pub fn value_in(value: f64, unit: &str) -> String {
    match unit {
        "/s" => rate(value),
        unit => quantity(value, unit),
    }
}

/// A share as a percentage with a sign: `+11.2 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    // What rounds to zero has no sign.
    if percent.abs() < 0.05 {
        "0.0 %".to_owned()
    } else {
        format!("{percent:+.1} %").replace('-', "−")
    }
}

/// A share as a percentage without a sign, where there is one.
pub fn unsigned(share: Option<f64>) -> String {
    share.map_or_else(
        || "unknown".to_owned(),
        |share| format!("{:.1} %", share * 100.0),
    )
}

/// An interval of shares: `+9.1 % to +13.4 %`.
pub fn interval(interval: Option<[f64; 2]>) -> String {
    interval.map_or_else(
        || "unknown".to_owned(),
        |[low, high]| format!("{} to {}", percent(low), percent(high)),
    )
}

/// The name of a comparison: the id, and what of the measurement where that is not its median.
pub fn name(comparison: &Comparison) -> String {
    match comparison.quantity {
        Quantity::Median => comparison.id.clone(),
        other => format!("{} ({})", comparison.id, other.name()),
    }
}

/// One comparison in a sentence.
pub fn sentence(comparison: &Comparison) -> String {
    format!(
        "{} to {}, worse by {} (95 % interval {}; noise {}): {}",
        value(comparison, comparison.baseline),
        value(comparison, comparison.candidate),
        percent(comparison.worse),
        interval(comparison.interval),
        unsigned(comparison.noise),
        comparison.reason.text()
    )
}

/// All measurements together in a sentence; `None` where there are too few.
pub fn aggregate(outcome: &Outcome) -> Option<String> {
    let aggregate = outcome.aggregate.as_ref()?;
    Some(format!(
        "all {} measurements together: worse by {} (95 % interval {}): {}",
        aggregate.measurements,
        percent(aggregate.worse),
        interval(aggregate.interval),
        aggregate.reason.text()
    ))
}

/// The verdict with its numbers: `regression: 1 regression, 0 inconclusive, 40 passed, limit 5 %`.
pub fn headline(outcome: &Outcome) -> String {
    format!(
        "{}: {}; limit {} %",
        outcome.verdict,
        outcome.counts_text(),
        outcome.limits.max_regression * 100.0
    )
}

/// What is on one side only, and the notes, one sentence each.
pub fn remarks(outcome: &Outcome) -> Vec<String> {
    let mut remarks = Vec::new();
    for (side, ids) in [
        ("baseline", &outcome.only_in_baseline),
        ("candidate", &outcome.only_in_candidate),
    ] {
        if !ids.is_empty() {
            remarks.push(format!(
                "only the {side} has {}: {}",
                crate::quantity::count(ids.len(), "measurement"),
                ids.join(", ")
            ));
        }
    }
    remarks.extend(outcome.notes.iter().cloned());
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_a_sign_where_they_are_not_zero() {
        assert_eq!(percent(0.1124), "+11.2 %");
        assert_eq!(percent(-0.031), "−3.1 %");
        assert_eq!(percent(-0.0001), "0.0 %");
        assert_eq!(interval(Some([-0.01, 0.02])), "−1.0 % to +2.0 %");
        assert_eq!(interval(None), "unknown");
    }
}
