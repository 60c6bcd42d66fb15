//! Latency distributions: the share of requests answered within a time, one plot for each tensor.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette;
use super::plot::{Area, DrawingResult, Plot, PlotError, Section, TEXT, horizontal_grid};
use super::ticks;
use crate::measurement::{Aspect, Kind, Measurement};
use crate::quantity::{quantity, round_quantity};

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
        |area| curves(area, group),
    )
}

fn curves(area: &Area, group: &[&Measurement]) -> DrawingResult {
    // The slowest percent would squeeze everything else; the table tells the p99.
    let at = |m: &Measurement, share: f64| {
        m.observed[((m.observed.len() - 1) as f64 * share).round() as usize]
    };
    let drawn: Vec<&&Measurement> = group.iter().filter(|m| !m.observed.is_empty()).collect();
    let low = drawn
        .iter()
        .map(|m| at(m, 0.0))
        .fold(f64::INFINITY, f64::min);
    let high = drawn.iter().map(|m| at(m, 0.995)).fold(0.0, f64::max);
    if !(low > 0.0 && high.is_finite()) {
        return Ok(());
    }
    let unit = group[0].unit.as_str();
    // The axis is linear in the logarithm, so that its ticks can be chosen.
    let (left, right) = (low * 0.94, high * 1.06);
    let mut chart = ChartBuilder::on(area)
        .margin_top(34)
        .margin_right(22)
        .margin_bottom(4)
        .x_label_area_size(34)
        .y_label_area_size(48)
        .build_cartesian_2d(left.ln()..right.ln(), 0.0..100.0)?;
    horizontal_grid(&mut chart, &|y| format!("{y:.0} %"))?;
    let below = ("sans-serif", TEXT).into_font().color(&palette::MUTED);
    let below = below.pos(Pos::new(HPos::Center, VPos::Top));
    for tick in ticks::logarithmic(left, right, 5) {
        let (x, bottom) = chart.backend_coord(&(tick.ln(), 0.0));
        let (_, top) = chart.backend_coord(&(tick.ln(), 100.0));
        area.draw(&PathElement::new(
            vec![(x, top), (x, bottom)],
            palette::GRID,
        ))?;
        area.draw(&Text::new(
            round_quantity(tick, unit),
            (x, bottom + 8),
            below.clone(),
        ))?;
    }
    let mut legend_x = 48;
    for (index, measurement) in drawn.iter().enumerate() {
        let colour = palette::SERIES[index % palette::SERIES.len()];
        let steps = (measurement.observed.len() - 1).max(1) as f64;
        let points = measurement
            .observed
            .iter()
            .enumerate()
            .filter(|(_, value)| **value <= right)
            .map(|(rank, value)| (value.ln(), 100.0 * rank as f64 / steps));
        let style = colour.stroke_width(2);
        if index % 2 == 0 {
            chart.draw_series(LineSeries::new(points, style))?;
        } else {
            chart.draw_series(DashedLineSeries::new(points, 6, 4, style))?;
        }
        legend_x = legend(area, legend_x, index, measurement.concurrency.unwrap_or(1))?;
    }
    Ok(())
}

/// A piece of line and its meaning, at the top; returns where the next one begins.
fn legend(
    area: &Area,
    x: i32,
    index: usize,
    concurrency: u32,
) -> Result<i32, Box<dyn std::error::Error>> {
    let colour = palette::SERIES[index % palette::SERIES.len()];
    let pieces: &[(i32, i32)] = if index.is_multiple_of(2) {
        &[(0, 22)]
    } else {
        &[(0, 6), (8, 14), (16, 22)]
    };
    for (from, to) in pieces {
        area.draw(&PathElement::new(
            vec![(x + from, 16), (x + to, 16)],
            colour.stroke_width(2),
        ))?;
    }
    let text = format!("concurrency {concurrency}");
    area.draw(&Text::new(
        text,
        (x + 28, 9),
        ("sans-serif", TEXT).into_font().color(&palette::INK),
    ))?;
    Ok(x + 150)
}
