/// The values of `x` that are strictly greater than `threshold`, in row-major order.
///
/// `x` has any shape, the result is a vector whose length depends on the data. NaN is never
/// greater.
pub fn select_above(x: &[f64], threshold: f64) -> Vec<f64> {
    x.iter().copied().filter(|&x| x > threshold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strictly_greater_in_order() {
        assert_eq!(
            select_above(&[3.0, 1.0, f64::NAN, 2.0, f64::INFINITY], 1.0),
            [3.0, 2.0, f64::INFINITY]
        );
        assert_eq!(select_above(&[1.0], f64::NAN), []);
        assert_eq!(select_above(&[], 0.0), []);
    }
}
