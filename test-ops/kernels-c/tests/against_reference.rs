//! Each function of the C interface against the `f64` reference, and what it refuses.

use std::ptr;

use half::f16;
use op_kernels_c::*;
use proptest::prelude::*;
use test_ops::{Approximation, DataType, Tensor, reference};

/// An element type of the interface, as the reference sees it.
trait Element: Copy + Default {
    const DATA_TYPE: DataType;
    fn of(value: f64) -> Self;
    fn wide(self) -> f64;
}

macro_rules! element {
    ($($element:ty: $data_type:ident, $of:expr, $wide:expr;)*) => {$(
        impl Element for $element {
            const DATA_TYPE: DataType = DataType::$data_type;
            fn of(value: f64) -> Self {
                let of: fn(f64) -> Self = $of;
                of(value)
            }
            fn wide(self) -> f64 {
                let wide: fn(Self) -> f64 = $wide;
                wide(self)
            }
        }
    )*};
}

element! {
    f32: Fp32, |value| value as f32, f64::from;
    f16: Fp16, f16::from_f64, f64::from;
    i32: Int32, |value| value as i32, f64::from;
    i64: Int64, |value| value as i64, |value| value as f64;
}

fn narrow<T: Element>(values: &[f64]) -> Vec<T> {
    values.iter().map(|&value| T::of(value)).collect()
}

fn wide<T: Element>(values: &[T]) -> Vec<f64> {
    values.iter().map(|&value| value.wide()).collect()
}

fn compare<T: Element>(actual: &[T], expected: Vec<f64>) -> Result<(), TestCaseError> {
    let tensor = |values: Vec<f64>| Tensor::new(T::DATA_TYPE, &[values.len()], values);
    tensor(wide(actual))
        .compare(&tensor(expected))
        .map_err(|mismatch| TestCaseError::fail(mismatch.to_string()))
}

type BiasGelu<T> = unsafe extern "C" fn(*const T, usize, usize, *const T, i32, *mut T) -> Status;
type RmsNorm<T> = unsafe extern "C" fn(*const T, usize, usize, *const T, f32, *mut T) -> Status;
type Modulo<T> = unsafe extern "C" fn(*const T, usize, *const T, usize, *mut T) -> Status;
type Count<T> = unsafe extern "C" fn(*const T, usize, *const T, *mut usize) -> Status;
type Select<T> =
    unsafe extern "C" fn(*const T, usize, *const T, *mut T, usize, *mut usize) -> Status;
type AddSignature<T> = unsafe extern "C" fn(*mut T, usize, u8) -> Status;

fn check_bias_gelu<T: Element>(
    function: BiasGelu<T>,
    x: &[f64],
    bias: &[f64],
) -> Result<(), TestCaseError> {
    let (x, bias) = (narrow::<T>(x), narrow::<T>(bias));
    let (rows, columns) = (x.len() / bias.len(), bias.len());
    for (code, approximation) in [(0, Approximation::None), (1, Approximation::Tanh)] {
        let mut y = vec![T::default(); x.len()];
        let result = y.as_mut_ptr();
        // SAFETY: the pointers are those of slices of the lengths that are given.
        let status = unsafe { function(x.as_ptr(), rows, columns, bias.as_ptr(), code, result) };
        prop_assert_eq!(status, Status::Ok);
        let expected = reference::bias_gelu(&wide(&x), &wide(&bias), approximation);
        compare(&y, expected)?;
    }
    Ok(())
}

fn check_rms_norm<T: Element>(
    function: RmsNorm<T>,
    x: &[f64],
    weight: &[f64],
    epsilon: f32,
) -> Result<(), TestCaseError> {
    let (x, weight) = (narrow::<T>(x), narrow::<T>(weight));
    let (rows, columns) = (x.len() / weight.len(), weight.len());
    let mut y = vec![T::default(); x.len()];
    let result = y.as_mut_ptr();
    // SAFETY: the pointers are those of slices of the lengths that are given.
    let status = unsafe { function(x.as_ptr(), rows, columns, weight.as_ptr(), epsilon, result) };
    prop_assert_eq!(status, Status::Ok);
    let expected = reference::rms_norm(&wide(&x), &wide(&weight), f64::from(epsilon));
    compare(&y, expected)
}

fn check_modulo<T: Element>(
    function: Modulo<T>,
    a: &[f64],
    b: &[f64],
) -> Result<(), TestCaseError> {
    let (a, b) = (narrow::<T>(a), narrow::<T>(b));
    let mut y = vec![T::default(); a.len()];
    let result = y.as_mut_ptr();
    // SAFETY: the pointers are those of slices of the lengths that are given.
    let status = unsafe { function(a.as_ptr(), a.len(), b.as_ptr(), b.len(), result) };
    prop_assert_eq!(status, Status::Ok);
    let expected = reference::modulo(&wide(&a), &wide(&b), !T::DATA_TYPE.is_float());
    compare(&y, expected)
}

fn check_select_above<T: Element>(
    count: Count<T>,
    select: Select<T>,
    x: &[f64],
    threshold: f64,
) -> Result<(), TestCaseError> {
    let (x, threshold) = (narrow::<T>(x), T::of(threshold));
    let expected = reference::select_above(&wide(&x), threshold.wide());
    let mut elements = usize::MAX;
    // SAFETY: the pointers are those of slices of the lengths that are given.
    let status = unsafe { count(x.as_ptr(), x.len(), &threshold, &mut elements) };
    prop_assert_eq!((status, elements), (Status::Ok, expected.len()));
    let mut y = vec![T::default(); elements];
    let (result, capacity) = (y.as_mut_ptr(), y.len());
    let mut written = usize::MAX;
    // SAFETY: as above.
    let status = unsafe {
        select(
            x.as_ptr(),
            x.len(),
            &threshold,
            result,
            capacity,
            &mut written,
        )
    };
    prop_assert_eq!((status, written), (Status::Ok, elements));
    compare(&y, expected)
}

fn check_signature<T: Element>(
    function: AddSignature<T>,
    values: &[f64],
    signature: u8,
) -> Result<(), TestCaseError> {
    let mut y = narrow::<T>(values);
    let signed = |value| value + f64::from(signature);
    let expected = wide(&y).into_iter().map(signed).collect();
    // SAFETY: the pointer is that of a slice of the length that is given.
    let status = unsafe { function(y.as_mut_ptr(), y.len(), signature) };
    prop_assert_eq!(status, Status::Ok);
    compare(&y, expected)
}

fn rows(range: std::ops::Range<f64>) -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (0..4usize, 1..70usize).prop_flat_map(move |(rows, columns)| {
        (
            prop::collection::vec(range.clone(), rows * columns),
            prop::collection::vec(range.clone(), columns),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bias_gelu_agrees((x, bias) in rows(-8.0..8.0)) {
        check_bias_gelu(op_kernels_bias_gelu_f32, &x, &bias)?;
        check_bias_gelu(op_kernels_bias_gelu_f16, &x, &bias)?;
    }

    #[test]
    fn rms_norm_agrees((x, weight) in rows(-50.0..50.0), epsilon in 1e-8..1.0f32) {
        check_rms_norm(op_kernels_rms_norm_f32, &x, &weight, epsilon)?;
        check_rms_norm(op_kernels_rms_norm_f16, &x, &weight, epsilon)?;
    }

    #[test]
    fn modulo_agrees(pairs in prop::collection::vec((-900.0..900.0f64, -40.0..40.0f64), 0..70), one: bool) {
        let (a, mut b): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        if one {
            b.truncate(1);
        }
        check_modulo(op_kernels_modulo_f32, &a, &b)?;
        check_modulo(op_kernels_modulo_f16, &a, &b)?;
        check_modulo(op_kernels_modulo_i32, &a, &b)?;
        check_modulo(op_kernels_modulo_i64, &a, &b)?;
    }

    #[test]
    fn select_above_agrees(x in prop::collection::vec(-4.0..4.0f64, 0..70), threshold in -4.0..4.0f64) {
        check_select_above(op_kernels_count_above_f32, op_kernels_select_above_f32, &x, threshold)?;
        check_select_above(op_kernels_count_above_f16, op_kernels_select_above_f16, &x, threshold)?;
    }

    #[test]
    fn signatures_are_added(values in prop::collection::vec(-4.0..4.0f64, 0..70), signature: u8) {
        check_signature(op_kernels_add_signature_f32, &values, signature)?;
        check_signature(op_kernels_add_signature_f16, &values, signature)?;
        check_signature(op_kernels_add_signature_i32, &values, signature)?;
        check_signature(op_kernels_add_signature_i64, &values, signature)?;
    }
}

/// Nothing is written, and no panic gets out, where arguments are not valid.
#[test]
fn wrong_arguments_are_refused() {
    let operand = [1.0f32; 4];
    let mut result = [7.0f32; 4];
    let mut count = 7;
    let (x, y) = (operand.as_ptr(), result.as_mut_ptr());
    let (null, nowhere, no_count) = (ptr::null(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: what is not null has the length that is given, unless another argument is refused
    // before it is used; what is null is checked.
    let statuses = unsafe {
        [
            op_kernels_bias_gelu_f32(x, 2, 2, x, 2, y),
            op_kernels_bias_gelu_f32(x, 2, 2, null, 0, y),
            op_kernels_bias_gelu_f32(x, usize::MAX, 2, x, 0, y),
            op_kernels_rms_norm_f32(x, 2, 2, x, 0.0, nowhere),
            op_kernels_modulo_f32(x, 4, x, 2, y),
            op_kernels_count_above_f32(x, 4, null, &mut count),
            op_kernels_count_above_f32(x, 4, x, no_count),
            op_kernels_select_above_f32(null, 4, x, y, 4, &mut count),
            op_kernels_add_signature_f32(nowhere, 4, 1),
        ]
    };
    assert_eq!(statuses, [Status::InvalidArgument; 9]);
    assert_eq!((result, count), ([7.0; 4], 7));
}

/// No elements are no reason to refuse, wherever they are.
#[test]
fn no_elements() {
    let (null, nowhere) = (ptr::null(), ptr::null_mut());
    // SAFETY: null stands for no elements.
    let statuses = unsafe {
        [
            op_kernels_bias_gelu_f32(null, 0, 0, null, 0, nowhere),
            op_kernels_rms_norm_f32(null, 3, 0, null, 0.0, nowhere),
            op_kernels_modulo_f32(null, 0, null, 0, nowhere),
            op_kernels_add_signature_f32(nowhere, 0, 1),
        ]
    };
    assert_eq!(statuses, [Status::Ok; 4]);
}
