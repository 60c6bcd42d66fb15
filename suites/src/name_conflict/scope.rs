//! Which policies a run takes for each runtime.

use runtimes::{Catalog, RuntimeName};

use super::arrangement::Arrangement;
use crate::expectation::Isolation;
use crate::scope::RuntimeRange;

/// The policies under which `arrangement` is run with `runtime`, in a run over `range`.
pub fn policies(
    arrangement: &Arrangement,
    range: &RuntimeRange,
    runtime: RuntimeName,
) -> Vec<Isolation> {
    let _ = (arrangement, range, runtime, Catalog::builtin());
    vec![Isolation::Shared, Isolation::OpSet]
}
