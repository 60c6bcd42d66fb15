//! The sample operators in `f64`: the one definition that every kernel of every framework is
//! judged by.
//!
//! Inputs are row-major slices of `f64` that hold values of the tested data type; a caller rounds
//! the result to that type before it compares within a [`Tolerance`].

mod bias_gelu;
mod modulo;
mod rms_norm;
mod select_above;
mod tolerance;

pub use bias_gelu::{bias_gelu, gelu};
pub use modulo::modulo;
pub use rms_norm::rms_norm;
pub use select_above::select_above;
pub use tolerance::Tolerance;
