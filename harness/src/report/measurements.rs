//! Measurements as the page shows them.

use serde::Serialize;

use super::context::Fact;
use super::plots::{same_tensor, subject};
use crate::measurement::{Aspect, Kind, Measurement};
use crate::quantity::{quantity, rate};
use crate::results::Part;

/// A line of the table of measurements.
#[derive(Debug, Serialize)]
pub struct MeasurementRow {
    /// The id.
    pub id: String,
    /// The part of the run that it is from.
    pub part: Option<String>,
    /// The median.
    pub median: String,
    /// Its 95 % confidence interval.
    pub interval: String,
    /// The 90th percentile.
    pub p90: String,
    /// The 99th percentile.
    pub p99: String,
    /// Requests a second.
    pub throughput: String,
    /// The number of samples.
    pub samples: usize,
    /// Advice.
    pub warnings: Vec<String>,
}

impl MeasurementRow {
    /// The line of `measurement`, which is from `part` where the run had several.
    pub fn new(measurement: &Measurement, part: Option<&Part>) -> Self {
        let time = |value: f64| quantity(value, &measurement.unit);
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
        Self {
            id: measurement.id.clone(),
            part: part.map(|part| part.shard.clone()),
            median: time(measurement.median),
            interval: or_none(
                measurement
                    .ci95
                    .map(|[low, high]| format!("{} … {}", time(low), time(high))),
            ),
            p90: or_none(measurement.p90.map(time)),
            p99: or_none(measurement.p99.map(time)),
            throughput: or_none(measurement.throughput.map(rate)),
            samples: measurement.samples,
            warnings: measurement
                .warnings
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

/// What the load generator itself takes, in a sentence; nothing where it was not measured.
pub fn generator(measurements: &[Measurement]) -> Option<String> {
    let nulls = measurements
        .iter()
        .filter(|m| m.kind == Kind::Serving && m.framework == "none");
    let parts: Vec<String> = nulls
        .map(|null| {
            format!(
                "{} ({}, concurrency {})",
                quantity(null.median, &null.unit),
                null.shape_text().unwrap_or_default(),
                null.concurrency.unwrap_or(1)
            )
        })
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "The load generator with a server that does nothing, both on one thread, has these \
             medians: {}. Latencies contain its part.",
            parts.join(", ")
        )
    })
}

/// How much longer a request at concurrency 1 takes than the call of the framework in process, in a
/// sentence; nothing where no model was measured both ways.
pub fn above_call(measurements: &[Measurement]) -> Option<String> {
    let of = |aspect: Aspect| {
        measurements
            .iter()
            .filter(move |m| m.aspect == Some(aspect))
    };
    let alone = of(Aspect::Request).filter(|request| request.concurrency == Some(1));
    let pairs = alone.filter_map(|request| {
        let call = of(Aspect::CallTime).find(|call| same_tensor(call, request))?;
        Some((request, call))
    });
    let parts: Vec<String> = pairs
        .map(|(request, call)| {
            format!(
                "{} ({} of {}, {})",
                quantity(request.median - call.median, &request.unit),
                quantity(request.median, &request.unit),
                request.framework,
                subject(request)
            )
        })
        .collect();
    (!parts.is_empty()).then(|| {
        format!(
            "At concurrency 1 a request over HTTP takes longer than the call of the framework in \
             process by, at the medians: {}.",
            parts.join(", ")
        )
    })
}

/// The numbers that matter most: the quickest start and the best and smallest of serving.
pub fn highlights(measurements: &[Measurement]) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(startup) = measurements.iter().find(|m| m.kind == Kind::Startup) {
        facts.push(Fact::new(
            "spawn to ready",
            quantity(startup.median, &startup.unit),
        ));
    }
    let serving = || {
        measurements
            .iter()
            .filter(|m| m.kind == Kind::Serving && m.framework != "none")
    };
    if let Some(least) = serving().min_by(|a, b| a.median.total_cmp(&b.median)) {
        let name = format!("median latency, {}", least.shape_text().unwrap_or_default());
        facts.push(Fact::new(name, quantity(least.median, &least.unit)));
    }
    let fastest = serving().filter_map(|m| Some((m.throughput?, m)));
    if let Some((throughput, most)) = fastest.max_by(|(a, _), (b, _)| a.total_cmp(b)) {
        let name = format!(
            "throughput at concurrency {}",
            most.concurrency.unwrap_or(1)
        );
        facts.push(Fact::new(name, rate(throughput)));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_batches;

    #[test]
    fn a_request_is_held_against_the_call_of_the_same_model() {
        let mut both: Vec<Measurement> = sample_batches();
        let request = both.last_mut().unwrap();
        request.aspect = Some(Aspect::Request);
        request.concurrency = Some(1);
        request.median = 75.0;
        let request = request.clone();
        assert_eq!(above_call(&both), None);
        both.push(Measurement {
            kind: Kind::Kernel,
            aspect: Some(Aspect::CallTime),
            concurrency: None,
            median: 40.0,
            ..request
        });
        let text = above_call(&both).unwrap();
        assert!(
            text.contains("35.0 µs (75.0 µs of pytorch, BiasGelu"),
            "{text}"
        );
    }
}
