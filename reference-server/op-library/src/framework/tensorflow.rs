//! TensorFlow: a library is opened with `TF_LoadLibrary`, and its static initializers register ops
//! and kernels.

use crate::elf::Image;

pub(super) const NAMESPACES: [&str; 2] = ["tensorflow", "tsl"];

/// `tensorflow::OpRegistry::Global()`, where all ops are registered.
pub(super) const OP_REGISTRY: &str = "_ZN10tensorflow10OpRegistry6GlobalEv";

/// Parts of the names of functions that registering goes through: `REGISTER_OP`,
/// `REGISTER_KERNEL_BUILDER` and the registries themselves.
const REGISTRATION: [&str; 4] = [
    "12OpDefBuilder",
    "17OpKernelRegistrar",
    "10OpRegistry",
    "11register_op",
];

/// The same in the C interface.
const C_REGISTRATION: [&str; 2] = ["TF_RegisterKernelBuilder", "TF_RegisterOpDefinition"];

/// The entry points of pluggable devices, from which those register.
///
/// TensorFlow calls them in the libraries of its folder `tensorflow-plugins`, and in no other that it
/// opens.
///
/// Source: TensorFlow RFC "Modular TensorFlow", pluggable devices.
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

/// The function that it calls to register an op or a kernel when it is opened.
pub(crate) fn registers(image: &Image) -> Option<&str> {
    let references = || image.symbols.references().map(|reference| reference.name);
    let is_device = ENTRY_POINTS.iter().any(|name| image.symbols.exports(name));
    references()
        .find(|name| REGISTRATION.iter().any(|part| name.contains(part)))
        .or_else(|| references().find(|name| !is_device && C_REGISTRATION.contains(name)))
}
