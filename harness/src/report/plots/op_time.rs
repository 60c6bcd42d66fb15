//! Op time inside the worker, one plot for each framework.

use super::latency::subject;
use super::plot::{Plot, PlotError, Section};
use super::strip::{self, Row};
use crate::measurement::{Kind, Measurement};
use crate::quantity::quantity;

/// One plot for each framework, one row for each op, shape and element type.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let mut frameworks: Vec<&str> = Vec::new();
    let kernels: Vec<&Measurement> = measurements
        .iter()
        .filter(|m| m.kind == Kind::Kernel)
        .collect();
    for kernel in &kernels {
        if !frameworks.contains(&kernel.framework.as_str()) {
            frameworks.push(&kernel.framework);
        }
    }
    frameworks
        .into_iter()
        .map(|framework| {
            let rows: Vec<Row> = kernels
                .iter()
                .filter(|kernel| kernel.framework == framework)
                .map(|kernel| (subject(kernel), *kernel))
                .collect();
            let words: Vec<String> = rows
                .iter()
                .map(|(label, kernel)| format!("{label} {}", quantity(kernel.median, &kernel.unit)))
                .collect();
            Plot::draw(
                format!("op-time-{framework}"),
                Section::OpTime,
                (
                    format!("Op time, {framework}"),
                    format!("Medians: {}.", words.join(", ")),
                ),
                strip::height(rows.len()),
                |area| strip::draw(area, &rows),
            )
        })
        .collect()
}
