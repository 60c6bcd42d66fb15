//! TensorFlow: a library is opened with `TF_LoadLibrary`, and its static initializers register ops
//! and kernels.

use crate::elf::Image;

pub(super) const NAMESPACES: [&str; 2] = ["tensorflow", "tsl"];

/// `tensorflow::OpRegistry::Global()`, where all ops are registered.
pub(super) const OP_REGISTRY: &str = "_ZN10tensorflow10OpRegistry6GlobalEv";

/// Parts of the names of functions that registering goes through: `REGISTER_OP`,
/// `REGISTER_KERNEL_BUILDER`, the registries themselves, and the C interface.
const REGISTRATION: [&str; 6] = [
    "12OpDefBuilder",
    "17OpKernelRegistrar",
    "10OpRegistry",
    "11register_op",
    "TF_RegisterKernelBuilder",
    "TF_RegisterOpDefinition",
];

/// The entry points of pluggable devices.
const ENTRY_POINTS: [&str; 2] = ["TF_InitKernel", "SE_InitPlugin"];

/// Whether the library asks for TensorFlow.
pub(crate) fn recognise(image: &Image) -> bool {
    image
        .needed
        .iter()
        .any(|name| name.starts_with("libtensorflow"))
        || image.symbols.references().any(|reference| {
            super::is_in_namespace(reference.name, &NAMESPACES) || reference.name.starts_with("TF_")
        })
        || ENTRY_POINTS.iter().any(|name| image.symbols.exports(name))
}

/// The function that it calls to register an op or a kernel, or that is called so that it does.
pub(crate) fn registers(image: &Image) -> Option<&str> {
    let mut references = image.symbols.references().map(|reference| reference.name);
    ENTRY_POINTS
        .into_iter()
        .find(|name| image.symbols.exports(name))
        .or_else(|| references.find(|name| REGISTRATION.iter().any(|part| name.contains(part))))
}
