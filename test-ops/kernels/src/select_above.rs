use pulp::Arch;

use crate::Element;

/// Number of elements of `x` that are strictly greater than `threshold`; NaN never is.
pub fn count_above<T: Element>(x: &[T], threshold: T) -> usize {
    let threshold = threshold.widen();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            // Counted in 32 bits within a block: as wide as the elements, so it vectorizes.
            x.chunks(1 << 20)
                .map(|block| {
                    block
                        .iter()
                        .map(|x| u32::from(x.widen() > threshold))
                        .sum::<u32>() as usize
                })
                .sum()
        },
    )
}

/// Writes the elements of `x` that are strictly greater than `threshold` to `y`, in order, until
/// `y` is full, and returns how many were written. With `y` as long as [`count_above`] says, all
/// of them are.
pub fn select_above<T: Element>(x: &[T], threshold: T, y: &mut [T]) -> usize {
    let threshold = threshold.widen();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut written = 0;
            for &x in x {
                // Written in any case and kept where the place moves on: no branch on the data.
                let Some(place) = y.get_mut(written) else {
                    break;
                };
                *place = x;
                written += usize::from(x.widen() > threshold);
            }
            written
        },
    )
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
