//! A drawn plot.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::palette;

/// The part of the report that a plot belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Latency distributions.
    Latency,
    /// Throughput against concurrency.
    Throughput,
    /// Throughput against the rows of a request.
    BatchSize,
    /// Op time inside the worker.
    OpTime,
    /// Times of kernels on a GPU.
    KernelTime,
    /// Kernels' share of the bandwidth of copies.
    Bandwidth,
    /// What executions take beside kernels and copies.
    LaunchOverhead,
    /// Speed-up over a framework's own operators.
    SpeedUp,
    /// Latency against throughput of a load test.
    LoadThroughput,
    /// Latency distributions of a load test.
    LoadDistribution,
    /// Parts of the time in a server under load.
    LoadBreakdown,
    /// Start-up and load times.
    Startup,
}

/// A plot, drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// The name of its file in `plots/`, without the ending.
    pub name: String,
    /// Where it belongs.
    pub section: Section,
    /// Its title.
    pub title: String,
    /// What it shows, in words, for people who do not see it.
    pub description: String,
    svg: String,
}

/// Why a plot was not drawn.
#[derive(Debug, thiserror::Error)]
#[error("failed to draw the plot {name}: {reason}")]
pub struct PlotError {
    name: String,
    reason: String,
}

/// Where plots are drawn.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What drawing goes wrong with.
pub type DrawingResult = Result<(), Box<dyn std::error::Error>>;

/// Width of every plot, in CSS pixels: narrow, so that its text is still readable on a phone.
pub const WIDTH: u32 = 460;

/// The size of axis text. The SVG writer divides by 1.24.
pub const TEXT: i32 = 16;

/// A chart of numbers against numbers.
pub type Chart<'a> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the axes of `chart` and its horizontal lines, labelled with `label`; labels of the
/// horizontal axis are the caller's.
pub fn horizontal_grid(chart: &mut Chart<'_>, label: &dyn Fn(&f64) -> String) -> DrawingResult {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(palette::GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(palette::GRID)
        .label_style(("sans-serif", TEXT, &palette::MUTED))
        .x_labels(0)
        .y_labels(5)
        .y_label_formatter(label)
        .draw()?;
    Ok(())
}

impl Plot {
    /// Draws a plot of `height` pixels with `draw`.
    ///
    /// # Errors
    /// [`PlotError`] with what `draw` said.
    pub fn draw(
        name: String,
        section: Section,
        (title, description): (String, String),
        height: u32,
        draw: impl FnOnce(&Area) -> DrawingResult,
    ) -> Result<Self, PlotError> {
        let mut svg = String::new();
        let drawn = {
            let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            draw(&area).and_then(|()| Ok(area.present()?))
        };
        drawn.map_err(|error| PlotError {
            name: name.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            name,
            section,
            title,
            description,
            svg,
        })
    }

    /// The plot for the page: in the page's colours and font, with its description.
    #[must_use]
    pub fn inline_svg(&self) -> String {
        let body = self.svg.replace(" font-family=\"sans-serif\"", "");
        palette::themed(&with_description(&body, &self.description, ""))
    }

    /// The plot as a file of its own: on white, with its title.
    #[must_use]
    pub fn standalone_svg(&self) -> String {
        let text = format!("{}. {}", self.title, self.description);
        with_description(
            &self.svg,
            &text,
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
        )
    }
}

/// Puts a `<title>` and `extra` right behind the opening tag, and marks the drawing as an image.
fn with_description(svg: &str, description: &str, extra: &str) -> String {
    let Some((open, body)) = svg.split_once(">") else {
        return svg.to_owned();
    };
    let escaped = description.replace('&', "&amp;").replace('<', "&lt;");
    format!("{open} role=\"img\"><title>{escaped}</title>{extra}{body}")
}
