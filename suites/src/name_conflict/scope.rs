//! Under which policies an arrangement is run with which runtime.

use runtimes::{Catalog, RuntimeName};

use super::arrangement::Arrangement;
use crate::arrangement::Route;
use crate::expectation::Isolation;
use crate::scope::RuntimeRange;

/// The policies under which `arrangement` is run on `route` with `runtime`, in a run over `range`.
///
/// A run that was asked for all runtimes, or for certain ones of a framework, takes every
/// combination. A usual one leaves out what says the same again. With the default runtime that is
/// the reversed order where no library waits for another model: under `op-set`, and of those given to
/// all. With the other runtime it is any reversed order, what comes with preloading, and, but for
/// what stands for the suite, `op-set`: what a framework does with two libraries shows without.
pub fn policies(
    arrangement: &Arrangement,
    route: Route,
    range: &RuntimeRange,
    runtime: RuntimeName,
) -> Vec<Isolation> {
    if arrangement.only_default && !is_default(runtime) {
        return Vec::new();
    }
    let is_plain = !arrangement.reversed;
    let (together, apart) = if takes_all(range, runtime) {
        (true, true)
    } else if is_default(runtime) {
        (is_plain || !route.is_launch(), is_plain)
    } else {
        let together = is_plain && !is_preloaded(route);
        (together, together && arrangement.is_representative)
    };
    [(together, Isolation::Shared), (apart, Isolation::OpSet)]
        .into_iter()
        .filter_map(|(taken, policy)| taken.then_some(policy))
        .collect()
}

/// Whether the cases stand for the suite where time is short: with the default runtime, on the paths
/// that need no preloading.
pub fn stands_for_suite(arrangement: &Arrangement, route: Route, runtime: RuntimeName) -> bool {
    arrangement.is_representative && is_default(runtime) && !is_preloaded(route)
}

fn takes_all(range: &RuntimeRange, runtime: RuntimeName) -> bool {
    match range {
        RuntimeRange::All => true,
        RuntimeRange::Named(names) => names.iter().any(|name| name.framework == runtime.framework),
        RuntimeRange::DefaultAndOther => false,
    }
}

fn is_preloaded(route: Route) -> bool {
    matches!(route, Route::Environment | Route::Flag)
}

/// Whether the catalogue has the runtime as the default of its framework.
fn is_default(runtime: RuntimeName) -> bool {
    let default = Catalog::builtin().default_of(runtime.framework);
    default.is_some_and(|entry| entry.name() == runtime)
}
