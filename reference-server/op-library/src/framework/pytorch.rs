//! PyTorch: a library is opened, and its static initializers register with the dispatcher.

use crate::elf::Image;

/// The library's own symbols lie in these namespaces.
pub(super) const NAMESPACES: [&str; 3] = ["c10", "torch", "at"];

/// Parts of the names of functions that registering goes through: `TORCH_LIBRARY` and
/// `TORCH_LIBRARY_IMPL`, the older `RegisterOperators`, classes, the dispatcher itself, and the
/// stable C interface.
const REGISTRATION: [&str; 6] = [
    "N5torch7LibraryC",
    "17RegisterOperators",
    "5torch6detail10class_base",
    "N3c1010Dispatcher",
    "torch_library_init_",
    "torch_library_def",
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

/// The function that it calls to register an op.
pub(crate) fn registers(image: &Image) -> Option<&str> {
    let mut references = image.symbols.references().map(|reference| reference.name);
    references.find(|name| REGISTRATION.iter().any(|part| name.contains(part)))
}
