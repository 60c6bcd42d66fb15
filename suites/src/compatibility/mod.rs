//! Whether an op library fits a runtime: what the inspector says beforehand ([`Prediction`]), what
//! comes of a real trial ([`Trial`]), and what a case says must come of both ([`Claim`]).

mod claim;
mod fit;
mod prediction;
mod trial;

pub use claim::Claim;
pub use fit::Fit;
pub use prediction::{Forecast, Prediction};
pub use trial::{Trial, TrialOutcome};
