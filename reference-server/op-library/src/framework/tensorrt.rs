//! TensorRT: a library is loaded with `IPluginRegistry::loadLibrary`, which calls its entry point,
//! or is opened, and its static initializers register plugin creators.

use runtimes::Version;

use crate::elf::Image;

/// The functions that `loadLibrary` looks for: creators of the interface of TensorRT 8, and, from
/// TensorRT 10 on, of all interfaces.
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

/// Its entry point, where this version looks for it, or the function that it calls to register a
/// plugin. A Python module that asks for the registry makes it available to Python.
pub(crate) fn registers(version: Version, image: &Image) -> Option<&str> {
    let entry = match version.major() {
        0..10 => ENTRY_POINTS[..1].iter(),
        _ => ENTRY_POINTS.iter(),
    };
    let is_python_module = image
        .symbols
        .export_names()
        .any(|name| name.starts_with("PyInit_"));
    let mut references = image.symbols.references().map(|reference| reference.name);
    entry
        .copied()
        .find(|name| image.symbols.exports_function(name))
        .or_else(|| {
            references.find(|name| *name == OWN_PLUGINS || (*name == REGISTRY && !is_python_module))
        })
}

fn has_entry_point(image: &Image) -> bool {
    ENTRY_POINTS
        .iter()
        .any(|name| image.symbols.exports_function(name))
}
