//! A load test as the page shows it.

use serde::Serialize;

use super::context::Fact;
use crate::load::{Load, LoadPoint};
use crate::measurement::Measurement;
use crate::quantity::{quantity, rate};
use crate::results::Results;

/// The section on a load test.
#[derive(Debug, Serialize)]
pub struct LoadPage {
    /// What was put under load.
    pub facts: Vec<Fact>,
    /// Whether there was a latency to be met.
    pub has_target: bool,
    /// Each pace.
    pub rows: Vec<LoadRow>,
}

/// A pace.
#[derive(Debug, Serialize)]
pub struct LoadRow {
    /// Its name.
    pub pace: String,
    /// Answers a second.
    pub throughput: String,
    /// Latencies: median, p90, p95, p99, p99.9.
    pub latencies: Vec<String>,
    /// Requests: right, failed, wrong, late.
    pub requests: String,
    /// The generator's processor time for a request and its latency with a server that does nothing.
    pub client: String,
    /// Whether the target was met.
    pub target: &'static str,
    /// The windows: how many, and whether they had settled.
    pub windows: String,
    /// Advice.
    pub warnings: Vec<String>,
}

/// The section of `results`; none where they are not those of a load test.
pub fn load_page(results: &Results) -> Option<LoadPage> {
    let load = results.load.as_ref()?;
    let points = results.measurements.iter();
    let points = points.filter_map(|measurement| Some((measurement, measurement.load.as_ref()?)));
    Some(LoadPage {
        facts: facts(load),
        has_target: load.target.is_some(),
        rows: points
            .map(|(measurement, load)| row(measurement, load))
            .collect(),
    })
}

/// The server, the model and its rows, in one line.
pub fn setting(load: &Load) -> String {
    format!(
        "model {} · {} at {} · {}",
        load.model,
        load.server,
        load.url,
        load.inputs.join(", ")
    )
}

fn facts(load: &Load) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("Server", format!("{} at {}", load.server, load.url)),
        Fact::new(
            "Model",
            match &load.model_version {
                Some(version) => format!("{}, version {version}", load.model),
                None => load.model.clone(),
            },
        ),
        Fact::new("Platform", load.platform.clone()),
        Fact::new("Inputs", load.inputs.join(", ")),
        Fact::new(
            "Values",
            match load.requests {
                1 => format!("{} (seed {})", load.input_data, load.seed),
                several => format!("{}, {several} requests in turn", load.input_data),
            },
        ),
    ];
    if let Some(rows) = load.batch_size {
        facts.push(Fact::new("Batch size", rows.to_string()));
    }
    if let Some(target) = &load.target {
        facts.push(Fact::new("Latency target", target.clone()));
    }
    match (load.highest_rate, load.target_met) {
        (Some(highest), _) => facts.push(Fact::new("Highest rate that meets it", rate(highest))),
        (None, Some(true)) => facts.push(Fact::new("Target", "met")),
        (None, Some(false)) => facts.push(Fact::new("Target", "missed")),
        (None, None) => {}
    }
    facts
}

fn row(measurement: &Measurement, load: &LoadPoint) -> LoadRow {
    let time = |value: f64| quantity(value, &measurement.unit);
    let or_none = |value: Option<f64>| value.map_or("–".to_owned(), time);
    let answered = &load.answered;
    let mut requests = vec![format!("{} right", answered.right)];
    for (count, word) in [
        (answered.failed, "failed"),
        (answered.wrong, "wrong"),
        (load.late, "sent late"),
    ] {
        if count > 0 {
            requests.push(format!("{count} {word}"));
        }
    }
    let null = load.overhead.as_ref().map(|it| time(it.median_us));
    LoadRow {
        pace: match (load.rate, load.arrivals) {
            (Some(wanted), Some(arrivals)) => format!("{} {arrivals}", rate(wanted)),
            _ => format!("concurrency {}", load.slots),
        },
        throughput: measurement.throughput.map_or("–".to_owned(), rate),
        latencies: vec![
            time(measurement.median),
            or_none(measurement.p90),
            or_none(load.p95),
            or_none(measurement.p99),
            or_none(load.p999),
        ],
        requests: requests.join(", "),
        client: format!(
            "{} / {}",
            time(load.client_cpu_us),
            null.unwrap_or_else(|| "–".to_owned())
        ),
        target: match load.target_met {
            Some(true) => "✓ met",
            Some(false) => "✗ missed",
            None => "–",
        },
        windows: match load.stable {
            Some(true) => format!("{}, settled", load.windows.len()),
            Some(false) => format!("{}, not settled", load.windows.len()),
            None => "fixed length".to_owned(),
        },
        warnings: measurement
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}
