//! Suites of cases for op libraries: arrangements, expectations, how a case is run and judged.
//!
//! A [`Case`] is data: what is put where, what is done to the server, and what is expected of it
//! by profile, isolation and runtime version. [`cases`] selects them, [`run`] executes them, each
//! against a server process of its own, and tells what happens as a stream of [`Event`]s. What
//! was seen of one case is a [`CaseResult`].
//!
//! The server is a separate process that is spoken to over its public interfaces only: command
//! line, HTTP, signals, and what `/proc` and the GPU's driver tell about it.

pub mod arrangement;
mod binary;
mod case;
pub mod client;
mod compatibility;
mod event;
mod expectation;
mod experiment;
mod gpu_memory;
mod load_time;
mod making;
mod name_conflict;
mod observation;
mod options;
mod probe;
mod runner;
mod scope;
pub mod server;
mod stock;
mod version_mismatch;

pub use binary::{BinaryError, Order, build, server_binary};
pub use case::{Case, Conflict, LoadingPath, Need, Selection, Suite, UnknownName, has_gpu};
pub use compatibility::{Claim, Fit, Forecast, Prediction, Trial, TrialOutcome};
pub use event::Event;
pub use expectation::{Condition, Expectation, Isolation, Profile};
pub use experiment::Finding;
pub use observation::{
    Answer, CaseResult, Evidence, Exit, GpuMemory, Outcome, Phase, Traffic, Verdict,
};
pub use options::{Cancellation, RunOptions, default_jobs, runtime_of};
pub use probe::{ProbeError, Prober};
pub use runner::{RunError, run};
pub use runtimes::{Framework, RuntimeName};
pub use scope::{ParseShardError, RuntimeRange, Shard};
pub use stock::{Stock, stock};

/// All cases that `selection` selects, in the order in which they are shown and started. Their ids
/// are unique.
pub fn cases(selection: &Selection) -> Vec<Case> {
    let cases = load_time::cases()
        .into_iter()
        .chain(name_conflict::cases(&selection.runtimes))
        .chain(version_mismatch::cases(&selection.runtimes))
        .filter(|case| selection.selects(case));
    match selection.shard {
        None => cases.collect(),
        Some(shard) => shard.part_of(cases).collect(),
    }
}
