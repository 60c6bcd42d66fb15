//! Start-up and load times in one plot.

use super::plot::{Plot, PlotError, Section};
use super::strip::{self, Row};
use crate::measurement::{Kind, Measurement};
use crate::quantity::quantity;

/// One plot, one row for each way to readiness; none where nothing was started.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let rows: Vec<Row> = measurements
        .iter()
        .filter(|measurement| measurement.kind == Kind::Startup)
        .map(|measurement| (label(measurement), measurement))
        .collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let words: Vec<String> = rows
        .iter()
        .map(|(label, startup)| format!("{label} {}", quantity(startup.median, &startup.unit)))
        .collect();
    let plot = Plot::draw(
        "startup".to_owned(),
        Section::Startup,
        (
            "Start-up and load".to_owned(),
            format!("Medians: {}.", words.join(", ")),
        ),
        strip::height(rows.len()),
        |area| strip::draw(area, &rows),
    )?;
    Ok(vec![plot])
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
