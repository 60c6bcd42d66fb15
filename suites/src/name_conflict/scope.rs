//! Under which policies an arrangement is run with which runtime.

use runtimes::{Catalog, RuntimeName};

use super::arrangement::Arrangement;
use crate::arrangement::Route;
use crate::expectation::Isolation;
use crate::scope::RuntimeRange;

/// The policies under which `arrangement` is run with `runtime`, in a run over `range`.
///
/// A run that was asked for all runtimes, or for certain ones, takes every combination. The others
/// leave out what says the same again: with the default runtime, the reversed order under `op-set`,
/// where libraries do not meet in any order; with the other one, all under `op-set` but what stands
/// for the suite, because what a framework does with two libraries shows under `shared`.
pub fn policies(
    arrangement: &Arrangement,
    range: &RuntimeRange,
    runtime: RuntimeName,
) -> Vec<Isolation> {
    let apart = match range {
        RuntimeRange::All | RuntimeRange::Named(_) => true,
        RuntimeRange::DefaultAndOther if is_default(runtime) => !arrangement.reversed,
        RuntimeRange::DefaultAndOther => arrangement.is_representative,
    };
    let apart = apart.then_some(Isolation::OpSet);
    std::iter::once(Isolation::Shared).chain(apart).collect()
}

/// Whether the cases stand for the suite where time is short: with the default runtime, on the paths
/// that need no preloading.
pub fn stands_for_suite(arrangement: &Arrangement, route: Route, runtime: RuntimeName) -> bool {
    let is_preloaded = matches!(route, Route::Environment | Route::Flag);
    arrangement.is_representative && is_default(runtime) && !is_preloaded
}

/// Whether the catalogue has the runtime as the default of its framework.
fn is_default(runtime: RuntimeName) -> bool {
    let default = Catalog::builtin().default_of(runtime.framework);
    default.is_some_and(|entry| entry.name() == runtime)
}
