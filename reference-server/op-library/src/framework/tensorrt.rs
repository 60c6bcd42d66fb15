//! TensorRT: a library is loaded with `IPluginRegistry::loadLibrary`, which calls its entry point,
//! or is opened, and its static initializers register plugin creators.

use crate::elf::Image;

/// The functions that `loadLibrary` looks for: creators of TensorRT 8 and 9 interfaces, and of all.
pub(crate) const ENTRY_POINTS: [&str; 2] = ["getPluginCreators", "getCreators"];

/// What `REGISTER_TENSORRT_PLUGIN` calls; a C function in every version.
const REGISTRY: &str = "getPluginRegistry";

/// What registers TensorRT's own plugins.
const OWN_PLUGINS: &str = "initLibNvInferPlugins";

pub(super) const NAMESPACES: [&str; 1] = ["nvinfer1"];

/// Whether the library asks for TensorRT or has its entry points.
pub(crate) fn recognise(image: &Image) -> bool {
    image
        .needed
        .iter()
        .any(|name| name.starts_with("libnvinfer") || name.starts_with("libnvonnxparser"))
        || entry_point(image).is_some()
        || image.symbols.references().any(|reference| {
            reference.name == REGISTRY || super::is_in_namespace(reference.name, &NAMESPACES)
        })
}

/// Its entry point, or the function that it calls to register a plugin.
pub(crate) fn registers(image: &Image) -> Option<&str> {
    let mut references = image.symbols.references().map(|reference| reference.name);
    entry_point(image).or_else(|| references.find(|name| [REGISTRY, OWN_PLUGINS].contains(name)))
}

fn entry_point(image: &Image) -> Option<&'static str> {
    ENTRY_POINTS
        .into_iter()
        .find(|name| image.symbols.exports_function(name))
}
