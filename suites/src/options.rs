//! How a run is made.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procfs::Current;
use runtimes::{Catalog, Framework, RuntimeName};

use crate::case::Case;
use crate::expectation::{Isolation, Profile};

/// How cases are run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The server's isolation policy.
    pub isolation: Isolation,
    /// Whose behaviour is expected.
    pub profile: Profile,
    /// How many cases run at the same time; at least 1.
    pub jobs: usize,
    /// The server's executable.
    pub server_bin: PathBuf,
    /// Where runtimes are installed.
    pub runtime_cache: PathBuf,
    /// The runtimes to run with: the first of each framework, in place of the catalogue's default.
    pub runtimes: Vec<RuntimeName>,
    /// Longest time that one case may take, from its first file to the end of its server.
    pub case_time_limit: Duration,
    /// Ends the run early.
    pub cancellation: Cancellation,
}

impl RunOptions {
    /// Options with the defaults: isolation `op-set`, profile `reference`, as many jobs
    /// as [`default_jobs`] says, the catalogue's default runtime, two minutes a case.
    pub fn new(server_bin: impl Into<PathBuf>, runtime_cache: impl Into<PathBuf>) -> Self {
        Self {
            isolation: Isolation::OpSet,
            profile: Profile::Reference,
            jobs: default_jobs(),
            server_bin: server_bin.into(),
            runtime_cache: runtime_cache.into(),
            runtimes: Vec::new(),
            case_time_limit: Duration::from_secs(120),
            cancellation: Cancellation::default(),
        }
    }

    /// The runtime that the run is made with for `framework`; `None`: the catalogue has none.
    pub fn runtime_of(&self, framework: Framework) -> Option<RuntimeName> {
        runtime_of(&self.runtimes, framework)
    }

    /// The runtime that serves models of `framework` in `case` which name none: the case's own, or
    /// the run's.
    pub fn runtime_in(&self, case: &Case, framework: Framework) -> Option<RuntimeName> {
        case.own_runtime(framework)
            .or_else(|| self.runtime_of(framework))
    }
}

/// The first runtime of `framework` among `chosen`, or else the catalogue's default of it; `None`:
/// the catalogue has none.
pub fn runtime_of(chosen: &[RuntimeName], framework: Framework) -> Option<RuntimeName> {
    let mut chosen = chosen.iter().copied();
    chosen
        .find(|runtime| runtime.framework == framework)
        .or_else(|| {
            let default = Catalog::builtin().default_of(framework)?;
            Some(default.name())
        })
}

/// Cases that run at the same time unless told otherwise: one more than there are processors,
/// because some cases wait for a time limit, and no more than the available memory holds.
pub fn default_jobs() -> usize {
    /// What the servers of one case take, with workers of the largest framework.
    const CASE_BYTES: u64 = 3 << 29;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let available = procfs::Meminfo::current()
        .ok()
        .and_then(|memory| memory.mem_available);
    let held = available.map_or(usize::MAX, |bytes| {
        usize::try_from(bytes / CASE_BYTES).unwrap_or(usize::MAX)
    });
    (processors + 1).min(held).max(1)
}

/// A switch that ends a run early and leaves no process behind. Clones share the switch.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Ends the run: every server is killed, no further case is started.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the run is to end.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
