//! The plots of a run, one module each.

mod batch;
mod curve;
mod distribution;
mod kernel;
mod latency;
mod lines;
mod load;
mod op_time;
mod palette;
mod plot;
mod startup;
mod strip;
mod throughput;
mod ticks;

pub use latency::{same_tensor, subject};
pub use plot::{Plot, PlotError, Section};

use crate::results::Results;

/// Draws every plot that the measurements of `results` give material for.
///
/// # Errors
/// [`PlotError`] where a plot cannot be drawn: a defect.
pub fn plots(results: &Results) -> Result<Vec<Plot>, PlotError> {
    let measurements = &results.measurements;
    let mut plots = latency::draw(measurements)?;
    plots.extend(throughput::draw(measurements)?);
    plots.extend(batch::draw(measurements)?);
    plots.extend(op_time::draw(measurements)?);
    plots.extend(kernel::draw(measurements)?);
    plots.extend(load::draw(measurements)?);
    plots.extend(startup::draw(measurements)?);
    Ok(plots)
}
