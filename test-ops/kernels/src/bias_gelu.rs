use pulp::Arch;

use crate::{
    Element,
    normal_distribution::{gelu, gelu_tanh},
};

/// How the normal distribution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Approximation {
    /// By the error function.
    None,
    /// By the hyperbolic tangent.
    Tanh,
}

/// `y = gelu(x + bias)`, with `bias` repeated for each row of `x`.
///
/// `x` and `y` have the shape `[…, n]`, `bias` the shape `[n]`. Results are within few units in
/// the last place of `x + bias` rounded to `f32`.
///
/// # Panics
/// When the lengths of `x` and `y` differ or are not a multiple of the length of `bias`.
pub fn bias_gelu<T: Element>(x: &[T], bias: &[T], approximation: Approximation, y: &mut [T]) {
    assert_eq!(x.len(), y.len(), "x and y have one shape");
    if x.is_empty() {
        return;
    }
    assert!(
        !bias.is_empty() && x.len().is_multiple_of(bias.len()),
        "rows of x are as long as bias"
    );
    match approximation {
        Approximation::None => map_rows(x, bias, y, gelu),
        Approximation::Tanh => map_rows(x, bias, y, gelu_tanh),
    }
}

#[inline(always)]
fn map_rows<T: Element>(x: &[T], bias: &[T], y: &mut [T], function: impl Fn(f32) -> f32 + Copy) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (x, y) in x
                .chunks_exact(bias.len())
                .zip(y.chunks_exact_mut(bias.len()))
            {
                for ((x, bias), y) in x.iter().zip(bias).zip(y) {
                    *y = T::narrow(function(x.widen() + bias.widen()));
                }
            }
        },
    );
}
