use half::f16;

use crate::half_precision;

/// A floating-point element: stored as itself, computed with as `f32`.
pub trait Element: Copy + Send + Sync + 'static {
    /// The element as `f32`, exactly.
    fn widen(self) -> f32;
    /// The nearest element.
    fn narrow(value: f32) -> Self;
}

impl Element for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[inline(always)]
    fn narrow(value: f32) -> f32 {
        value
    }
}

impl Element for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        half_precision::widen(self.to_bits())
    }

    #[inline(always)]
    fn narrow(value: f32) -> f16 {
        f16::from_bits(half_precision::narrow(value))
    }
}
