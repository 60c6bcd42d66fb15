//! Pure statistics: numbers in, numbers out.
//!
//! Nothing here knows what a sample means or looks at a clock, so that every function can be
//! tested on distributions whose answer is known. Sources of the rules stand beside them.

mod median;
mod moderation;
mod multiplicity;
mod outliers;
mod percentile;
mod spread;
mod student;

pub use median::{MedianInterval, median, median_interval};
pub use moderation::{Variance, VariancePrior};
pub use multiplicity::family_wise;
pub use outliers::{Outliers, outliers};
pub use percentile::{minimum_samples, percentile, supported_percentile};
pub use spread::{mean, relative_standard_error, standard_deviation};
pub use student::{upper_quantile, upper_tail};

/// Sorts samples in ascending order, as the functions of this module expect them.
///
/// Uses the total order of IEEE 754, so that a NaN (which no measurement produces) ends up at an
/// end instead of making the order depend on the input.
#[must_use]
pub fn sorted(mut samples: Vec<f64>) -> Vec<f64> {
    samples.sort_unstable_by(f64::total_cmp);
    samples
}
