//! CPU kernels of the sample operators: one source of the maths for every framework.
//!
//! Slices in, slices out; no allocation, no threads, no state. Arithmetic is `f32`, also where
//! the elements are [`half::f16`], which are rounded once. What each operator computes is defined
//! by the `f64` reference of the package `test-ops`; `tests/` compares the two.
//!
//! The loops are plain Rust over inlined scalar functions without branches, which the compiler
//! turns into vector code, once for each level of instruction sets that [`pulp`] can choose from
//! when the program runs: AVX-512, AVX2 with FMA, or the baseline. Everything between that choice
//! and the arithmetic must be `#[inline(always)]`: what is not inlined there is compiled for the
//! baseline, where a fused multiplication calls a function. Hence structs and no closures.
//!
//! Libraries in C++ use these kernels through the C interface in the package `op-kernels-c`.

mod bias_gelu;
mod element;
mod exponential;
mod half_precision;
mod modulo;
mod normal_distribution;
mod rms_norm;
mod select_above;

pub use bias_gelu::{Approximation, bias_gelu};
pub use element::Element;
pub use modulo::{Modulo, modulo};
pub use rms_norm::rms_norm;
pub use select_above::{count_above, select_above};
