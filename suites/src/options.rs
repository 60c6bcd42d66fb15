//! How a run is made.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use runtimes::RuntimeName;

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
    /// The runtime to run with; `None`: the catalogue's default.
    pub runtime: Option<RuntimeName>,
    /// Longest time that one case may take, from its first file to the end of its server.
    pub case_time_limit: Duration,
    /// Ends the run early.
    pub cancellation: Cancellation,
}

impl RunOptions {
    /// Options with the defaults: isolation `op-set`, profile `reference`, as many jobs as the
    /// machine has processors, the catalogue's default runtime, two minutes a case.
    pub fn new(server_bin: impl Into<PathBuf>, runtime_cache: impl Into<PathBuf>) -> Self {
        Self {
            isolation: Isolation::OpSet,
            profile: Profile::Reference,
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            server_bin: server_bin.into(),
            runtime_cache: runtime_cache.into(),
            runtime: None,
            case_time_limit: Duration::from_secs(120),
            cancellation: Cancellation::default(),
        }
    }
}

/// A switch that ends a run early and leaves no process behind. Clones share the switch.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Cancellation {
    /// Ends the run: every server is killed, no further case is started.
    pub fn cancel(&self) {
        *self
            .state
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = true;
        self.state.1.notify_all();
    }

    /// Whether the run is to end.
    pub fn is_cancelled(&self) -> bool {
        *self
            .state
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Waits until the run is to end, at most until `deadline`; whether it is to end.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        let mut cancelled = self
            .state
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        while !*cancelled {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            cancelled = match self.state.1.wait_timeout(cancelled, left) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}
