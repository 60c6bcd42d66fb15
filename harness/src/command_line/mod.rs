//! The command line: what can be typed, and what it means.

mod arguments;
mod names;

pub use arguments::{
    Arguments, Cache, Check, Command, Format, Inspect, List, Merge, Report, Run, Runtimes, Select,
    Setup, Subject, TextOrJson,
};
