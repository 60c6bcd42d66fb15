//! Does it have the function that the framework calls?

use std::path::Path;

use crate::elf::{Image, LocalSymbols};
use crate::framework::onnxruntime::{ENTRY_POINT, mangled_entry_point};
use crate::symbol_name::demangle;
use crate::{Finding, FindingId, Severity};

const DECLARATION: &str =
    "extern \"C\" OrtStatus* RegisterCustomOps(OrtSessionOptions*, const OrtApiBase*)";

/// ONNX Runtime's `RegisterCustomOps` is missing, mangled or hidden.
pub(crate) fn onnxruntime(
    path: &Path,
    image: &Image,
    local_symbols: &LocalSymbols,
) -> Vec<Finding> {
    if image.symbols.exports_function(ENTRY_POINT) {
        return Vec::new();
    }
    let file = path.display();
    let (id, message, remedy) = if let Some(mangled) = mangled_entry_point(image) {
        (
            FindingId::MangledEntryPoint,
            format!(
                "'{file}' exports {ENTRY_POINT} under the C++ name {mangled} ({}); ONNX Runtime \
                 looks for the C name",
                demangle(mangled)
            ),
            format!("declare it {DECLARATION}"),
        )
    } else if image.symbols.exports(ENTRY_POINT) {
        (
            FindingId::NoEntryPoint,
            format!("'{file}' exports {ENTRY_POINT} as a variable, not as a function"),
            format!("define the function {DECLARATION}"),
        )
    } else if local_symbols.defines(ENTRY_POINT) {
        (
            FindingId::HiddenEntryPoint,
            format!("'{file}' has a {ENTRY_POINT}, but does not export it"),
            "give it default visibility (__attribute__((visibility(\"default\")))), list it under \
             global: in the version script, and do not declare it static"
                .to_owned(),
        )
    } else {
        (
            FindingId::NoEntryPoint,
            format!(
                "'{file}' exports no {ENTRY_POINT}, so it is not an op library of ONNX Runtime"
            ),
            format!("export {DECLARATION}, or name another library"),
        )
    };
    vec![Finding {
        severity: Severity::Error,
        id,
        message,
        remedy,
    }]
}
