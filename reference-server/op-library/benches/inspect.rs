//! Inspecting an op library: its own facts alone, and with a verdict for each of up to three runtimes.
//!
//! `INSPECT_LIBRARY` names the library; where it is not set, the first op library is taken that comes
//! with an installed runtime (TorchVision's, with PyTorch in its full size). The runtimes are those of
//! its frameworks that are installed, the newest first; what the process has read of them stays in
//! memory, as in a server.

use std::env;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use op_library::inspect;
use runtimes::{Cache, Runtime};

const LIBRARY: &str = "INSPECT_LIBRARY";

/// As many as the limit for the inspector is about.
const MAX_RUNTIMES: usize = 3;

fn library(installed: &[Runtime]) -> Option<PathBuf> {
    let bundled = || installed.iter().flat_map(|runtime| &runtime.bundled).next();
    match env::var_os(LIBRARY) {
        Some(path) => Some(path.into()),
        None => bundled().cloned(),
    }
}

/// The runtimes that the library at `path` is for.
fn runtimes_for(path: &Path, installed: Vec<Runtime>) -> Vec<Runtime> {
    let frameworks = inspect(path).map(|library| library.frameworks);
    let frameworks = frameworks.unwrap_or_default();
    let mut runtimes: Vec<Runtime> = installed
        .into_iter()
        .filter(|runtime| frameworks.contains(&runtime.name.framework))
        .collect();
    runtimes.sort_by_key(|runtime| std::cmp::Reverse(runtime.name.version));
    runtimes.truncate(MAX_RUNTIMES);
    runtimes
}

fn inspections(criterion: &mut Criterion) {
    let installed = Cache::locate(None).map(|cache| cache.installed());
    let installed = installed.unwrap_or_default();
    let Some(path) = library(&installed) else {
        eprintln!(
            "skipped: no runtime is installed that an op library comes with; `cargo harness setup --runtime \
             pytorch-2.11.0 --full` installs one, and {LIBRARY} names any other library"
        );
        return;
    };
    let runtimes = runtimes_for(&path, installed);
    let mut group = criterion.benchmark_group("inspect");
    group.sample_size(20);
    group.bench_function("facts", |bencher| {
        bencher.iter(|| inspect(black_box(&path)).expect("a file"));
    });
    if runtimes.is_empty() {
        eprintln!(
            "skipped: no runtime is installed that '{}' is for",
            path.display()
        );
    } else {
        let names: Vec<String> = runtimes
            .iter()
            .map(|runtime| runtime.name.to_string())
            .collect();
        eprintln!("'{}' against {}", path.display(), names.join(", "));
        group.bench_function(format!("verdicts/{}", runtimes.len()), |bencher| {
            bencher.iter(|| {
                let library = inspect(black_box(&path)).expect("a file");
                let verdicts = runtimes.iter().map(|runtime| library.verdict(runtime));
                verdicts.collect::<Vec<_>>()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, inspections);
criterion_main!(benches);
