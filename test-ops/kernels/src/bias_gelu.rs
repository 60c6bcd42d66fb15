use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

use crate::{
    Element,
    normal_distribution::{Erf, Gelu, Tanh},
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
        Approximation::None => Arch::new().dispatch(Rows::<T, Erf> {
            x,
            bias,
            y,
            gelu: PhantomData,
        }),
        Approximation::Tanh => Arch::new().dispatch(Rows::<T, Tanh> {
            x,
            bias,
            y,
            gelu: PhantomData,
        }),
    }
}

struct Rows<'a, T, G> {
    x: &'a [T],
    bias: &'a [T],
    y: &'a mut [T],
    gelu: PhantomData<G>,
}

impl<T: Element, G: Gelu> WithSimd for Rows<'_, T, G> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let row = self.bias.len();
        for (x, y) in self.x.chunks_exact(row).zip(self.y.chunks_exact_mut(row)) {
            for ((x, bias), y) in x.iter().zip(self.bias).zip(y) {
                *y = T::narrow(G::gelu(x.widen() + bias.widen()));
            }
        }
    }
}
