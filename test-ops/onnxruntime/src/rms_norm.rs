use std::{ffi::CStr, marker::PhantomData};

use crate::{
    bias_gelu::check_row,
    device::DeviceExecution,
    interface::{Element, Execution, Node, Result},
    kernel::Kernel,
};

/// Used where the node has no attribute `epsilon`.
const DEFAULT_EPSILON: f32 = 1e-5;

/// `x / sqrt(mean(x²) + epsilon) · weight`: `x` of the shape `[…, n]`, `weight` of the shape `[n]`.
pub(crate) struct RmsNorm<T> {
    epsilon: f32,
    element: PhantomData<T>,
}

impl<T: Element + op_kernels::Element> Kernel for RmsNorm<T> {
    const NAME: &CStr = c"RmsNorm";
    type Element = T;

    fn new(node: &Node) -> Result<Self> {
        let epsilon = node.float(c"epsilon").unwrap_or(DEFAULT_EPSILON);
        if epsilon.is_nan() || epsilon < 0.0 {
            return Err(format!("attribute epsilon is {epsilon}, not zero or more"));
        }
        Ok(RmsNorm {
            epsilon,
            element: PhantomData,
        })
    }

    fn execute(&self, execution: &Execution) -> Result<()> {
        let (x, weight) = (execution.input::<T>(0)?, execution.input::<T>(1)?);
        check_row(&x.shape, &weight.shape, "weight")?;
        execution.output(&x.shape, |y| {
            op_kernels::rms_norm(x.elements, weight.elements, self.epsilon, y)
        })
    }

    fn execute_on_device(&self, execution: &DeviceExecution<'_>) -> Result<()> {
        let (x, weight) = (execution.input(0)?, execution.input(1)?);
        check_row(&x.shape, &weight.shape, "weight")?;
        execution.rms_norm::<T>(&x, &weight, self.epsilon)
    }
}
