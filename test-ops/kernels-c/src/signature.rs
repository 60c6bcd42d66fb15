use half::f16;

use crate::{
    slice::output,
    status::{Status, guarded},
};

macro_rules! add_signature {
    ($($name:ident: $element:ty, $add:expr;)*) => {$(
        /// Adds `signature` to each element of `y`; see `op_kernels.h`.
        ///
        /// # Safety
        /// `y` points to `elements` elements.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            y: *mut $element,
            elements: usize,
            signature: u8,
        ) -> Status {
            guarded(|| {
                // SAFETY: by this function's contract.
                let y = unsafe { output(y, elements)? };
                if signature != 0 {
                    let add: fn($element, u8) -> $element = $add;
                    y.iter_mut().for_each(|y| *y = add(*y, signature));
                }
                Some(())
            })
        }
    )*};
}

add_signature! {
    op_kernels_add_signature_f32: f32, |y, signature| y + f32::from(signature);
    op_kernels_add_signature_f16: f16, |y, signature| f16::from_f32(y.to_f32() + f32::from(signature));
    op_kernels_add_signature_i32: i32, |y, signature| y.wrapping_add(i32::from(signature));
    op_kernels_add_signature_i64: i64, |y, signature| y.wrapping_add(i64::from(signature));
}
