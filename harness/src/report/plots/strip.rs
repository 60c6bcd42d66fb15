//! Rows of samples on one axis of time: a dot for each sample, a tick for the median, a bar for
//! its confidence interval. The label stands above its row, so that it fits on a phone.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette;
use super::plot::{Area, DrawingResult, TEXT, WIDTH};
use super::ticks;
use crate::measurement::Measurement;
use crate::quantity::{quantity, round_quantity};

/// Height of one row.
const ROW: u32 = 48;
/// Height of everything else.
const FRAME: u32 = 44;
/// How many dots a row shows at most.
const DOTS: usize = 60;

/// A row: its label and the measurement.
pub type Row<'a> = (String, &'a Measurement);

/// The height of a plot of `rows` rows.
pub fn height(rows: usize) -> u32 {
    FRAME + ROW * rows as u32
}

/// Draws the rows, all in the unit of the first; on a logarithmic axis where they differ by more
/// than a factor of eight.
pub fn draw(area: &Area, rows: &[Row]) -> DrawingResult {
    let bounds = |pick: fn(&Measurement) -> Option<f64>, fold: fn(f64, f64) -> f64, start: f64| {
        rows.iter().filter_map(|(_, m)| pick(m)).fold(start, fold)
    };
    let low = bounds(|m| m.observed.first().copied(), f64::min, f64::INFINITY);
    let high = bounds(upper, f64::max, 0.0);
    if !(low > 0.0 && high.is_finite()) {
        return Ok(());
    }
    // The axis is linear in `at`, so that its ticks can be chosen.
    let wide = high / low > 8.0;
    let at = |value: f64| if wide { value.ln() } else { value };
    let (left, right) = if wide {
        (low * 0.8, high * 1.15)
    } else {
        (0.0, high * 1.05)
    };
    let marks = if wide {
        ticks::logarithmic(left, right, 5)
    } else {
        ticks::linear(right, 5)
    };
    let mut chart = ChartBuilder::on(area)
        .margin_left(26)
        .margin_right(26)
        .margin_top(6)
        .margin_bottom(4)
        .x_label_area_size(34)
        .build_cartesian_2d(at(left)..at(right), 0.0..rows.len() as f64)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .axis_style(palette::GRID)
        .x_labels(0)
        .y_labels(0)
        .draw()?;
    let below = ("sans-serif", TEXT).into_font().color(&palette::MUTED);
    let below = below.pos(Pos::new(HPos::Center, VPos::Top));
    for mark in marks {
        let (x, bottom) = chart.backend_coord(&(at(mark), 0.0));
        let (_, top) = chart.backend_coord(&(at(mark), rows.len() as f64));
        area.draw(&PathElement::new(
            vec![(x, top), (x, bottom)],
            palette::GRID,
        ))?;
        area.draw(&Text::new(
            round_quantity(mark, &rows[0].1.unit),
            (x, bottom + 8),
            below.clone(),
        ))?;
    }
    for (index, (label, measurement)) in rows.iter().enumerate() {
        let track = (rows.len() - index) as f64 - 0.68;
        let place = |value: f64| chart.backend_coord(&(at(value), track));
        row(area, label, measurement, high, &place)?;
    }
    Ok(())
}

/// The largest value that is drawn: where there are many samples, the slowest percent is left out.
fn upper(measurement: &Measurement) -> Option<f64> {
    let last = measurement.observed.len().checked_sub(1)?;
    let share = if measurement.observed.len() < 64 {
        1.0
    } else {
        0.99
    };
    Some(measurement.observed[(last as f64 * share) as usize])
}

fn row(
    area: &Area,
    label: &str,
    measurement: &Measurement,
    high: f64,
    place: &impl Fn(f64) -> (i32, i32),
) -> DrawingResult {
    let colour = palette::SERIES[0];
    let shown: Vec<f64> = measurement
        .observed
        .iter()
        .copied()
        .filter(|v| *v <= high)
        .collect();
    let step = shown.len().div_ceil(DOTS).max(1);
    for value in shown.iter().step_by(step) {
        area.draw(&Circle::new(place(*value), 4, colour.mix(0.28).filled()))?;
    }
    let (x, y) = place(measurement.median);
    if let Some([low, high]) = measurement.ci95 {
        let bar = vec![place(low), place(high)];
        area.draw(&PathElement::new(bar, palette::INK.stroke_width(3)))?;
    }
    area.draw(&PathElement::new(
        vec![(x, y - 8), (x, y + 8)],
        palette::INK.stroke_width(3),
    ))?;
    let top = y - 31;
    let name = ("sans-serif", TEXT).into_font().color(&palette::INK);
    area.draw(&Text::new(label.to_owned(), (12, top), name.clone()))?;
    let right = name.pos(Pos::new(HPos::Right, VPos::Top));
    let median = quantity(measurement.median, &measurement.unit);
    area.draw(&Text::new(median, (WIDTH as i32 - 26, top), right))?;
    Ok(())
}
