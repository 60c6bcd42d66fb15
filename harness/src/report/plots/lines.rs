//! Lines against the bytes of a tensor, or another size of it.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette;
use super::plot::{Area, Chart, DrawingResult, TEXT};
use super::ticks;
use crate::quantity::{rate, round_quantity};

/// The height of such a plot, in CSS pixels.
pub const HEIGHT: u32 = 290;

/// Where a logarithmic axis begins, as a part of the smallest value.
const BELOW: f64 = 0.4;

/// A line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What it stands for.
    pub name: String,
    /// Whether it is what the others are held against.
    pub is_reference: bool,
    /// Sizes and values, by ascending sizes.
    pub points: Vec<(f64, f64)>,
}

/// A line for each framework, in the order in which they come, from `points` with their frameworks.
pub fn by_framework<'a>(points: impl Iterator<Item = (&'a str, (f64, f64))>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (name, point) in points {
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(point),
            None => lines.push(Line {
                name: name.to_owned(),
                is_reference: false,
                points: vec![point],
            }),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    }
    lines
}

/// The vertical axis, with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Beginning at zero.
    Linear(&'static str),
    /// By orders of magnitude.
    Logarithmic(&'static str),
}

impl Axis {
    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Linear(unit) | Self::Logarithmic(unit) => unit,
        }
    }

    /// Where `value` stands on it.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear(_) => value,
            Self::Logarithmic(_) => value.ln(),
        }
    }

    /// From where to where it goes, for values up to `high` and from `low`.
    fn range(self, low: f64, high: f64) -> std::ops::Range<f64> {
        match self {
            Self::Linear(_) => 0.0..high * 1.1,
            Self::Logarithmic(_) => (low * BELOW).ln()..(high * 1.25).ln(),
        }
    }

    fn ticks(self, low: f64, high: f64) -> Vec<f64> {
        match self {
            Self::Linear(_) => ticks::linear(high * 1.1, 6),
            Self::Logarithmic(_) => ticks::logarithmic(low * BELOW, high * 1.25, 6),
        }
    }
}

/// Bytes of a tensor in few characters: `64 KiB`.
pub fn size(bytes: f64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(power, _)| bytes >= 2_f64.powi(*power));
    match unit {
        Some((power, unit)) => format!("{:.0} {unit}", bytes / 2_f64.powi(*power)),
        None => format!("{bytes:.0} B"),
    }
}

/// Draws `lines`, each with its mark at each point. `size_text` writes a size, such as [`size`].
pub fn draw(
    area: &Area,
    lines: &[Line],
    axis: Axis,
    size_text: fn(f64) -> String,
) -> DrawingResult {
    // A reference is drawn as far as it is near what is held against it.
    let held = lines.iter().filter(|line| !line.is_reference);
    let points = || held.clone().flat_map(|line| &line.points);
    let values = points().map(|(_, value)| *value).filter(|it| *it > 0.0);
    let (low, high) = extremes(values);
    let (left, right) = extremes(points().map(|(bytes, _)| *bytes));
    if !(low.is_finite() && left.is_finite()) {
        return Ok(());
    }
    let mut chart = ChartBuilder::on(area)
        .margin_top(34)
        .margin_right(26)
        .margin_bottom(4)
        .x_label_area_size(34)
        .y_label_area_size(68)
        .build_cartesian_2d(left.log2() - 0.5..right.log2() + 0.5, axis.range(low, high))?;
    axes(
        area,
        &mut chart,
        (left, right),
        (low, high),
        axis,
        size_text,
    )?;
    let mut legend_x = 4;
    let mut series = 0;
    for line in lines {
        let index = (!line.is_reference).then(|| {
            series += 1;
            series - 1
        });
        let points = match axis {
            Axis::Logarithmic(_) if line.is_reference => from(&line.points, low * BELOW),
            _ => line.points.clone(),
        };
        let placed: Vec<(f64, f64)> = points
            .iter()
            .filter(|(_, value)| *value > 0.0 || matches!(axis, Axis::Linear(_)))
            .map(|(bytes, value)| (bytes.log2(), axis.place(value.max(0.0))))
            .collect();
        match index {
            None => {
                let style = palette::MUTED.stroke_width(2);
                chart.draw_series(DashedLineSeries::new(placed, 6, 4, style))?;
            }
            Some(index) => {
                let colour = palette::SERIES[index % palette::SERIES.len()];
                chart.draw_series(LineSeries::new(placed.clone(), colour.stroke_width(2)))?;
                for point in &placed {
                    mark(area, chart.backend_coord(point), index)?;
                }
            }
        }
        legend_x = legend(area, legend_x, index, &line.name)?;
    }
    Ok(())
}

fn axes(
    area: &Area,
    chart: &mut Chart<'_>,
    (left, right): (f64, f64),
    (low, high): (f64, f64),
    axis: Axis,
    size_text: fn(f64) -> String,
) -> DrawingResult {
    // The library's own lines would stand at round logarithms.
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(palette::GRID)
        .x_labels(0)
        .y_labels(0)
        .draw()?;
    let text = || ("sans-serif", TEXT).into_font().color(&palette::MUTED);
    let (from, to) = (left.log2() - 0.5, right.log2() + 0.5);
    for tick in axis.ticks(low, high) {
        let (start, y) = chart.backend_coord(&(from, axis.place(tick)));
        let (end, _) = chart.backend_coord(&(to, axis.place(tick)));
        area.draw(&PathElement::new(vec![(start, y), (end, y)], palette::GRID))?;
        let label = match axis.unit() {
            "%" => format!("{tick:.0} %"),
            "/s" => rate(tick),
            unit => round_quantity(tick, unit),
        };
        let style = text().pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(label, (start - 6, y), style))?;
    }
    // Each label stands for so many powers of two more than the one before.
    let span = right.log2() - left.log2();
    let step = [1.0, 2.0, 4.0, 6.0, 8.0];
    let step = step.into_iter().find(|step| span / step <= 5.5);
    let step = step.unwrap_or(10.0);
    let mut power = (left.log2() / step).ceil() * step;
    while power <= right.log2() {
        let bottom = axis.range(low, high).start;
        let (x, y) = chart.backend_coord(&(power, bottom));
        let style = text().pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(size_text(power.exp2()), (x, y + 8), style))?;
        power += step;
    }
    Ok(())
}

/// A point of series number `index`: a disc, a square, a triangle or a ring.
fn mark(area: &Area, (x, y): (i32, i32), index: usize) -> DrawingResult {
    let colour = palette::SERIES[index % palette::SERIES.len()];
    match index % 4 {
        0 => area.draw(&Circle::new((x, y), 4, colour.filled()))?,
        1 => area.draw(&Rectangle::new(
            [(x - 4, y - 4), (x + 4, y + 4)],
            colour.filled(),
        ))?,
        2 => area.draw(&TriangleMarker::new((x, y), 6, colour.filled()))?,
        _ => area.draw(&Circle::new((x, y), 4, colour.stroke_width(2)))?,
    }
    Ok(())
}

/// A mark, or a piece of the dashed line, and its meaning, at the top; returns where the next begins.
fn legend(
    area: &Area,
    x: i32,
    index: Option<usize>,
    name: &str,
) -> Result<i32, Box<dyn std::error::Error>> {
    match index {
        Some(index) => mark(area, (x + 6, 16), index)?,
        None => {
            for (from, to) in [(0, 5), (9, 14)] {
                area.draw(&PathElement::new(
                    vec![(x + from, 16), (x + to, 16)],
                    palette::MUTED.stroke_width(2),
                ))?;
            }
        }
    }
    area.draw(&Text::new(
        name.to_owned(),
        (x + 18, 9),
        ("sans-serif", TEXT).into_font().color(&palette::INK),
    ))?;
    Ok(x + 38 + 8 * name.len() as i32)
}

/// The part of `points`, whose values ascend, from the value `low` on; it begins where the line between
/// two points, straight where both axes are logarithmic, has that value.
fn from(points: &[(f64, f64)], low: f64) -> Vec<(f64, f64)> {
    let above = points.partition_point(|(_, value)| *value < low);
    let mut part = points[above..].to_vec();
    if let (Some(&(x1, y1)), Some(&(x2, y2))) =
        (above.checked_sub(1).map(|i| &points[i]), part.first())
        && y1 > 0.0
    {
        let share = (low / y1).ln() / (y2 / y1).ln();
        part.insert(0, (x1 * (x2 / x1).powf(share), low));
    }
    part
}

fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_where_it_has_the_lowest_value() {
        let cut = from(&[(1.0, 0.01), (100.0, 1.0), (1000.0, 10.0)], 0.1);
        assert_eq!(cut.len(), 3);
        assert!((cut[0].0 - 10.0).abs() < 1e-9 && cut[0].1 == 0.1, "{cut:?}");
        assert_eq!(cut[1..], [(100.0, 1.0), (1000.0, 10.0)]);
        assert_eq!(from(&[(1.0, 0.5)], 0.1), [(1.0, 0.5)]);
        assert!(from(&[(1.0, 0.05)], 0.1).is_empty());
    }

    #[test]
    fn sizes_are_short() {
        let text = [256.0, 65_536.0, 1_048_576.0, 536_870_912.0].map(size);
        assert_eq!(text, ["256 B", "64 KiB", "1 MiB", "512 MiB"]);
    }
}
