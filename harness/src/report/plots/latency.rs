//! Latency distributions: the share of requests answered within a time, one plot for each tensor.

use super::distribution;
use super::plot::{Plot, PlotError, Section};
use crate::measurement::{Aspect, Kind, Measurement};
use crate::quantity::quantity;

/// One plot for each (framework, op, shape, element type) that was served, one curve for each
/// concurrency.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let served = measurements.iter().filter(|m| is_served(m));
    let mut groups: Vec<Vec<&Measurement>> = Vec::new();
    for measurement in served {
        match groups
            .iter_mut()
            .find(|group| same_tensor(group[0], measurement))
        {
            Some(group) => group.push(measurement),
            None => groups.push(vec![measurement]),
        }
    }
    groups.iter().map(|group| draw_group(group)).collect()
}

/// Whether it is of requests that are repeated at several concurrencies: neither those to a server that
/// does nothing nor a series that differs in its rows.
pub fn is_served(measurement: &Measurement) -> bool {
    measurement.kind == Kind::Serving
        && measurement.framework != "none"
        && measurement.aspect != Some(Aspect::BatchSize)
        && measurement.load.is_none()
}

/// Whether two measurements differ in nothing but their concurrency.
pub fn same_tensor(a: &Measurement, b: &Measurement) -> bool {
    (&a.framework, &a.op, &a.shape, &a.dtype, &a.device)
        == (&b.framework, &b.op, &b.shape, &b.dtype, &b.device)
}

/// `BiasGelu 1×64 fp32`, with the GPU's name where it ran on one.
pub fn subject(measurement: &Measurement) -> String {
    [
        measurement.op.clone(),
        measurement.shape_text(),
        measurement.dtype.clone(),
        (measurement.device != "cpu").then(|| measurement.device.clone()),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join(" ")
}

/// `pytorch, BiasGelu 1×64 fp32`: the title of a plot of one framework.
pub fn title(measurement: &Measurement) -> String {
    format!("{}, {}", measurement.framework, subject(measurement))
}

/// The part of a plot's file name that tells the measurement from others.
pub fn file_part(measurement: &Measurement) -> String {
    let text = format!("{}-{}", measurement.framework, subject(measurement)).to_lowercase();
    text.chars()
        .map(|c| match c {
            '×' => 'x',
            c if c.is_ascii_alphanumeric() || c == '-' => c,
            _ => '-',
        })
        .collect()
}

fn draw_group(group: &[&Measurement]) -> Result<Plot, PlotError> {
    let first = group[0];
    let medians: Vec<String> = group
        .iter()
        .map(|m| {
            let median = quantity(m.median, &m.unit);
            format!(
                "median {median} at concurrency {}",
                m.concurrency.unwrap_or(1)
            )
        })
        .collect();
    Plot::draw(
        format!("latency-{}", file_part(first)),
        Section::Latency,
        (
            title(first),
            format!(
                "Share of requests answered within a time: {}.",
                medians.join(", ")
            ),
        ),
        290,
        |area| {
            let series: Vec<_> = group
                .iter()
                .map(|m| (*m, format!("concurrency {}", m.concurrency.unwrap_or(1))))
                .collect();
            distribution::draw(area, &series)
        },
    )
}
