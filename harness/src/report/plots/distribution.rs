//! Latency distributions: the share of requests answered within a time.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::curve;
use super::palette;
use super::plot::{Area, DrawingResult, TEXT, horizontal_grid};
use super::ticks;
use crate::measurement::Measurement;
use crate::quantity::round_quantity;

/// Draws one curve for each of `series`, measurements of one unit and what the legend calls them.
/// Those without single observations are left out.
pub fn draw(area: &Area, series: &[(&Measurement, String)]) -> DrawingResult {
    let Some(unit) = series.first().map(|(measurement, _)| &measurement.unit) else {
        return Ok(());
    };
    let series: Vec<(&[f64], &str)> = series
        .iter()
        .filter(|(measurement, _)| !measurement.observed.is_empty())
        .map(|(measurement, name)| (&measurement.observed[..], &name[..]))
        .collect();
    let low = series
        .iter()
        .map(|(values, _)| values[0])
        .fold(f64::INFINITY, f64::min);
    // The slowest half percent would squeeze everything else; the tables tell it.
    let high = series
        .iter()
        .map(|(values, _)| values[((values.len() - 1) as f64 * 0.995) as usize])
        .fold(0.0, f64::max);
    if !(low > 0.0 && high.is_finite()) {
        return Ok(());
    }
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
        let label = round_quantity(tick, unit);
        area.draw(&Text::new(label, (x, bottom + 8), below.clone()))?;
    }
    let mut x = 48;
    for (index, (values, name)) in series.iter().enumerate() {
        let steps = (values.len() - 1).max(1) as f64;
        let line = values
            .iter()
            .enumerate()
            .filter(|(_, value)| **value <= right)
            .map(|(rank, value)| (value.ln(), 100.0 * rank as f64 / steps));
        curve::draw(&mut chart, index, line.collect())?;
        x = curve::legend(area, x, index, name)?;
    }
    Ok(())
}
