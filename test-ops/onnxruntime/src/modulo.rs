use std::{ffi::CStr, marker::PhantomData};

use crate::{
    interface::{Element, Execution, Node, Result},
    kernel::Kernel,
};

/// Remainder of the floored division: `x` of any shape, `divisor` of the same shape or one value.
pub(crate) struct Modulo<T>(PhantomData<T>);

impl<T: Element + op_kernels::Modulo> Kernel for Modulo<T> {
    const NAME: &CStr = c"Modulo";
    type Element = T;

    fn new(_: &Node) -> Result<Self> {
        Ok(Modulo(PhantomData))
    }

    fn execute(&self, execution: &Execution) -> Result<()> {
        let (x, divisor) = (execution.input::<T>(0)?, execution.input::<T>(1)?);
        if divisor.elements.len() != 1 && divisor.shape != x.shape {
            return Err(format!(
                "divisor of shape {:?} is neither one value nor of the shape of x, {:?}",
                divisor.shape, x.shape
            ));
        }
        execution.output(&x.shape, |y| {
            op_kernels::modulo(x.elements, divisor.elements, y)
        })
    }
}
