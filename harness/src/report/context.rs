//! What the template of the page gets: strings that are ready to be shown.

use serde::Serialize;

use super::cases::{CaseDetail, Matrix};
use super::check::CheckPage;
use super::conflicts::ConflictTable;
use super::heat_map::HeatMap;
use super::load::LoadPage;
use super::measurements::MeasurementRow;

/// The whole page.
#[derive(Debug, Serialize)]
pub struct Page {
    /// The run's result.
    pub verdict: Badge,
    /// Counts by verdict.
    pub counts: Vec<Count>,
    /// One sentence on the setting: isolation, runtime, machine.
    pub setting: String,
    /// Names and values on the run.
    pub run: Vec<Fact>,
    /// The command that makes such a run again.
    pub command: String,
    /// What went wrong beside the cases.
    pub problems: Vec<String>,
    /// What a reader must know about the whole.
    pub notices: Vec<String>,
    /// What a user brought.
    pub check: Option<CheckPage>,
    /// A load test.
    pub load: Option<LoadPage>,
    /// The heading over the failed and broken cases.
    pub troubled_title: String,
    /// Failed and broken cases.
    pub troubled: Vec<CaseDetail>,
    /// Case by framework and path.
    pub matrix: Matrix,
    /// What was foretold and seen of libraries for other versions, by framework.
    pub heat_maps: Vec<HeatMap>,
    /// What happens where two op libraries register the same.
    pub conflicts: Vec<ConflictTable>,
    /// The numbers that matter most.
    pub highlights: Vec<Fact>,
    /// What the load generator itself takes.
    pub generator: Option<String>,
    /// What a request takes longer than the call in process.
    pub above_call: Option<String>,
    /// Plots by section.
    pub plots: Plots,
    /// Advice on all measurements.
    pub warnings: Vec<String>,
    /// Every measurement.
    pub measurements: Vec<MeasurementRow>,
    /// The machines, one where the run was made in one piece.
    pub machines: Vec<MachineFacts>,
    /// The parts that the record was joined from.
    pub parts: Vec<PartRow>,
    /// Names, versions and places of the runtimes.
    pub runtimes: Vec<RuntimeRow>,
    /// Every case with what was done and how to do it again.
    pub cases: Vec<CaseDetail>,
}

/// A verdict as symbol, word and colour.
#[derive(Debug, Clone, Serialize)]
pub struct Badge {
    /// The CSS class: `pass`, `fail`, `skip` or `error`.
    pub class: &'static str,
    /// A sign that says the same without colour.
    pub symbol: &'static str,
    /// The word.
    pub text: String,
}

/// How many cases got a verdict.
#[derive(Debug, Serialize)]
pub struct Count {
    /// How many.
    pub number: usize,
    /// The verdict.
    pub verdict: Badge,
}

/// A name and a value.
#[derive(Debug, Clone, Serialize)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// A runtime's row.
#[derive(Debug, Serialize)]
pub struct RuntimeRow {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it lies.
    pub path: String,
}

/// A machine.
#[derive(Debug, Serialize)]
pub struct MachineFacts {
    /// The heading over its facts.
    pub title: String,
    /// Names and values.
    pub facts: Vec<Fact>,
}

/// A part's row.
#[derive(Debug, Serialize)]
pub struct PartRow {
    /// Which one.
    pub shard: String,
    /// When it began.
    pub start: String,
    /// How long it took, and whether it was ended early.
    pub duration: String,
    /// What it did.
    pub content: String,
    /// The command that does it again.
    pub command: String,
}

/// The plots of each section.
#[derive(Debug, Default, Serialize)]
pub struct Plots {
    /// Latency distributions.
    pub latency: Vec<Figure>,
    /// Throughput against concurrency.
    pub throughput: Vec<Figure>,
    /// Throughput against the rows of a request.
    pub batch_size: Vec<Figure>,
    /// Op time inside the worker.
    pub op_time: Vec<Figure>,
    /// Times of kernels on a GPU.
    pub kernel_time: Vec<Figure>,
    /// Kernels' share of the bandwidth of copies.
    pub bandwidth: Vec<Figure>,
    /// What executions take beside kernels and copies.
    pub launch_overhead: Vec<Figure>,
    /// Speed-up over a framework's own operators.
    pub speed_up: Vec<Figure>,
    /// Latency against throughput of a load test.
    pub load_throughput: Vec<Figure>,
    /// Latency distributions of a load test.
    pub load_distribution: Vec<Figure>,
    /// Parts of the time in a server under load.
    pub load_breakdown: Vec<Figure>,
    /// Start-up and load times.
    pub startup: Vec<Figure>,
}

/// A plot in the page.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// Its title.
    pub title: String,
    /// The drawing, as SVG that needs no escaping.
    pub svg: String,
}
