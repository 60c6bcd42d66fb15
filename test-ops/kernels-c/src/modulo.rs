use half::f16;

use crate::{
    slice::{input, output},
    status::{Status, guarded},
};

macro_rules! modulo {
    ($($name:ident: $element:ty;)*) => {$(
        /// `y = a − b·⌊a / b⌋`, element by element; see `op_kernels.h`. `divisors` is `elements`,
        /// or 1 for one divisor of all.
        ///
        /// # Safety
        /// `a` and `y` point to `elements` elements, `b` to `divisors`; `y` overlaps none of the
        /// others.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            a: *const $element,
            elements: usize,
            b: *const $element,
            divisors: usize,
            y: *mut $element,
        ) -> Status {
            guarded(|| {
                if divisors != 1 && divisors != elements {
                    return None;
                }
                // SAFETY: by this function's contract.
                let (a, b, y) = unsafe {
                    (input(a, elements)?, input(b, divisors)?, output(y, elements)?)
                };
                op_kernels::modulo(a, b, y);
                Some(())
            })
        }
    )*};
}

modulo! {
    op_kernels_modulo_f32: f32;
    op_kernels_modulo_f16: f16;
    op_kernels_modulo_i32: i32;
    op_kernels_modulo_i64: i64;
}
