//! Kernels against the `f64` reference: random values, edge values, odd lengths, no elements.

use half::f16;
use op_kernels::{Approximation, Element, bias_gelu, count_above, modulo, rms_norm, select_above};
use proptest::prelude::*;
use test_ops::{DataType, Tensor, reference};

/// An element with its name in the reference.
trait Tested: Element + Default + std::fmt::Debug {
    const DATA_TYPE: DataType;

    fn of(value: f64) -> Self;
}

impl Tested for f32 {
    const DATA_TYPE: DataType = DataType::Fp32;

    fn of(value: f64) -> f32 {
        value as f32
    }
}

impl Tested for f16 {
    const DATA_TYPE: DataType = DataType::Fp16;

    fn of(value: f64) -> f16 {
        f16::from_f64(value)
    }
}

fn wide<T: Element>(values: &[T]) -> Vec<f64> {
    values
        .iter()
        .map(|value| f64::from(value.widen()))
        .collect()
}

fn narrow<T: Tested>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::of(value)).collect()
}

fn check<T: Tested>(actual: &[T], expected: Vec<f64>) -> Result<(), TestCaseError> {
    let tensor = |values: Vec<f64>| Tensor::new(T::DATA_TYPE, &[values.len()], values);
    tensor(wide(actual))
        .compare(&tensor(expected))
        .map_err(|mismatch| TestCaseError::fail(mismatch.to_string()))
}

fn check_bias_gelu<T: Tested>(x: &[f64], bias: &[f64]) -> Result<(), TestCaseError> {
    let (x, bias) = (narrow::<T>(x), narrow::<T>(bias));
    for (approximation, of_reference) in [
        (Approximation::None, test_ops::Approximation::None),
        (Approximation::Tanh, test_ops::Approximation::Tanh),
    ] {
        let mut y = vec![T::default(); x.len()];
        bias_gelu(&x, &bias, approximation, &mut y);
        check(
            &y,
            reference::bias_gelu(&wide(&x), &wide(&bias), of_reference),
        )?;
    }
    Ok(())
}

fn check_rms_norm<T: Tested>(x: &[f64], weight: &[f64], epsilon: f32) -> Result<(), TestCaseError> {
    let (x, weight) = (narrow::<T>(x), narrow::<T>(weight));
    let mut y = vec![T::default(); x.len()];
    rms_norm(&x, &weight, epsilon, &mut y);
    check(
        &y,
        reference::rms_norm(&wide(&x), &wide(&weight), f64::from(epsilon)),
    )
}

fn check_modulo<T: Tested + op_kernels::Modulo>(a: &[f64], b: &[f64]) -> Result<(), TestCaseError> {
    let (a, b) = (narrow::<T>(a), narrow::<T>(b));
    let mut y = vec![T::default(); a.len()];
    modulo(&a, &b, &mut y);
    check(&y, reference::modulo(&wide(&a), &wide(&b), false))
}

fn check_select_above<T: Tested>(x: &[f64], threshold: f64) -> Result<(), TestCaseError> {
    let (x, threshold) = (narrow::<T>(x), T::of(threshold));
    let mut y = vec![T::default(); count_above(&x, threshold)];
    prop_assert_eq!(select_above(&x, threshold, &mut y), y.len());
    check(
        &y,
        reference::select_above(&wide(&x), f64::from(threshold.widen())),
    )
}

/// Rows of one length: a matrix and a vector that fits its rows.
fn rows(range: std::ops::Range<f64>) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (0..4usize, 1..200usize).prop_flat_map(move |(rows, length)| {
        (
            prop::collection::vec(range.clone(), rows * length),
            prop::collection::vec(range.clone(), length),
        )
    })
}

fn any_float() -> impl Strategy<Value = f64> {
    any::<f32>().prop_map(f64::from)
}

proptest! {
    #[test]
    fn bias_gelu_agrees((x, bias) in rows(-8.0..8.0)) {
        check_bias_gelu::<f32>(&x, &bias)?;
        check_bias_gelu::<f16>(&x, &bias)?;
    }

    #[test]
    fn rms_norm_agrees((x, weight) in rows(-50.0..50.0), epsilon in 1e-8..1.0f32) {
        check_rms_norm::<f32>(&x, &weight, epsilon)?;
        check_rms_norm::<f16>(&x, &weight, epsilon)?;
    }

    #[test]
    fn modulo_agrees_on_all_floats(pairs in prop::collection::vec((any_float(), any_float()), 0..200)) {
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        if a.len() != 1 {
            check_modulo::<f32>(&a, &b)?;
            check_modulo::<f16>(&a, &b)?;
        }
    }

    #[test]
    fn modulo_agrees_near_multiples(quotient in -5000..5000i32, b in 0.01..100.0f32, nudge in -2..3i32) {
        let product = quotient as f32 * b;
        let a = f32::from_bits(product.to_bits().wrapping_add_signed(nudge));
        check_modulo::<f32>(&[f64::from(a)], &[f64::from(b)])?;
        check_modulo::<f32>(&[f64::from(a)], &[f64::from(-b)])?;
    }

    #[test]
    fn modulo_of_integers_agrees(pairs in prop::collection::vec((any::<i32>(), prop_oneof![any::<i32>(), -3..4i32]), 2..200)) {
        let (a, b): (Vec<i32>, Vec<i32>) = pairs.into_iter().unzip();
        let exact = |values: &[i32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let expected = reference::modulo(&exact(&a), &exact(&b), true);
        let mut y = vec![0; a.len()];
        modulo(&a, &b, &mut y);
        prop_assert_eq!(exact(&y), expected.clone());
        let long = |values: &[i32]| values.iter().map(|&value| i64::from(value)).collect::<Vec<_>>();
        let mut y = vec![0i64; a.len()];
        modulo(&long(&a), &long(&b), &mut y);
        prop_assert_eq!(y.iter().map(|&value| value as f64).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn select_above_agrees(x in prop::collection::vec(any_float(), 0..300), threshold in any_float()) {
        check_select_above::<f32>(&x, threshold)?;
        check_select_above::<f16>(&x, threshold)?;
    }
}

const EDGES: [f64; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    1e-40,
    -1e-40,
    6e-8,
    65504.0,
    -65504.0,
];

#[test]
fn edge_values_of_bias_gelu() {
    check_bias_gelu::<f32>(&EDGES, &[0.0]).unwrap();
    check_bias_gelu::<f16>(&EDGES, &[0.0]).unwrap();
}

#[test]
fn edge_values_of_rms_norm() {
    for edge in EDGES {
        check_rms_norm::<f32>(&[edge, 1.0, 2.0], &[1.0, 2.0, 3.0], 1e-5).unwrap();
        check_rms_norm::<f16>(&[edge, 1.0, 2.0], &[1.0, 2.0, 3.0], 1e-5).unwrap();
    }
}

#[test]
fn edge_values_of_modulo() {
    for b in EDGES {
        check_modulo::<f32>(&EDGES, &[b]).unwrap();
        check_modulo::<f16>(&EDGES, &[b]).unwrap();
    }
}

#[test]
fn no_elements() {
    check_bias_gelu::<f32>(&[], &[1.0]).unwrap();
    check_rms_norm::<f32>(&[], &[1.0], 0.0).unwrap();
    check_modulo::<f32>(&[], &[1.0]).unwrap();
    check_select_above::<f32>(&[], 1.0).unwrap();
}
