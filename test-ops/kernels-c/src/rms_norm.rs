use half::f16;

use crate::{
    slice::{input, output},
    status::{Status, guarded},
};

macro_rules! rms_norm {
    ($($name:ident: $element:ty;)*) => {$(
        /// `y = x / sqrt(mean(x²) + epsilon) · weight`, row by row; see `op_kernels.h`.
        ///
        /// # Safety
        /// `x` and `y` point to `rows · columns` elements, `weight` to `columns`; `y` overlaps
        /// none of the others.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            x: *const $element,
            rows: usize,
            columns: usize,
            weight: *const $element,
            epsilon: f32,
            y: *mut $element,
        ) -> Status {
            guarded(|| {
                let elements = rows.checked_mul(columns)?;
                // SAFETY: by this function's contract.
                let (x, weight, y) = unsafe {
                    (input(x, elements)?, input(weight, columns)?, output(y, elements)?)
                };
                op_kernels::rms_norm(x, weight, epsilon, y);
                Some(())
            })
        }
    )*};
}

rms_norm! {
    op_kernels_rms_norm_f32: f32;
    op_kernels_rms_norm_f16: f16;
}
