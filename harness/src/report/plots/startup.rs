//! Start-up and load times in one plot.

use super::plot::{Plot, PlotError, Section};
use super::strip::{self, Row};
use crate::measurement::{Kind, Measurement};
use crate::quantity::quantity;

/// One plot for each framework, one row for each way to readiness; none where nothing was started.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let mut frameworks: Vec<&str> = Vec::new();
    let startups = || measurements.iter().filter(|m| m.kind == Kind::Startup);
    for startup in startups() {
        if !frameworks.contains(&startup.framework.as_str()) {
            frameworks.push(&startup.framework);
        }
    }
    frameworks
        .into_iter()
        .map(|framework| {
            let rows: Vec<Row> = startups()
                .filter(|startup| startup.framework == framework)
                .map(|startup| (label(startup), startup))
                .collect();
            draw_framework(framework, &rows)
        })
        .collect()
}

fn draw_framework(framework: &str, rows: &[Row]) -> Result<Plot, PlotError> {
    let words: Vec<String> = rows
        .iter()
        .map(|(label, startup)| format!("{label} {}", quantity(startup.median, &startup.unit)))
        .collect();
    Plot::draw(
        format!("startup-{framework}"),
        Section::Startup,
        (
            format!("{framework}, start-up and load"),
            format!("Medians: {}.", words.join(", ")),
        ),
        strip::height(rows.len()),
        |area| strip::draw(area, rows),
    )
}

/// What stands behind kind and framework in the id, as words: `model load, new worker`.
fn label(measurement: &Measurement) -> String {
    let name = measurement
        .id
        .splitn(3, '/')
        .nth(2)
        .unwrap_or(&measurement.id);
    name.replace('-', " ").replace('/', ", ")
}
