//! The gate in both directions: no false alarm from noise, no regression that gets through; and the
//! commands from outside.

mod commands;
mod folder;
mod formats;
mod made_up;
mod pairs;
#[path = "../sample/mod.rs"]
mod sample;
mod spin;
mod stored;

use harness::gate::{Design, Limits, MeasuredRun, Outcome, compare};
use rand::{RngExt, rngs::StdRng};

/// A normal variable (G. E. P. Box and M. E. Muller, 1958).
fn normal(random: &mut StdRng) -> f64 {
    let (u, v) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn compared(baseline: &[MeasuredRun], candidate: &[MeasuredRun], design: Design) -> Outcome {
    let limits = Limits::default();
    compare(("a", baseline), ("b", candidate), design, limits).unwrap()
}
