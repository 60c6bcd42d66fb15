//! A custom op as an op library hands it over: a struct of functions.
//!
//! The struct has grown with the C interface. Its first field says of which version it is, and what
//! a version did not have must not be read: the memory may end before it. The versions are those
//! that ONNX Runtime itself asks for.

use std::ffi::{CStr, c_char, c_int};
use std::mem::transmute;

use ort::sys::OrtCustomOp;

use super::element_type;

/// Since this version inputs and outputs may be optional.
const HAS_CHARACTERISTICS: u32 = 8;
/// Since this version an op may be for some versions of its domain alone.
const HAS_OPSETS: u32 = 17;

/// More inputs or outputs than any op has: what says so is no such struct.
const MOST_TENSORS: usize = 1024;

/// Where an op without a provider runs.
const DEFAULT_PROVIDER: &str = "CPUExecutionProvider";

/// A live `OrtCustomOp`.
#[derive(Clone, Copy, Debug)]
pub(super) struct CustomOp(*const OrtCustomOp);

// SAFETY: an address; who follows it promises that the struct is alive.
unsafe impl Send for CustomOp {}

/// The type of a function that returns a number for the input or output at a position. Enumerations
/// of C are numbers, and a newer library has some that those of crate `ort-sys` lack.
type NumberAt = unsafe extern "system" fn(*const OrtCustomOp, usize) -> c_int;
type Count = unsafe extern "system" fn(*const OrtCustomOp) -> usize;
type Number = unsafe extern "system" fn(*const OrtCustomOp) -> c_int;

/// Reads a field of the struct, which has to have it.
macro_rules! field {
    ($op:expr, $name:ident) => {
        (&raw const (*$op.0).$name).read()
    };
}

impl CustomOp {
    /// The op at an address, if there is any.
    pub(super) fn at(address: *const OrtCustomOp) -> Option<Self> {
        (!address.is_null()).then_some(Self(address))
    }

    /// The op's name.
    ///
    /// # Safety
    /// The struct is alive. Code of the library runs, as in all functions here.
    pub(super) unsafe fn name(self) -> Option<String> {
        // SAFETY: every version has the field; the function returns a C string that lives as long
        // as the op.
        unsafe { text(field!(self, GetName)?(self.0)) }
    }

    /// The version of the interface that the struct is of.
    ///
    /// # Safety
    /// The struct is alive.
    pub(super) unsafe fn version(self) -> u32 {
        // SAFETY: every version begins with it.
        unsafe { field!(self, version) }
    }

    /// The execution provider that runs it.
    ///
    /// # Safety
    /// As for [`name`](Self::name).
    pub(super) unsafe fn provider(self) -> String {
        // SAFETY: as for the name; null where there is none.
        let provider = unsafe {
            field!(self, GetExecutionProviderType).and_then(|provider| text(provider(self.0)))
        };
        provider.unwrap_or_else(|| DEFAULT_PROVIDER.to_owned())
    }

    /// `BiasGelu(float, float?, any...) -> (float)`: element types, with a mark behind what is
    /// optional or variadic. `None` where the struct does not tell.
    ///
    /// # Safety
    /// As for [`name`](Self::name).
    pub(super) unsafe fn signature(self) -> Option<String> {
        // SAFETY: every version has these fields, and a version the fields that it is asked for
        // here; a C enumeration is a number of this size.
        unsafe {
            let version = self.version();
            let has_characteristics = version >= HAS_CHARACTERISTICS;
            let (inputs, outputs) = if has_characteristics {
                (
                    transmute::<Option<_>, Option<NumberAt>>(field!(self, GetInputCharacteristic)),
                    transmute::<Option<_>, Option<NumberAt>>(field!(self, GetOutputCharacteristic)),
                )
            } else {
                (None, None)
            };
            let inputs = self.tensors(
                field!(self, GetInputTypeCount),
                transmute::<Option<_>, Option<NumberAt>>(field!(self, GetInputType)),
                inputs,
            )?;
            let outputs = self.tensors(
                field!(self, GetOutputTypeCount),
                transmute::<Option<_>, Option<NumberAt>>(field!(self, GetOutputType)),
                outputs,
            )?;
            let opsets = if version >= HAS_OPSETS {
                self.opsets(field!(self, GetStartVersion), field!(self, GetEndVersion))
            } else {
                String::new()
            };
            let name = self.name()?;
            Some(format!("{name}({inputs}) -> ({outputs}){opsets}"))
        }
    }

    /// # Safety
    /// The functions are the struct's own.
    unsafe fn tensors(
        self,
        count: Option<Count>,
        element: Option<NumberAt>,
        characteristic: Option<NumberAt>,
    ) -> Option<String> {
        // SAFETY: the caller's promise; positions are below the count.
        unsafe {
            let count = count?(self.0);
            if count > MOST_TENSORS {
                return None;
            }
            let element = element?;
            let tensors = (0..count).map(|position| {
                let characteristic = characteristic.map(|of| of(self.0, position));
                tensor(element(self.0, position), characteristic)
            });
            Some(tensors.collect::<Vec<_>>().join(", "))
        }
    }

    /// # Safety
    /// The functions are the struct's own.
    unsafe fn opsets(self, start: Option<Number>, end: Option<Number>) -> String {
        // SAFETY: the caller's promise.
        let (start, end) = unsafe {
            (
                start.map_or(1, |start| start(self.0)),
                end.map_or(c_int::MAX, |end| end(self.0)),
            )
        };
        match (start, end) {
            (..=1, c_int::MAX) => String::new(),
            (start, c_int::MAX) => format!("; since opset {start}"),
            (start, end) => format!("; opsets {start} to {end}"),
        }
    }
}

/// One input or output. `characteristic` is a number of `OrtCustomOpInputOutputCharacteristic`.
fn tensor(element: c_int, characteristic: Option<c_int>) -> String {
    let mark = match characteristic {
        Some(1) => "?",
        Some(2) => "...",
        _ => "",
    };
    format!("{}{mark}", element_type::name(element))
}

/// # Safety
/// `text` is null or a live C string.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "system" fn name(_: *const OrtCustomOp) -> *const c_char {
        c"Gelu".as_ptr()
    }

    unsafe extern "system" fn none(_: *const OrtCustomOp) -> *const c_char {
        std::ptr::null()
    }

    unsafe extern "system" fn two(_: *const OrtCustomOp) -> usize {
        2
    }

    unsafe extern "system" fn far_too_many(_: *const OrtCustomOp) -> usize {
        usize::MAX
    }

    unsafe extern "system" fn seven(_: *const OrtCustomOp) -> c_int {
        7
    }

    unsafe extern "system" fn position(_: *const OrtCustomOp, position: usize) -> c_int {
        position as c_int
    }

    /// A struct of one version, with garbage where that version has no fields.
    fn op(version: u32, change: impl FnOnce(&mut OrtCustomOp)) -> Box<OrtCustomOp> {
        // SAFETY: the fields are a number and optional functions, for which zero is a value.
        let mut op: OrtCustomOp = unsafe { std::mem::zeroed() };
        op.version = version;
        op.GetName = Some(name);
        op.GetExecutionProviderType = Some(none);
        op.GetInputTypeCount = Some(two);
        op.GetOutputTypeCount = Some(two);
        op.GetStartVersion = Some(seven);
        // SAFETY: enumerations of C are numbers of this size; nothing of Rust calls these.
        unsafe {
            let position: NumberAt = position;
            op.GetInputType = transmute::<NumberAt, Option<_>>(position);
            op.GetOutputType = transmute::<NumberAt, Option<_>>(position);
            op.GetInputCharacteristic = transmute::<NumberAt, Option<_>>(position);
            op.GetOutputCharacteristic = op.GetInputCharacteristic;
        }
        change(&mut op);
        Box::new(op)
    }

    fn signature(op: &OrtCustomOp) -> Option<String> {
        // SAFETY: the struct is alive and has the functions above.
        unsafe { CustomOp::at(op).unwrap().signature() }
    }

    #[test]
    fn each_version_is_asked_for_what_it_has() {
        let told = |version| signature(&op(version, |_| ())).unwrap();
        assert_eq!(told(1), "Gelu(any, float) -> (any, float)");
        assert_eq!(told(8), "Gelu(any, float?) -> (any, float?)");
        assert_eq!(
            told(17),
            "Gelu(any, float?) -> (any, float?); since opset 7"
        );
    }

    #[test]
    fn what_cannot_be_told_is_not_told() {
        assert_eq!(signature(&op(1, |op| op.GetInputType = None)), None);
        let many = op(1, |op| op.GetInputTypeCount = Some(far_too_many));
        assert_eq!(signature(&many), None);
        assert!(CustomOp::at(std::ptr::null()).is_none());
    }

    #[test]
    fn no_provider_means_the_processor() {
        let of = |op: &OrtCustomOp| {
            // SAFETY: as above.
            unsafe { CustomOp::at(op).unwrap().provider() }
        };
        assert_eq!(of(&op(1, |_| ())), "CPUExecutionProvider");
        let named = op(1, |op| op.GetExecutionProviderType = Some(name));
        assert_eq!(of(&named), "Gelu");
    }

    #[test]
    fn a_variadic_tensor_is_marked() {
        assert_eq!(tensor(10, Some(2)), "float16...");
        assert_eq!(tensor(99, None), "element type number 99");
    }
}
