use half::f16;

use crate::{
    slice::{input, output},
    status::{Status, guarded},
};

macro_rules! select_above {
    ($($count:ident, $select:ident: $element:ty;)*) => {$(
        /// Writes to `count` how many elements of `x` are greater than the threshold; see
        /// `op_kernels.h`.
        ///
        /// # Safety
        /// `x` points to `elements` elements, `threshold` and `count` to one.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $count(
            x: *const $element,
            elements: usize,
            threshold: *const $element,
            count: *mut usize,
        ) -> Status {
            guarded(|| {
                // SAFETY: by this function's contract.
                let (x, threshold, count) = unsafe {
                    (input(x, elements)?, input(threshold, 1)?, output(count, 1)?)
                };
                count[0] = op_kernels::count_above(x, threshold[0]);
                Some(())
            })
        }

        /// Writes the elements of `x` that are greater than the threshold to `y`, which has room
        /// for `capacity`, and to `count` how many; see `op_kernels.h`.
        ///
        /// # Safety
        /// `x` points to `elements` elements, `y` to `capacity`, `threshold` and `count` to one;
        /// `y` and `count` overlap none of the others.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $select(
            x: *const $element,
            elements: usize,
            threshold: *const $element,
            y: *mut $element,
            capacity: usize,
            count: *mut usize,
        ) -> Status {
            guarded(|| {
                // SAFETY: by this function's contract.
                let (x, threshold, y, count) = unsafe {
                    (
                        input(x, elements)?,
                        input(threshold, 1)?,
                        output(y, capacity)?,
                        output(count, 1)?,
                    )
                };
                count[0] = op_kernels::select_above(x, threshold[0], y);
                Some(())
            })
        }
    )*};
}

select_above! {
    op_kernels_count_above_f32, op_kernels_select_above_f32: f32;
    op_kernels_count_above_f16, op_kernels_select_above_f16: f16;
}
