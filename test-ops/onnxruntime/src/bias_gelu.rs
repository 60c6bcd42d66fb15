use std::{ffi::CStr, marker::PhantomData};

use op_kernels::Approximation;

use crate::{
    configuration,
    device::DeviceExecution,
    interface::{Element, Execution, Node, Result},
    kernel::Kernel,
    layout,
};

/// `gelu(x + bias)`: `x` of the shape `[…, n]`, `bias` of the shape `[n]`; in a library without
/// bias `gelu(x)`.
pub(crate) struct BiasGelu<T> {
    approximation: Approximation,
    is_without_bias: bool,
    element: PhantomData<T>,
}

impl<T: Element + op_kernels::Element> Kernel for BiasGelu<T> {
    const NAME: &CStr = c"BiasGelu";
    type Element = T;

    fn inputs() -> usize {
        if is_without_bias() { 1 } else { 2 }
    }

    fn new(node: &Node) -> Result<Self> {
        let approximation = match node.string(c"approximate").as_deref() {
            None | Some("none") => Approximation::None,
            Some("tanh") => Approximation::Tanh,
            Some(other) => {
                return Err(format!(
                    "attribute approximate is '{other}', not 'none' or 'tanh'"
                ));
            }
        };
        Ok(BiasGelu {
            approximation,
            is_without_bias: is_without_bias(),
            element: PhantomData,
        })
    }

    fn execute(&self, execution: &Execution) -> Result<()> {
        let x = execution.input::<T>(0)?;
        let none;
        let bias = if self.is_without_bias {
            none = vec![T::narrow(0.0); x.shape.last().map_or(1, |&row| row as usize)];
            &none[..]
        } else {
            let bias = execution.input::<T>(1)?;
            check_row(&x.shape, &bias.shape, "bias")?;
            bias.elements
        };
        execution.output(&x.shape, |y| {
            op_kernels::bias_gelu(x.elements, bias, self.approximation, y)
        })
    }

    fn execute_on_device(&self, execution: &DeviceExecution<'_>) -> Result<()> {
        let (x, bias) = (execution.input(0)?, execution.input(1)?);
        check_row(&x.shape, &bias.shape, "bias")?;
        execution.bias_gelu::<T>(&x, &bias, self.approximation == Approximation::Tanh)
    }
}

/// Whether this is a library without bias.
pub(crate) fn is_without_bias() -> bool {
    configuration::read().form & layout::FORM_WITHOUT_BIAS != 0
}

/// A parameter of rows is a vector as long as the last axis of `x`.
pub(crate) fn check_row(x: &[i64], parameter: &[i64], name: &str) -> Result<()> {
    match (x.last(), parameter) {
        (Some(row), [length]) if row == length => Ok(()),
        _ => Err(format!(
            "{name} of shape {parameter:?} does not fit the last axis of x of shape {x:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_fit_their_parameter() {
        assert_eq!(check_row(&[2, 3], &[3], "bias"), Ok(()));
        for (x, bias) in [
            (&[2, 3][..], &[2][..]),
            (&[], &[1]),
            (&[3], &[3, 1]),
            (&[3], &[]),
        ] {
            assert!(
                check_row(x, bias, "bias")
                    .unwrap_err()
                    .starts_with("bias of shape")
            );
        }
    }
}
