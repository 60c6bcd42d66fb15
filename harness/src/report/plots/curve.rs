//! Curves of several series in one plot, and what each of them means.

use plotters::prelude::*;

use super::palette;
use super::plot::{Area, Chart, DrawingResult, TEXT};

/// A line, dashed for every second series.
pub fn draw(chart: &mut Chart<'_>, index: usize, points: Vec<(f64, f64)>) -> DrawingResult {
    let style = palette::SERIES[index % palette::SERIES.len()].stroke_width(2);
    if index.is_multiple_of(2) {
        chart.draw_series(LineSeries::new(points, style))?;
    } else {
        chart.draw_series(DashedLineSeries::new(points, 6, 4, style))?;
    }
    Ok(())
}

/// A piece of line and its meaning, at the top; returns where the next one begins.
pub fn legend(
    area: &Area,
    x: i32,
    index: usize,
    text: &str,
) -> Result<i32, Box<dyn std::error::Error>> {
    let pieces: &[(i32, i32)] = if index.is_multiple_of(2) {
        &[(0, 16)]
    } else {
        &[(0, 6), (10, 16)]
    };
    let colour = palette::SERIES[index % palette::SERIES.len()];
    for (from, to) in pieces {
        area.draw(&PathElement::new(
            vec![(x + from, 16), (x + to, 16)],
            colour.stroke_width(2),
        ))?;
    }
    area.draw(&Text::new(
        text.to_owned(),
        (x + 21, 9),
        ("sans-serif", TEXT).into_font().color(&palette::INK),
    ))?;
    Ok(x + 32 + 7 * text.chars().count() as i32)
}
