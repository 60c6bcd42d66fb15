//! TensorRT: a library is loaded with `IPluginRegistry::loadLibrary`, which calls its entry point,
//! or is opened, and its static initializers register plugin creators.

use crate::elf::Image;

/// The functions that `loadLibrary` looks for: creators of TensorRT 8 and 9 interfaces, and of all.
pub(crate) const ENTRY_POINTS: [&str; 2] = ["getPluginCreators", "getCreators"];

/// What `REGISTER_TENSORRT_PLUGIN` calls; a C function in every version.
pub(super) const REGISTRY: &str = "getPluginRegistry";

/// What registers TensorRT's own plugins.
const OWN_PLUGINS: &str = "initLibNvInferPlugins";

pub(super) const NAMESPACES: [&str; 1] = ["nvinfer1"];

/// Whether the library asks for TensorRT or has its entry points.
pub(crate) fn recognise(image: &Image) -> bool {
    image
        .needed
        .iter()
        .any(|name| name.starts_with("libnvinfer") || name.starts_with("libnvonnxparser"))
        || has_entry_point(image)
        || image.symbols.references().any(|reference| {
            reference.name == REGISTRY || super::is_in_namespace(reference.name, &NAMESPACES)
        })
}

/// Whether it has an entry point, or calls anything that registers a plugin.
pub(crate) fn registers(image: &Image) -> bool {
    has_entry_point(image)
        || image
            .symbols
            .references()
            .any(|reference| [REGISTRY, OWN_PLUGINS].contains(&reference.name))
}

fn has_entry_point(image: &Image) -> bool {
    ENTRY_POINTS
        .iter()
        .any(|name| image.symbols.exports_function(name))
}
