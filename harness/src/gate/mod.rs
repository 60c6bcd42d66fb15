//! The gate: whether a build has become slower than another one, beyond what noise explains.
//!
//! - A [`Baseline`] is the measurements of several runs of one build, kept in a [`BaselineStore`].
//! - [`compare`] holds other runs against it, or pairs of runs against each other ([`Design`]), and says
//!   what it found in an [`Outcome`].
//! - The modules `text`, `markdown`, `github`, `junit` and `exports` render that.
//!
//! How it decides: of each quantity of each measurement there is one value a run, the median of its
//! samples. A run, not a sample, is what is repeated, because samples of one run share its luck: memory
//! layout, clock, neighbours (T. Kalibera and R. Jones, "Rigorous benchmarking in reasonable time",
//! International Symposium on Memory Management, 2013). Values are compared by the ratio of their
//! geometric means, and the noise is the spread between runs of the same build, estimated for all
//! measurements of a kind together ([`crate::statistics::VariancePrior`]) and never below what the
//! interval of the median within a run allows. A regression is told where the change is beyond the
//! limit, larger than a smallest change in its unit, and beyond the noise by a t test whose level holds
//! for all comparisons together ([`crate::statistics::family_wise`]).

mod aggregate;
mod baseline;
mod comparison;
mod exports;
mod github;
mod judgement;
mod junit;
mod looks;
mod machine_key;
mod markdown;
mod noise;
mod outcome;
mod quantity;
mod sides;
mod store;
mod store_error;
mod subject;
mod text;
mod words;

pub use aggregate::Aggregate;
pub use baseline::{Baseline, MeasuredRun, NotMeasured};
pub use comparison::{Comparison, Limits, NothingInCommon};
pub use exports::{bencher, bigger_is_better, smaller_is_better};
pub use github::annotations;
pub use judgement::{Reason, Verdict};
pub use junit::gate_junit;
pub use looks::Looks;
pub use machine_key::{Difference, differences};
pub use markdown::gate_markdown;
pub use noise::Design;
pub use outcome::{GATE_SCHEMA_VERSION, Origin, Outcome};
pub use quantity::{Direction, Quantity};
pub use sides::compare;
pub use store::{BaselineStore, Saving};
pub use store_error::StoreError;
pub use text::{baseline_text, gate_text};
