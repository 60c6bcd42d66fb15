//! ONNX Runtime: a library is opened and its `RegisterCustomOps` is called.

use crate::elf::Image;

/// The function that ONNX Runtime looks for, an exported C symbol.
///
/// Source: `RegisterCustomOpsLibrary_V2` of the ONNX Runtime C API.
pub(crate) const ENTRY_POINT: &str = "RegisterCustomOps";

/// The one function that ONNX Runtime exports for clients.
pub(crate) const API_BASE: &str = "OrtGetApiBase";

/// Whether the library has the entry point in any form, or asks for ONNX Runtime.
pub(crate) fn recognise(image: &Image) -> bool {
    image.symbols.exports(ENTRY_POINT)
        || mangled_entry_point(image).is_some()
        || image
            .needed
            .iter()
            .any(|name| name.starts_with("libonnxruntime"))
        || image
            .symbols
            .references()
            .any(|reference| reference.name == API_BASE)
}

/// The entry point, where it is exported as a function.
pub(crate) fn registers(image: &Image) -> Option<&'static str> {
    image
        .symbols
        .exports_function(ENTRY_POINT)
        .then_some(ENTRY_POINT)
}

/// The entry point under a C++ name: outside of any namespace, `_Z17RegisterCustomOps…`, or within
/// one.
pub(crate) fn mangled_entry_point(image: &Image) -> Option<&str> {
    let length_and_name = format!("{}{ENTRY_POINT}", ENTRY_POINT.len());
    image
        .symbols
        .export_names()
        .filter(|name| name.starts_with("_Z"))
        .filter(|name| {
            name.find(&length_and_name).is_some_and(|at| {
                // A longer number or a longer name would be another identifier.
                !name[..at].ends_with(|c: char| c.is_ascii_digit())
            })
        })
        .min()
}
