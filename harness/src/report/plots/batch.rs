//! Throughput through the server against the rows of a request.

use super::lines::{self, Axis};
use super::plot::{Plot, PlotError, Section};
use crate::measurement::{Aspect, Measurement};
use crate::quantity::rate;

/// One plot for each op, row, element type, device and concurrency, with a line for each framework.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let mut groups: Vec<Vec<&Measurement>> = Vec::new();
    let of_series = |m: &&Measurement| m.aspect == Some(Aspect::BatchSize);
    for measurement in measurements.iter().filter(of_series) {
        let same = |group: &&mut Vec<&Measurement>| subject(group[0]) == subject(measurement);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(measurement),
            None => groups.push(vec![measurement]),
        }
    }
    let plots = groups.iter().map(|group| draw_group(group));
    plots.filter_map(Result::transpose).collect()
}

/// `BiasGelu fp32, rows of 1024, concurrency 4, cpu`.
fn subject(measurement: &Measurement) -> String {
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let row = measurement.shape.as_ref().and_then(|shape| shape.last());
    format!(
        "{} {}, rows of {}, concurrency {}, {}",
        text(&measurement.op),
        text(&measurement.dtype),
        row.map_or_else(String::new, u64::to_string),
        measurement.concurrency.unwrap_or(1),
        measurement.device
    )
}

/// Rows of a request, and rows a second.
fn point(measurement: &Measurement) -> Option<(f64, f64)> {
    let rows = *measurement.shape.as_ref()?.first()? as f64;
    Some((rows, rows * measurement.throughput?))
}

fn draw_group(group: &[&Measurement]) -> Result<Option<Plot>, PlotError> {
    let points = group
        .iter()
        .filter_map(|m| Some((m.framework.as_str(), point(m)?)));
    let lines = lines::by_framework(points);
    let words = lines.iter().filter_map(|line| {
        let (rows, per_second) = line.points.last()?;
        let name = &line.name;
        Some(format!(
            "{name} {} with {rows} of them in a request",
            rate(*per_second)
        ))
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() {
        return Ok(None);
    }
    let place = if group[0].device == "cpu" {
        "cpu"
    } else {
        "gpu"
    };
    let op = group[0].op.as_deref().unwrap_or_default();
    Plot::draw(
        format!("batch-{}-{place}", op.to_lowercase()),
        Section::BatchSize,
        (
            subject(group[0]),
            format!(
                "Rows a second against the rows of a request: {}.",
                words.join(", ")
            ),
        ),
        lines::HEIGHT,
        |area| {
            lines::draw(area, &lines, Axis::Linear("/s"), |rows| {
                format!("{rows:.0}")
            })
        },
    )
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{sample_batches, sample_kernels};

    #[test]
    fn a_series_is_one_plot_with_rows_a_second() {
        let series = sample_batches();
        let plots = draw(&series).unwrap();
        let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
        assert_eq!(names, ["batch-biasgelu-cpu", "batch-biasgelu-gpu"]);
        let (rows, per_second) = point(series.last().unwrap()).unwrap();
        let text = format!("{} with {rows} of them", rate(per_second));
        assert!(
            plots[1].description.contains(&text),
            "{}",
            plots[1].description
        );
        assert!(draw(&sample_kernels()).unwrap().is_empty());
    }
}
