//! `cases.csv` and `measurements.csv`.

use super::record::Results;
use crate::measurement::Aspect;

/// The cases, one a line, under the field names of `results.json`, and the part of the run that each
/// is from, where it had several.
///
/// # Errors
/// None in practice: the writer writes to memory.
pub fn cases_csv(results: &Results) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "id",
        "suite",
        "framework",
        "path",
        "isolation",
        "runtime",
        "expected",
        "outcome",
        "verdict",
        "phase",
        "message",
        "time_to_ready_ms",
        "load_ms",
        "duration_ms",
        "prediction",
        "prediction_reason",
        "trial",
        "trial_message",
        "part",
    ])?;
    for case in &results.cases {
        let prediction = case.prediction.as_ref();
        let trial = case.trial.as_ref();
        writer.write_record([
            case.id.clone(),
            case.suite.to_string(),
            case.framework.to_string(),
            case.path.to_string(),
            case.isolation.to_string(),
            case.runtime.clone(),
            text(case.expected),
            text(case.outcome),
            case.verdict.to_string(),
            case.phase.to_string(),
            case.message.clone(),
            text(case.time_to_ready_ms),
            text(case.load_ms),
            case.duration_ms.to_string(),
            text(prediction.map(|prediction| prediction.verdict)),
            text(prediction.map(|prediction| &prediction.reason)),
            text(trial.map(|trial| trial.outcome)),
            text(trial.map(|trial| &trial.message)),
            text(results.part_of_case(&case.id).map(|part| &part.shard)),
        ])?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// The measurements, one a line, under the field names of `results.json`; warnings as text,
/// separated by `; `, a shape as `1x64`; and the part of the run that each is from, where it had
/// several.
///
/// # Errors
/// None in practice: the writer writes to memory.
pub fn measurements_csv(results: &Results) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "id",
        "kind",
        "framework",
        "op",
        "shape",
        "dtype",
        "device",
        "concurrency",
        "unit",
        "samples",
        "median",
        "p90",
        "p99",
        "ci95_low",
        "ci95_high",
        "throughput",
        "bandwidth_fraction",
        "warnings",
        "part",
        "aspect",
    ])?;
    for measurement in &results.measurements {
        let warnings: Vec<String> = measurement
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect();
        writer.write_record([
            measurement.id.clone(),
            measurement.kind.name().to_owned(),
            measurement.framework.clone(),
            text(measurement.op.as_ref()),
            text(
                measurement
                    .shape_text()
                    .map(|shape| shape.replace('×', "x")),
            ),
            text(measurement.dtype.as_ref()),
            measurement.device.clone(),
            text(measurement.concurrency),
            measurement.unit.clone(),
            measurement.samples.to_string(),
            measurement.median.to_string(),
            text(measurement.p90),
            text(measurement.p99),
            text(measurement.ci95.map(|[low, _]| low)),
            text(measurement.ci95.map(|[_, high]| high)),
            text(measurement.throughput),
            text(measurement.bandwidth_fraction),
            warnings.join("; "),
            text(
                results
                    .part_of_measurement(&measurement.id)
                    .map(|part| &part.shard),
            ),
            text(measurement.aspect.map(Aspect::name)),
        ])?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

/// A value or nothing.
fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;

    fn columns(csv: &[u8]) -> Vec<csv::StringRecord> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(csv);
        reader.records().map(Result::unwrap).collect()
    }

    #[test]
    fn every_case_is_one_record_whatever_its_message_holds() {
        let mut results = sample_results();
        results.cases[0].message = "two\nlines, a comma and a \"quote\"".to_owned();
        let records = columns(&cases_csv(&results).unwrap());
        assert_eq!(records.len(), results.cases.len() + 1);
        assert_eq!(&records[1][10], results.cases[0].message);
        assert_eq!(&records[0][0], "id");
    }

    #[test]
    fn unknown_values_are_empty() {
        let mut results = sample_results();
        results.measurements.truncate(1);
        results.measurements[0].p99 = None;
        let records = columns(&measurements_csv(&results).unwrap());
        let column = records[0].iter().position(|name| name == "p99").unwrap();
        assert_eq!(&records[1][column], "");
    }
}
