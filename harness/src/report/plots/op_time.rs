//! Op time inside the worker.

use super::plot::{Plot, PlotError, Section};
use super::strip::{self, Row};
use crate::measurement::{Kind, Measurement};
use crate::quantity::quantity;

/// One plot for each framework and shape, one row for each op and element type: ops are compared
/// at the same size, on a linear axis where they are of one order.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let mut groups: Vec<Vec<&Measurement>> = Vec::new();
    let in_worker = |m: &&Measurement| m.kind == Kind::Kernel && m.aspect.is_none();
    for kernel in measurements.iter().filter(in_worker) {
        let same = |group: &Vec<&Measurement>| {
            (&group[0].framework, &group[0].shape) == (&kernel.framework, &kernel.shape)
        };
        match groups.iter_mut().find(|group| same(group)) {
            Some(group) => group.push(kernel),
            None => groups.push(vec![kernel]),
        }
    }
    groups.iter().map(|group| draw_group(group)).collect()
}

fn draw_group(group: &[&Measurement]) -> Result<Plot, PlotError> {
    let framework = &group[0].framework;
    let shape = group[0].shape_text().unwrap_or_default();
    let rows: Vec<Row> = group
        .iter()
        .map(|kernel| (label(kernel), *kernel))
        .collect();
    let words: Vec<String> = rows
        .iter()
        .map(|(label, kernel)| format!("{label} {}", quantity(kernel.median, &kernel.unit)))
        .collect();
    Plot::draw(
        format!("op-time-{framework}-{}", shape.replace('×', "x")),
        Section::OpTime,
        (
            format!("{framework}, {shape}"),
            format!("Median op times: {}.", words.join(", ")),
        ),
        strip::height(rows.len()),
        |area| strip::draw(area, &rows),
    )
}

/// `BiasGelu fp32`.
fn label(kernel: &Measurement) -> String {
    [kernel.op.as_deref(), kernel.dtype.as_deref()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}
