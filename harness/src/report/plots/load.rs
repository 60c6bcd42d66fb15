//! The plots of a load test: latency against throughput, the distributions, the parts of the time.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::curve;
use super::distribution;
use super::palette;
use super::plot::{Area, Chart, DrawingResult, Plot, PlotError, Section, TEXT};
use super::ticks;
use crate::load::LoadPoint;
use crate::measurement::Measurement;
use crate::quantity::{quantity, rate, round_quantity};

/// All plots of a load test; none where there was none.
pub fn draw(measurements: &[Measurement]) -> Result<Vec<Plot>, PlotError> {
    let mut points: Vec<(&Measurement, &LoadPoint)> = measurements
        .iter()
        .filter_map(|measurement| Some((measurement, measurement.load.as_ref()?)))
        .collect();
    if points.is_empty() {
        return Ok(Vec::new());
    }
    // A search jumps back and forth.
    let order = |(measurement, load): &(&Measurement, &LoadPoint)| {
        load.rate
            .unwrap_or_else(|| measurement.concurrency.unwrap_or(1).into())
    };
    points.sort_by(|a, b| order(a).total_cmp(&order(b)));
    let mut plots = vec![distributions(&points)?];
    if points.len() > 1 {
        plots.insert(0, latency_against_throughput(&points)?);
    }
    plots.extend(parts(&points)?);
    Ok(plots)
}

/// A measurement and what is told of it as a load test.
type Point<'a> = (&'a Measurement, &'a LoadPoint);

/// `concurrency 4`, `1 000/s`.
pub fn pace((measurement, load): Point<'_>) -> String {
    match (load.rate, measurement.concurrency) {
        (Some(wanted), _) => rate(wanted),
        (None, concurrency) => format!("concurrency {}", concurrency.unwrap_or(1)),
    }
}

fn latency_against_throughput(points: &[Point<'_>]) -> Result<Plot, PlotError> {
    let words: Vec<String> = points
        .iter()
        .map(|point| {
            let p99 = point.0.p99.map(|p99| quantity(p99, &point.0.unit));
            format!(
                "{} answers at {}, median {}{}",
                rate(point.0.throughput.unwrap_or(0.0)),
                pace(*point),
                quantity(point.0.median, &point.0.unit),
                p99.map(|p99| format!(", p99 {p99}")).unwrap_or_default()
            )
        })
        .collect();
    Plot::draw(
        "load-latency-throughput".to_owned(),
        Section::LoadThroughput,
        (
            "Latency against throughput".to_owned(),
            format!("Latency by answers a second: {}.", words.join("; ")),
        ),
        300,
        |area| against(area, points),
    )
}

fn against(area: &Area, points: &[Point<'_>]) -> DrawingResult {
    let series: [(&str, Vec<(f64, f64)>); 2] = [
        (
            "median",
            points
                .iter()
                .map(|(m, _)| (m.throughput.unwrap_or(0.0), m.median))
                .collect(),
        ),
        (
            "p99",
            points
                .iter()
                .filter_map(|(m, _)| Some((m.throughput.unwrap_or(0.0), m.p99?)))
                .collect(),
        ),
    ];
    let all = || series.iter().flat_map(|(_, points)| points);
    let low = all().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let high = all().map(|(_, y)| *y).fold(0.0, f64::max);
    let right = all().map(|(x, _)| *x).fold(0.0, f64::max);
    if !(low > 0.0 && right > 0.0) {
        return Ok(());
    }
    let (bottom, top) = (low * 0.8, high * 1.25);
    let mut chart = ChartBuilder::on(area)
        .margin_top(34)
        .margin_right(26)
        .margin_bottom(4)
        .x_label_area_size(52)
        .y_label_area_size(68)
        .build_cartesian_2d(0.0..right * 1.08, bottom.ln()..top.ln())?;
    bare_axes(&mut chart)?;
    let muted = || ("sans-serif", TEXT).into_font().color(&palette::MUTED);
    for tick in ticks::logarithmic(bottom, top, 6) {
        let (start, y) = chart.backend_coord(&(0.0, tick.ln()));
        let (end, _) = chart.backend_coord(&(right * 1.08, tick.ln()));
        area.draw(&PathElement::new(vec![(start, y), (end, y)], palette::GRID))?;
        let style = muted().pos(Pos::new(HPos::Right, VPos::Center));
        let label = round_quantity(tick, &points[0].0.unit);
        area.draw(&Text::new(label, (start - 6, y), style))?;
    }
    let below = muted().pos(Pos::new(HPos::Center, VPos::Top));
    for tick in ticks::linear(right, 5) {
        let (x, y) = chart.backend_coord(&(tick, bottom.ln()));
        area.draw(&Text::new(rate(tick), (x, y + 8), below.clone()))?;
    }
    let (middle, bottom_y) = chart.backend_coord(&(right * 0.54, bottom.ln()));
    area.draw(&Text::new(
        "answers a second",
        (middle, bottom_y + 30),
        below,
    ))?;
    let mut x = 72;
    for (index, (name, line)) in series.iter().enumerate() {
        let placed: Vec<(f64, f64)> = line.iter().map(|(x, y)| (*x, y.ln())).collect();
        curve::draw(&mut chart, index, placed.clone())?;
        let colour = palette::SERIES[index];
        for point in placed {
            let (px, py) = chart.backend_coord(&point);
            area.draw(&Circle::new((px, py), 3, colour.filled()))?;
        }
        x = curve::legend(area, x, index, name)?;
    }
    Ok(())
}

fn distributions(points: &[Point<'_>]) -> Result<Plot, PlotError> {
    // Three curves can be told apart: the lowest load, the middle and the highest.
    let mut shown = vec![0, points.len() / 2, points.len() - 1];
    shown.dedup();
    let shown: Vec<Point<'_>> = shown.into_iter().map(|index| points[index]).collect();
    let medians: Vec<String> = shown
        .iter()
        .map(|point| {
            let median = quantity(point.0.median, &point.0.unit);
            format!("median {median} at {}", pace(*point))
        })
        .collect();
    Plot::draw(
        "load-distribution".to_owned(),
        Section::LoadDistribution,
        (
            "Latency distribution".to_owned(),
            format!(
                "Share of requests answered within a time: {}.",
                medians.join(", ")
            ),
        ),
        300,
        |area| {
            let series: Vec<_> = shown.iter().map(|point| (point.0, pace(*point))).collect();
            distribution::draw(area, &series)
        },
    )
}

/// The names of the parts, in the order in which a request goes through them.
const PARTS: [&str; 5] = ["queue", "input", "infer", "output", "other"];

/// Mean microseconds of each part: those of the server's statistics, and what it did not count there
/// in its whole time for a request.
fn part_times(load: &LoadPoint) -> Option<[f64; 5]> {
    let server = load.server.as_ref()?;
    let counted = [
        server.queue_us,
        server.compute_input_us,
        server.compute_infer_us,
        server.compute_output_us,
    ];
    let other = (server.request_us - counted.iter().sum::<f64>()).max(0.0);
    Some([counted[0], counted[1], counted[2], counted[3], other])
}

fn parts(points: &[Point<'_>]) -> Result<Option<Plot>, PlotError> {
    let rows: Vec<(String, [f64; 5])> = points
        .iter()
        .filter_map(|point| Some((pace(*point), part_times(point.1)?)))
        .collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let words: Vec<String> = rows
        .iter()
        .map(|(pace, times)| {
            let parts: Vec<String> = PARTS
                .iter()
                .zip(times)
                .map(|(name, time)| format!("{name} {}", quantity(*time, "us")))
                .collect();
            format!("{pace}: {}", parts.join(", "))
        })
        .collect();
    let height = 66 + 30 * u32::try_from(rows.len()).unwrap_or(1);
    Plot::draw(
        "load-breakdown".to_owned(),
        Section::LoadBreakdown,
        (
            "Where a request spends its time in the server".to_owned(),
            format!("Mean times: {}.", words.join("; ")),
        ),
        height,
        |area| bars(area, &rows),
    )
    .map(Some)
}

fn bars(area: &Area, rows: &[(String, [f64; 5])]) -> DrawingResult {
    let longest = rows
        .iter()
        .map(|(_, times)| times.iter().sum::<f64>())
        .fold(1e-3, f64::max);
    let (left, right) = (126, 378);
    let colours: [RGBColor; 5] = [
        palette::SERIES[0],
        palette::SERIES[1],
        palette::SERIES[2],
        palette::SERIES[3],
        palette::MUTED,
    ];
    let mut x = 6;
    for (name, colour) in PARTS.iter().zip(colours) {
        area.draw(&Rectangle::new([(x, 11), (x + 12, 23)], colour.filled()))?;
        area.draw(&Text::new(
            (*name).to_owned(),
            (x + 18, 9),
            ("sans-serif", TEXT).into_font().color(&palette::INK),
        ))?;
        x += 34 + 9 * name.len() as i32;
    }
    let muted = || ("sans-serif", TEXT).into_font().color(&palette::MUTED);
    for (index, (pace, times)) in rows.iter().enumerate() {
        let top = 42 + 30 * index as i32;
        let style = muted().pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(pace.clone(), (left - 8, top + 10), style))?;
        let mut begin = f64::from(left);
        for (time, colour) in times.iter().zip(colours) {
            let end = begin + time / longest * f64::from(right - left);
            let corners = [(begin.round() as i32, top), (end.round() as i32, top + 20)];
            if corners[1].0 > corners[0].0 {
                area.draw(&Rectangle::new(corners, colour.filled()))?;
            }
            begin = end;
        }
        let style = muted().pos(Pos::new(HPos::Left, VPos::Center));
        let whole = quantity(times.iter().sum(), "us");
        area.draw(&Text::new(whole, (begin as i32 + 8, top + 10), style))?;
    }
    Ok(())
}

fn bare_axes(chart: &mut Chart<'_>) -> DrawingResult {
    // The library's own lines would stand at round logarithms.
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(palette::GRID)
        .x_labels(0)
        .y_labels(0)
        .draw()?;
    Ok(())
}
