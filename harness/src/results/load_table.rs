//! `load.csv`

use super::record::Results;

/// The paces of a load test, one a line, under the field names of `results.json`; times in
/// microseconds. `None` where there was no load test.
///
/// # Errors
/// None in practice: the writer writes to memory.
pub fn load_csv(results: &Results) -> Result<Option<Vec<u8>>, csv::Error> {
    if results.load.is_none() {
        return Ok(None);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "id",
        "concurrency",
        "rate",
        "arrivals",
        "throughput",
        "p50",
        "p90",
        "p95",
        "p99",
        "p999",
        "right",
        "wrong",
        "failed",
        "late",
        "target_met",
        "windows",
        "stable",
        "client_cpu_us",
        "client_cpu_share",
        "overhead_us",
        "queue_us",
        "compute_input_us",
        "compute_infer_us",
        "compute_output_us",
        "request_us",
        "executions",
        "mean_batch",
        "warnings",
    ])?;
    for measurement in &results.measurements {
        let Some(load) = &measurement.load else {
            continue;
        };
        let server = load.server.as_ref();
        let warnings: Vec<String> = measurement
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect();
        writer.write_record([
            measurement.id.clone(),
            text(measurement.concurrency),
            text(load.rate),
            text(load.arrivals),
            text(measurement.throughput),
            measurement.median.to_string(),
            text(measurement.p90),
            text(load.p95),
            text(measurement.p99),
            text(load.p999),
            load.answered.right.to_string(),
            load.answered.wrong.to_string(),
            load.answered.failed.to_string(),
            load.late.to_string(),
            text(load.target_met),
            load.windows.len().to_string(),
            text(load.stable),
            load.client_cpu_us.to_string(),
            load.client_cpu_share.to_string(),
            text(load.overhead.as_ref().map(|it| it.median_us)),
            text(server.map(|it| it.queue_us)),
            text(server.map(|it| it.compute_input_us)),
            text(server.map(|it| it.compute_infer_us)),
            text(server.map(|it| it.compute_output_us)),
            text(server.map(|it| it.request_us)),
            text(server.map(|it| it.executions)),
            text(server.map(|it| it.mean_batch)),
            warnings.join("; "),
        ])?;
    }
    writer
        .into_inner()
        .map(Some)
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// A value or nothing.
fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
