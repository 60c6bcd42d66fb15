use pulp::{Arch, Simd, WithSimd};

use crate::Element;

/// Independent partial sums: enough to keep two vector units busy at the widest vectors, and the
/// reason why long rows lose little precision.
const LANES: usize = 64;

/// `y = x / sqrt(mean(x²) + epsilon) · weight`, with the mean over each row.
///
/// `x` and `y` have the shape `[…, n]`, `weight` the shape `[n]`. Squares are summed in `f32`, so
/// a row whose squares sum to more than its range (some 3·10³⁸) yields zeros.
///
/// # Panics
/// When the lengths of `x` and `y` differ or are not a multiple of the length of `weight`.
pub fn rms_norm<T: Element>(x: &[T], weight: &[T], epsilon: f32, y: &mut [T]) {
    assert_eq!(x.len(), y.len(), "x and y have one shape");
    if x.is_empty() {
        return;
    }
    assert!(
        !weight.is_empty() && x.len().is_multiple_of(weight.len()),
        "rows of x are as long as weight"
    );
    Arch::new().dispatch(Rows {
        x,
        weight,
        epsilon,
        y,
    });
}

struct Rows<'a, T> {
    x: &'a [T],
    weight: &'a [T],
    epsilon: f32,
    y: &'a mut [T],
}

impl<T: Element> WithSimd for Rows<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let row = self.weight.len();
        for (x, y) in self.x.chunks_exact(row).zip(self.y.chunks_exact_mut(row)) {
            let scale = 1.0 / (sum_of_squares(x) / row as f32 + self.epsilon).sqrt();
            for ((x, weight), y) in x.iter().zip(self.weight).zip(y) {
                *y = T::narrow(x.widen() * scale * weight.widen());
            }
        }
    }
}

#[inline(always)]
fn sum_of_squares<T: Element>(row: &[T]) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (blocks, rest) = row.as_chunks::<LANES>();
    for block in blocks {
        for (sum, x) in sums.iter_mut().zip(block) {
            let x = x.widen();
            *sum = x.mul_add(x, *sum);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        let x = x.widen();
        *sum = x.mul_add(x, *sum);
    }
    // Pairwise, which keeps the rounding error small.
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}
