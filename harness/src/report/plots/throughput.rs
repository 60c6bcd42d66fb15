//! Throughput against concurrency, one plot for each tensor.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::latency::{file_part, is_served, same_tensor, title};
use super::palette;
use super::plot::{Area, DrawingResult, Plot, PlotError, Section, TEXT, WIDTH, horizontal_grid};
use crate::measurement::Measurement;
use crate::quantity::rate;

/// One plot for each (framework, op, shape, element type) that was served.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let mut groups: Vec<Vec<(&Measurement, Point)>> = Vec::new();
    for measurement in measurements {
        if !is_served(measurement) {
            continue;
        }
        let (Some(concurrency), Some(throughput)) =
            (measurement.concurrency, measurement.throughput)
        else {
            continue;
        };
        let point = (concurrency, throughput);
        match groups
            .iter_mut()
            .find(|group| same_tensor(group[0].0, measurement))
        {
            Some(group) => group.push((measurement, point)),
            None => groups.push(vec![(measurement, point)]),
        }
    }
    groups.iter().map(|group| draw_group(group)).collect()
}

/// Concurrency and requests a second.
type Point = (u32, f64);

const HEIGHT: u32 = 250;

fn draw_group(group: &[(&Measurement, Point)]) -> Result<Plot, PlotError> {
    let first = group[0].0;
    let mut points: Vec<Point> = group.iter().map(|(_, point)| *point).collect();
    points.sort_by_key(|(concurrency, _)| *concurrency);
    let words: Vec<String> = points
        .iter()
        .map(|(concurrency, throughput)| {
            format!("{} at concurrency {concurrency}", rate(*throughput))
        })
        .collect();
    Plot::draw(
        format!("throughput-{}", file_part(first)),
        Section::Throughput,
        (
            title(first),
            format!("Requests a second: {}.", words.join(", ")),
        ),
        HEIGHT,
        |area| line(area, &points),
    )
}

fn line(area: &Area, points: &[Point]) -> DrawingResult {
    let highest = points
        .iter()
        .map(|(_, throughput)| *throughput)
        .fold(1.0, f64::max);
    // Concurrencies are powers of two: evenly spaced by their logarithm.
    let x = |concurrency: u32| f64::from(concurrency).log2();
    let last = points
        .last()
        .map_or(0.0, |(concurrency, _)| x(*concurrency));
    let mut chart = ChartBuilder::on(area)
        .margin_top(30)
        .margin_right(30)
        .margin_bottom(4)
        .x_label_area_size(46)
        .y_label_area_size(68)
        .build_cartesian_2d(-0.25..last + 0.35, 0.0..highest * 1.15)?;
    horizontal_grid(&mut chart, &|y| rate(*y))?;
    let colour = palette::SERIES[0];
    let placed: Vec<(f64, f64)> = points
        .iter()
        .map(|(c, throughput)| (x(*c), *throughput))
        .collect();
    chart.draw_series(LineSeries::new(
        placed.iter().copied(),
        colour.stroke_width(2),
    ))?;
    chart.draw_series(
        placed
            .iter()
            .map(|point| Circle::new(*point, 4, colour.filled())),
    )?;
    let above = ("sans-serif", TEXT)
        .into_font()
        .color(&palette::INK)
        .pos(Pos::new(HPos::Center, VPos::Bottom));
    let below = ("sans-serif", TEXT)
        .into_font()
        .color(&palette::MUTED)
        .pos(Pos::new(HPos::Center, VPos::Top));
    for ((concurrency, throughput), point) in points.iter().zip(&placed) {
        let (px, py) = chart.backend_coord(point);
        area.draw(&Text::new(rate(*throughput), (px, py - 10), above.clone()))?;
        let (_, bottom) = chart.backend_coord(&(point.0, 0.0));
        area.draw(&Text::new(
            concurrency.to_string(),
            (px, bottom + 8),
            below.clone(),
        ))?;
    }
    let middle = (68 + WIDTH as i32 - 30) / 2;
    area.draw(&Text::new(
        "concurrency",
        (middle, HEIGHT as i32 - 18),
        below,
    ))?;
    Ok(())
}
