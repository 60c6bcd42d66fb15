use std::{ffi::CStr, marker::PhantomData};

use crate::{
    device::DeviceExecution,
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
        check_divisor(&x.shape, &divisor.shape)?;
        execution.output(&x.shape, |y| {
            op_kernels::modulo(x.elements, divisor.elements, y)
        })
    }

    fn execute_on_device(&self, execution: &DeviceExecution<'_>) -> Result<()> {
        let (x, divisor) = (execution.input(0)?, execution.input(1)?);
        check_divisor(&x.shape, &divisor.shape)?;
        execution.modulo::<T>(&x, &divisor)
    }
}

/// There is a divisor for each element of `x`, or one for all.
fn check_divisor(x: &[i64], divisor: &[i64]) -> Result<()> {
    if divisor.iter().all(|&extent| extent == 1) || divisor == x {
        Ok(())
    } else {
        Err(format!(
            "divisor of shape {divisor:?} is neither one value nor of the shape of x, {x:?}"
        ))
    }
}
