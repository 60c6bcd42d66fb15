//! Many tests at once.

/// Adjusts probabilities of errors of the first kind so that, where each adjusted one is compared with
/// a level, the probability of one or more false findings among all of them is at most that level,
/// however the tests depend on each other (S. Holm, "A simple sequentially rejective multiple test
/// procedure", Scandinavian Journal of Statistics 6, 1979). The answer is in the order of the input.
#[must_use]
pub fn family_wise(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let mut adjusted = vec![0.0; probabilities.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        let left = (probabilities.len() - rank) as f64;
        largest = largest.max(left * probabilities[index]).min(1.0);
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_known_example() {
        let adjusted = family_wise(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        for (found, expected) in adjusted.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{adjusted:?}");
        }
        assert!(family_wise(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn it_keeps_the_order_and_lies_between_the_bounds(
            probabilities in proptest::collection::vec(0.0..=1.0_f64, 1..40),
        ) {
            let adjusted = family_wise(&probabilities);
            let count = probabilities.len() as f64;
            for (own, adjusted_own) in probabilities.iter().zip(&adjusted) {
                prop_assert!(own <= adjusted_own && *adjusted_own <= (own * count).min(1.0));
                for (other, adjusted_other) in probabilities.iter().zip(&adjusted) {
                    prop_assert!(own > other || adjusted_own <= adjusted_other);
                }
            }
        }
    }
}
