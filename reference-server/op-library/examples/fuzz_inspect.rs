//! Inspects damaged copies of libraries until all are done, and tells which took longest.
//!
//!     cargo run --release -p op-library --example fuzz_inspect -- --mutations 10000 a.so b.so
//!
//! A copy's damage is decided by its number alone: `--first 4711 --mutations 1` makes the 4711th again,
//! and `--keep FILE` writes it down. The exit status is 1 where an inspection panicked or took longer
//! than the limit.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;

#[path = "../tests/inspect/mutation.rs"]
mod mutation;

/// How many of the slowest inspections are told.
const SLOWEST: usize = 5;

/// Inspects damaged copies of libraries.
#[derive(Parser)]
struct Arguments {
    /// Copies of each library.
    #[arg(long, default_value_t = 1000)]
    mutations: u64,
    /// The number of the first copy.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Stop after so many seconds, wherever that is.
    #[arg(long)]
    seconds: Option<u64>,
    /// Milliseconds that an inspection may take.
    #[arg(long, default_value_t = 5000)]
    limit: u64,
    /// Where the last copy is left.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// The libraries.
    #[arg(required = true)]
    libraries: Vec<PathBuf>,
}

/// One inspection.
struct Inspection {
    library: PathBuf,
    number: u64,
    took: Duration,
    panicked: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("damaged.so");
    let libraries: Vec<(&Path, Vec<u8>)> = arguments
        .libraries
        .iter()
        .map(|path| (path.as_path(), fs::read(path).expect("a readable library")))
        .collect();
    let start = Instant::now();
    let is_over = || {
        let limit = arguments.seconds.map(Duration::from_secs);
        limit.is_some_and(|limit| start.elapsed() >= limit)
    };
    let mut inspections = Vec::new();
    let numbers = arguments.first..arguments.first.saturating_add(arguments.mutations);
    for number in numbers.take_while(|_| !is_over()) {
        for (library, content) in &libraries {
            let mut content = content.clone();
            mutation::damage(&mut content, number);
            fs::write(&path, content).expect("room in the scratch folder");
            let begin = Instant::now();
            let panicked = catch_unwind(AssertUnwindSafe(|| op_library::inspect(&path))).is_err();
            inspections.push(Inspection {
                library: library.to_path_buf(),
                number,
                took: begin.elapsed(),
                panicked,
            });
        }
    }
    if let Some(kept) = &arguments.keep {
        fs::copy(&path, kept).expect("the place to keep the copy is writable");
    }
    report(inspections, Duration::from_millis(arguments.limit))
}

fn report(mut inspections: Vec<Inspection>, limit: Duration) -> ExitCode {
    inspections.sort_by_key(|inspection| std::cmp::Reverse((inspection.panicked, inspection.took)));
    let bad = inspections
        .iter()
        .filter(|inspection| inspection.panicked || inspection.took > limit)
        .count();
    println!(
        "{} inspections, {bad} of them bad; the slowest:",
        inspections.len()
    );
    for inspection in inspections.iter().take(SLOWEST.max(bad)) {
        println!(
            "{:>9.1} ms  number {}  {}{}",
            inspection.took.as_secs_f64() * 1e3,
            inspection.number,
            inspection.library.display(),
            if inspection.panicked {
                "  panicked"
            } else {
                ""
            }
        );
    }
    if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
