use pulp::{Arch, Simd, WithSimd};

use crate::Element;

/// Number of elements of `x` that are strictly greater than `threshold`; NaN never is.
pub fn count_above<T: Element>(x: &[T], threshold: T) -> usize {
    Arch::new().dispatch(Count {
        x,
        threshold: threshold.widen(),
    })
}

/// Writes the elements of `x` that are strictly greater than `threshold` to `y`, in order, until
/// `y` is full, and returns how many were written. With `y` as long as [`count_above`] says, all
/// of them are.
pub fn select_above<T: Element>(x: &[T], threshold: T, y: &mut [T]) -> usize {
    Arch::new().dispatch(Select {
        x,
        threshold: threshold.widen(),
        y,
    })
}

struct Count<'a, T> {
    x: &'a [T],
    threshold: f32,
}

impl<T: Element> WithSimd for Count<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        let mut count = 0;
        // Counted in 32 bits within a block: as wide as the elements, so it vectorizes.
        for block in self.x.chunks(1 << 20) {
            let mut count_of_block = 0u32;
            for x in block {
                count_of_block += u32::from(x.widen() > self.threshold);
            }
            count += count_of_block as usize;
        }
        count
    }
}

struct Select<'a, T> {
    x: &'a [T],
    threshold: f32,
    y: &'a mut [T],
}

impl<T: Element> WithSimd for Select<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        let mut written = 0;
        for &x in self.x {
            // Written in any case and kept where the place moves on: no branch on the data.
            let Some(place) = self.y.get_mut(written) else {
                break;
            };
            *place = x;
            written += usize::from(x.widen() > self.threshold);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_output_ends_the_selection() {
        let x = [1.0f32, 5.0, 2.0, 6.0, 7.0];
        assert_eq!(count_above(&x, 2.0), 3);
        let mut y = [0.0; 2];
        assert_eq!(select_above(&x, 2.0, &mut y), 2);
        assert_eq!(y, [5.0, 6.0]);
        assert_eq!(select_above(&x, 2.0, &mut []), 0);
    }

    #[test]
    fn a_longer_output_is_not_filled() {
        let mut y = [0.0; 3];
        assert_eq!(select_above(&[1.0f32, 5.0], 2.0, &mut y), 1);
        assert_eq!(y[0], 5.0);
    }
}
