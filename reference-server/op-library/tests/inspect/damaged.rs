//! Damaged copies of real libraries: whatever is in a file, an inspection ends, soon and without a
//! panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use op_library::{inspect, locate};
use proptest::prelude::*;

use crate::mutation::damage;
use crate::registrations::{PYTORCH, TENSORFLOW, TENSORRT};
use crate::toolchain::Toolchain;

/// Many times what an intact library of that size takes, in a build without optimisation on a machine
/// that does other things, too.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// Larger libraries take too long to write to disk hundreds of times.
const MAX_SIZE: u64 = 3 << 20;

struct Samples {
    tools: Toolchain,
    libraries: Vec<Vec<u8>>,
}

impl Samples {
    /// Libraries that register with each framework, and some of the system's.
    fn new() -> Self {
        let tools = Toolchain::new();
        let made = [PYTORCH, TENSORFLOW, TENSORRT]
            .map(|source| tools.cpp("libsample.so", source, &["-std=c++17", "-O2"]))
            .map(|path| fs::read(path).expect("readable"));
        let system: Vec<PathBuf> = ["libgcc_s.so.1", "libm.so.6", "libc.so.6", "libstdc++.so.6"]
            .into_iter()
            .filter_map(|name| locate(name, &[]))
            .filter(|path| fs::metadata(path).is_ok_and(|data| data.len() <= MAX_SIZE))
            .collect();
        let read = |path: &Path| fs::read(path).expect("readable");
        let system = system.iter().map(|path| read(path));
        let libraries: Vec<Vec<u8>> = made.into_iter().chain(system).collect();
        assert!(libraries.len() > 4, "the system's libraries are found");
        Self { tools, libraries }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_library_is_inspected_in_time(library in any::<prop::sample::Index>(), seed: u64) {
        thread_local! {
            static SAMPLES: Samples = Samples::new();
        }
        SAMPLES.with(|samples| {
            let mut content = samples.libraries[library.index(samples.libraries.len())].clone();
            damage(&mut content, seed);
            let path = samples.tools.path("libdamaged.so");
            fs::write(&path, content).expect("a file");
            let start = Instant::now();
            let inspected = inspect(&path).expect("a file");
            let _ = inspected.verdict(&samples.tools.runtime).to_string();
            assert!(start.elapsed() < TIME_LIMIT, "{:?}", start.elapsed());
        });
    }
}
