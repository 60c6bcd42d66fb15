//! The command line: what can be typed, and what it means.

mod arguments;
mod bench;
mod byte_size;
mod duration;
mod gate;
mod names;
mod percentage;

pub use arguments::{
    Arguments, BuildPlans, Bundle, Cache, Check, Command, Format, Inspect, List, Merge, Report,
    Run, Runtimes, Select, Setup, Subject, TextOrJson, Unbundle,
};
pub use bench::Bench;
pub use byte_size::{ByteSize, ParseByteSizeError};
pub use duration::{ParseDurationError, parse_duration};
pub use gate::{
    Baseline, BaselineCommand, Baselines, DeleteBaseline, Export, ExportFormat, Gate, GateFormat,
    ListBaselines, ParseExportError, Runs, SaveBaseline, ShowBaseline, Turns,
};
pub use percentage::{ParsePercentageError, Percentage};
