use half::f16;
use pulp::{Arch, Simd, WithSimd};

use crate::Element;

/// Elements that are looked at together for a quotient that needs the slow way.
const BLOCK: usize = 64;

/// An element with a floored remainder.
pub trait Modulo: Copy + Send + Sync + 'static {
    /// Remainders of at most [`modulo`]'s block of elements; all slices are equally long.
    #[doc(hidden)]
    fn block(a: &[Self], b: &[Self], y: &mut [Self]);
}

/// `y = a − b·⌊a / b⌋`: the remainder with the sign of the divisor, as Python's `%` yields it.
///
/// `b` has as many elements as `a`, or one for all of them. Edges:
/// - integers: a zero divisor yields zero, the most negative number modulo −1 too;
/// - floating point: a zero divisor, an infinite dividend or a NaN yields NaN; an infinite divisor
///   yields `a` where the signs agree or `a` is zero, and the divisor otherwise; a zero result has
///   the sign of the divisor.
///
/// Floating-point results are correctly rounded for `f32`; `f16` is computed in `f32`.
///
/// # Panics
/// When the lengths do not fit.
pub fn modulo<T: Modulo>(a: &[T], b: &[T], y: &mut [T]) {
    assert_eq!(a.len(), y.len(), "a and y have one shape");
    assert!(
        b.len() == 1 || b.len() == a.len(),
        "b is one value or has the shape of a"
    );
    Arch::new().dispatch(Blocks { a, b, y });
}

struct Blocks<'a, T> {
    a: &'a [T],
    b: &'a [T],
    y: &'a mut [T],
}

impl<T: Modulo> WithSimd for Blocks<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let blocks = self.a.chunks(BLOCK).zip(self.y.chunks_mut(BLOCK));
        if let &[divisor] = self.b {
            let divisors = [divisor; BLOCK];
            for (a, y) in blocks {
                T::block(a, &divisors[..a.len()], y);
            }
        } else {
            for ((a, y), b) in blocks.zip(self.b.chunks(BLOCK)) {
                T::block(a, b, y);
            }
        }
    }
}

impl Modulo for f32 {
    #[inline(always)]
    fn block(a: &[f32], b: &[f32], y: &mut [f32]) {
        float_block(a, b, y);
    }
}

impl Modulo for f16 {
    #[inline(always)]
    fn block(a: &[f16], b: &[f16], y: &mut [f16]) {
        float_block(a, b, y);
    }
}

impl Modulo for i32 {
    #[inline(always)]
    fn block(a: &[i32], b: &[i32], y: &mut [i32]) {
        // Every i32 and every step is exact in f64, which unlike i32 has a vector division.
        for ((&a, &b), y) in a.iter().zip(b).zip(y) {
            let (a, divisor) = (f64::from(a), f64::from(b));
            let remainder = a - (a / divisor).floor() * divisor;
            *y = if b == 0 {
                0
            } else {
                // SAFETY: the divisor is not zero, so the quotient is finite and the remainder is
                // an integer smaller in magnitude than the divisor.
                unsafe { remainder.to_int_unchecked() }
            };
        }
    }
}

impl Modulo for i64 {
    #[inline(always)]
    fn block(a: &[i64], b: &[i64], y: &mut [i64]) {
        for ((&a, &b), y) in a.iter().zip(b).zip(y) {
            *y = if b == 0 {
                0
            } else {
                let remainder = a.wrapping_rem(b);
                if remainder != 0 && (remainder < 0) != (b < 0) {
                    remainder + b
                } else {
                    remainder
                }
            };
        }
    }
}

#[inline(always)]
fn float_block<T: Element>(a: &[T], b: &[T], y: &mut [T]) {
    let mut inexact = 0u32;
    for ((a, b), y) in a.iter().zip(b).zip(&mut *y) {
        let (a, b) = (a.widen(), b.widen());
        let quotient = a / b;
        *y = T::narrow(fast_remainder(a, b, quotient));
        let exact = (quotient.abs() < 8_388_608.0) & (b.abs() < f32::INFINITY);
        inexact |= u32::from(!exact);
    }
    if inexact != 0 {
        for ((a, b), y) in a.iter().zip(b).zip(y) {
            *y = T::narrow(remainder(a.widen(), b.widen()));
        }
    }
}

/// For quotients below 2²³ in magnitude and finite divisors.
///
/// Rounding can lift the quotient to the next integer, never lower it below one. Then `a − q·b`,
/// which the fused operation rounds once, lies one divisor too low and is exact.
#[inline(always)]
fn fast_remainder(a: f32, b: f32, quotient: f32) -> f32 {
    let remainder = b.mul_add(-quotient.floor(), a);
    with_sign_of(remainder, b)
}

/// For all values; Rust's `%` truncates and is exact.
#[inline(always)]
fn remainder(a: f32, b: f32) -> f32 {
    with_sign_of(a % b, b)
}

#[inline(always)]
fn with_sign_of(remainder: f32, b: f32) -> f32 {
    let opposite = (remainder < 0.0) != (b < 0.0);
    let corrected = if opposite { remainder + b } else { remainder };
    if remainder == 0.0 {
        0.0f32.copysign(b)
    } else {
        corrected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: Modulo + Default>(a: T, b: T) -> T {
        let mut y = [T::default()];
        modulo(&[a], &[b], &mut y);
        y[0]
    }

    #[test]
    fn integers_have_no_undefined_result() {
        assert_eq!(of(5, 0), 0);
        assert_eq!(of(5i64, 0), 0);
        assert_eq!(of(i32::MIN, -1), 0);
        assert_eq!(of(i64::MIN, -1), 0);
        assert_eq!(of(i32::MIN, i32::MAX), i32::MAX - 1);
        assert_eq!(of(i64::MIN, i64::MAX), i64::MAX - 1);
        assert_eq!(of(-7, 3), 2);
        assert_eq!(of(7i64, -3), -2);
    }

    #[test]
    fn float_edges() {
        assert!(of(1.0f32, 0.0).is_nan());
        assert!(of(f32::INFINITY, 2.0).is_nan());
        assert_eq!(of(5.0, f32::INFINITY), 5.0);
        assert_eq!(of(-5.0, f32::INFINITY), f32::INFINITY);
        assert_eq!(of(f32::MAX, 3.0), (f64::from(f32::MAX) % 3.0) as f32);
        assert_eq!(of(f32::MAX, f32::from_bits(1)), 0.0);
        assert!(of(4.0f32, -2.0).is_sign_negative());
        assert_eq!(of(-f32::from_bits(1), 1.0), 1.0);
    }
}
