//! The command line: what can be typed, and what it means.

mod arguments;
mod bench;
mod byte_size;
mod duration;
mod names;

pub use arguments::{
    Arguments, BuildPlans, Bundle, Cache, Check, Command, Format, Inspect, List, Merge, Report,
    Run, Runtimes, Select, Setup, Subject, TextOrJson, Unbundle,
};
pub use bench::Bench;
pub use byte_size::{ByteSize, ParseByteSizeError};
pub use duration::{ParseDurationError, parse_duration};
