use std::{ffi::CStr, marker::PhantomData};

use crate::{
    device::DeviceExecution,
    interface::{Element, Execution, Node, Result},
    kernel::Kernel,
};

/// The values of `x`, of any shape, that are greater than `threshold`, one value, as a vector.
pub(crate) struct SelectAbove<T>(PhantomData<T>);

impl<T: Element + op_kernels::Element> Kernel for SelectAbove<T> {
    const NAME: &CStr = c"SelectAbove";
    type Element = T;

    fn new(_: &Node) -> Result<Self> {
        Ok(SelectAbove(PhantomData))
    }

    fn execute(&self, execution: &Execution) -> Result<()> {
        let (x, threshold) = (execution.input::<T>(0)?, execution.input::<T>(1)?);
        let &[threshold] = threshold.elements else {
            return Err(format!(
                "threshold of shape {:?} is not one value",
                threshold.shape
            ));
        };
        let count = op_kernels::count_above(x.elements, threshold);
        execution.output(&[count as i64], |y| {
            op_kernels::select_above(x.elements, threshold, y);
        })
    }

    fn execute_on_device(&self, execution: &DeviceExecution<'_>) -> Result<()> {
        let (x, threshold) = (execution.input(0)?, execution.input(1)?);
        if threshold.count() != 1 {
            return Err(format!(
                "threshold of shape {:?} is not one value",
                threshold.shape
            ));
        }
        execution.select_above::<T>(&x, &threshold)
    }
}
