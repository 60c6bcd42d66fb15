use half::f16;
use op_kernels::Approximation;

use crate::{
    slice::{input, output},
    status::{Status, guarded},
};

macro_rules! bias_gelu {
    ($($name:ident: $element:ty;)*) => {$(
        /// `y = gelu(x + bias)`; see `op_kernels.h`. `approximation` is 0 (error function) or 1
        /// (hyperbolic tangent).
        ///
        /// # Safety
        /// `x` and `y` point to `rows · columns` elements, `bias` to `columns`; `y` overlaps none
        /// of the others.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            x: *const $element,
            rows: usize,
            columns: usize,
            bias: *const $element,
            approximation: i32,
            y: *mut $element,
        ) -> Status {
            guarded(|| {
                let elements = rows.checked_mul(columns)?;
                let approximation = match approximation {
                    0 => Approximation::None,
                    1 => Approximation::Tanh,
                    _ => return None,
                };
                // SAFETY: by this function's contract.
                let (x, bias, y) = unsafe {
                    (input(x, elements)?, input(bias, columns)?, output(y, elements)?)
                };
                op_kernels::bias_gelu(x, bias, approximation, y);
                Some(())
            })
        }
    )*};
}

bias_gelu! {
    op_kernels_bias_gelu_f32: f32;
    op_kernels_bias_gelu_f16: f16;
}
