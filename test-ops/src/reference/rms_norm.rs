/// Root mean square normalization (Zhang and Sennrich, arXiv:1910.07467):
/// `x / sqrt(mean(x²) + epsilon) · weight`, with the mean over the last axis.
///
/// `x` has the shape `[…, n]`, `weight` the shape `[n]`; the result has the shape of `x`.
///
/// # Panics
/// When the length of `x` is not a multiple of the length of `weight`.
pub fn rms_norm(x: &[f64], weight: &[f64], epsilon: f64) -> Vec<f64> {
    if x.is_empty() {
        return Vec::new();
    }
    assert_eq!(
        x.len() % weight.len(),
        0,
        "rows of x must be as long as weight"
    );
    x.chunks(weight.len())
        .flat_map(|row| {
            let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
            let scale = 1.0 / (mean + epsilon).sqrt();
            row.iter()
                .zip(weight)
                .map(move |(x, weight)| x * scale * weight)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_normalized_on_their_own() {
        let y = rms_norm(&[3.0, 4.0, 0.0, 2.0], &[1.0, 10.0], 0.0);
        let first = 1.0 / 12.5f64.sqrt();
        let second = 1.0 / 2.0f64.sqrt();
        assert_eq!(
            y,
            [3.0 * first, 4.0 * first * 10.0, 0.0, 2.0 * second * 10.0]
        );
    }

    #[test]
    fn epsilon_keeps_zeros_finite() {
        assert_eq!(rms_norm(&[0.0, 0.0], &[1.0, 1.0], 1e-5), [0.0, 0.0]);
    }
}
