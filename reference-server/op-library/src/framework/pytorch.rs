//! PyTorch: a library is opened, and its static initializers register with the dispatcher.

use crate::elf::Image;

/// The library's own symbols lie in these namespaces.
pub(super) const NAMESPACES: [&str; 3] = ["c10", "torch", "at"];

/// `c10::Dispatcher::realSingleton()`, where all ops are registered.
pub(super) const DISPATCHER: &str = "_ZN3c1010Dispatcher13realSingletonEv";

/// Parts of the names of functions that registering goes through, the most telling first:
/// `TORCH_LIBRARY` and `TORCH_LIBRARY_IMPL`, the stable C interface, the older `RegisterOperators`,
/// classes, and the dispatcher itself.
const REGISTRATION: [&str; 9] = [
    "N5torch7LibraryC",
    "torch_library_init_",
    "torch_library_def",
    "torch_library_impl",
    "17RegisterOperators",
    "5torch6detail10class_base",
    "Dispatcher11registerDef",
    "Dispatcher12registerImpl",
    "Dispatcher16registerFallback",
];

/// Whether the library asks for PyTorch.
pub(crate) fn recognise(image: &Image) -> bool {
    image
        .needed
        .iter()
        .any(|name| name.starts_with("libtorch") || name.starts_with("libc10"))
        || image.symbols.references().any(|reference| {
            super::is_in_namespace(reference.name, &NAMESPACES)
                || reference.name.starts_with("aoti_torch_")
        })
}

/// Whether registering goes through a function of that name.
pub(crate) fn is_registration(name: &str) -> bool {
    REGISTRATION.iter().any(|part| name.contains(part))
}

/// The function that it calls to register an op.
pub(crate) fn registers(image: &Image) -> Option<&str> {
    REGISTRATION.iter().find_map(|part| {
        let mut references = image.symbols.references().map(|reference| reference.name);
        references.find(|name| name.contains(part))
    })
}
