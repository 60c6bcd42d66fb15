//! Kernels on a GPU against the size of the tensor: time, share of the copies' bandwidth, launch
//! overhead, and speed-up over the framework's own operators.

use super::lines::{self, Axis, Line};
use super::plot::{Plot, PlotError, Section};
use crate::measurement::{Aspect, Measurement};
use crate::quantity::quantity;

/// Four plots, where there is something to draw in them, for each op and element type, with a line
/// for each framework. What was executed on a CPU is not drawn.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let on_gpu = |m: &&Measurement| m.aspect.is_some() && m.device != "cpu";
    let mut groups: Vec<Vec<&Measurement>> = Vec::new();
    for measurement in measurements.iter().filter(on_gpu) {
        let same = |group: &&mut Vec<&Measurement>| {
            (&group[0].op, &group[0].dtype, &group[0].device)
                == (&measurement.op, &measurement.dtype, &measurement.device)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(measurement),
            None => groups.push(vec![measurement]),
        }
    }
    let mut plots = Vec::new();
    for view in [time, fraction, overhead, speed_up] {
        for group in &groups {
            plots.extend(view(group)?);
        }
    }
    Ok(plots)
}

fn time(group: &[&Measurement]) -> Result<Option<Plot>, PlotError> {
    let mut lines = by_framework(group, Aspect::KernelTime, |m| Some(m.median));
    // What the copies' bandwidth allows; the same for all frameworks but for its own noise.
    let floor = by_framework(group, Aspect::KernelTime, |m| {
        Some(m.median * m.bandwidth_fraction?)
    });
    lines.extend(floor.into_iter().next().map(|line| Line {
        name: "copies".to_owned(),
        is_reference: true,
        ..line
    }));
    drawn(
        group,
        ("kernel-time", Section::KernelTime, "Kernel time"),
        &lines,
        Axis::Logarithmic("us"),
    )
}

fn fraction(group: &[&Measurement]) -> Result<Option<Plot>, PlotError> {
    let share = |m: &Measurement| Some(m.bandwidth_fraction? * 100.0);
    let lines = by_framework(group, Aspect::KernelTime, share);
    drawn(
        group,
        ("bandwidth", Section::Bandwidth, "Share of the bandwidth"),
        &lines,
        Axis::Linear("%"),
    )
}

fn overhead(group: &[&Measurement]) -> Result<Option<Plot>, PlotError> {
    let lines = by_framework(group, Aspect::LaunchOverhead, |m| Some(m.median));
    drawn(
        group,
        (
            "launch-overhead",
            Section::LaunchOverhead,
            "Launch overhead",
        ),
        &lines,
        Axis::Linear("us"),
    )
}

fn speed_up(group: &[&Measurement]) -> Result<Option<Plot>, PlotError> {
    let lines = by_framework(group, Aspect::SpeedUp, |m| Some(m.median));
    drawn(
        group,
        ("speed-up", Section::SpeedUp, "Speed-up"),
        &lines,
        Axis::Linear("×"),
    )
}

/// The values of an aspect against bytes, ascending, framework by framework.
fn by_framework(
    group: &[&Measurement],
    aspect: Aspect,
    value: impl Fn(&Measurement) -> Option<f64>,
) -> Vec<Line> {
    let of_aspect = group.iter().filter(|m| m.aspect == Some(aspect));
    lines::by_framework(
        of_aspect.filter_map(|m| Some((m.framework.as_str(), (bytes(m)?, value(m)?)))),
    )
}

/// Bytes of the op's first input.
fn bytes(measurement: &Measurement) -> Option<f64> {
    let elements: u64 = measurement.shape.as_ref()?.iter().product();
    let size = match measurement.dtype.as_deref()? {
        "fp16" => 2,
        "fp32" => 4,
        _ => return None,
    };
    Some((elements * size) as f64)
}

fn drawn(
    group: &[&Measurement],
    (file, section, what): (&str, Section, &str),
    lines: &[Line],
    axis: Axis,
) -> Result<Option<Plot>, PlotError> {
    if lines.is_empty() {
        return Ok(None);
    }
    let first = group[0];
    let subject = [first.op.as_deref(), first.dtype.as_deref()];
    let subject: Vec<&str> = subject.into_iter().flatten().collect();
    let words = lines.iter().filter_map(|line| {
        let (bytes, value) = line.points.last()?;
        let value = quantity(*value, axis.unit());
        Some(format!("{} {value} at {}", line.name, lines::size(*bytes)))
    });
    let words: Vec<String> = words.collect();
    Plot::draw(
        format!("{file}-{}", subject.join("-").to_lowercase()),
        section,
        (
            format!("{}, {}", subject.join(" "), first.device),
            format!(
                "{what} against the bytes of the tensor: {}.",
                words.join(", ")
            ),
        ),
        lines::HEIGHT,
        |area| lines::draw(area, lines, axis, lines::size),
    )
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{sample_kernels, sample_measurements};

    #[test]
    fn each_op_and_type_has_its_plots_and_a_cpu_has_none() {
        let plots = draw(&sample_kernels()).unwrap();
        assert_eq!(plots.len(), 4 * 2 * 2);
        let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
        assert!(names.contains(&"kernel-time-biasgelu-fp32"), "{names:?}");
        assert!(names.contains(&"speed-up-rmsnorm-fp16"), "{names:?}");
        assert!(draw(&sample_measurements()).unwrap().is_empty());
        let mut on_cpu = sample_kernels();
        on_cpu.iter_mut().for_each(|m| m.device = "cpu".to_owned());
        assert!(draw(&on_cpu).unwrap().is_empty());
    }

    #[test]
    fn the_floor_is_the_time_of_the_copies() {
        let kernels = sample_kernels();
        let group: Vec<&Measurement> = kernels
            .iter()
            .filter(|m| m.framework == "pytorch")
            .collect();
        let own = by_framework(&group, Aspect::KernelTime, |m| Some(m.median));
        let floor = by_framework(&group, Aspect::KernelTime, |m| {
            Some(m.median * m.bandwidth_fraction?)
        });
        for ((bytes, own), (same, floor)) in own[0].points.iter().zip(&floor[0].points) {
            assert_eq!(bytes, same);
            assert!(floor < own);
        }
    }
}
