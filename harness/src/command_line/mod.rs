//! The command line: what can be typed, and what it means.

mod arguments;
mod names;

pub use arguments::{
    Arguments, Cache, Command, Format, Inspect, List, Report, Run, Runtimes, Select, Setup,
    TextOrJson,
};
