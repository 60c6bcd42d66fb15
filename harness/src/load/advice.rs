//! What a reader of a measurement should know.

use super::pace::Pace;
use super::plan::Plan;
use super::record::{Answered, LoadPoint, Overhead};
use super::target::percentile_name;
use crate::measurement::Warning;
use crate::statistics;

/// The warnings of a measurement, as far as its own numbers tell.
pub fn warnings(
    plan: &Plan,
    pace: Pace,
    point: &LoadPoint,
    throughput: f64,
    samples: usize,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let Answered { failed, wrong, .. } = point.answered;
    if failed + wrong > 0 {
        let reason = point.answered.reasons.first();
        warnings.push(Warning::FailedRequests {
            failed,
            wrong,
            of: samples + failed + wrong,
            reason: reason.map(|it| it.reason.clone()).unwrap_or_default(),
        });
    }
    let wanted = plan.target.map_or(0.99, |target| target.percentile);
    let needed = statistics::minimum_samples(wanted);
    if samples < needed {
        warnings.push(Warning::TooFewForPercentile {
            percentile: percentile_name(wanted),
            samples,
            needed,
        });
    }
    if point.late as f64 > Warning::LATE_SHARE * samples as f64 && matches!(pace, Pace::Open { .. })
    {
        warnings.push(Warning::LateSends {
            late: point.late,
            of: samples + failed + wrong,
        });
    }
    let share = client_share(point.overhead.as_ref(), pace, throughput);
    if point.client_cpu_share > Warning::CLIENT_PROCESSOR_SHARE || share > Warning::GENERATOR_SHARE
    {
        warnings.push(Warning::ClientBound {
            processor_share: point.client_cpu_share,
            share,
        });
    }
    warnings
}

/// The generator's upper bound of its part in the time of a request; 0 where the pace is not the
/// server's.
fn client_share(overhead: Option<&Overhead>, pace: Pace, throughput: f64) -> f64 {
    match (overhead, pace) {
        (Some(overhead), Pace::Closed { .. }) => (throughput / overhead.throughput).min(1.0),
        _ => 0.0,
    }
}
