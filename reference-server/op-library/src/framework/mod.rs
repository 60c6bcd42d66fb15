//! Which frameworks a library belongs to; one module a framework.

pub(crate) mod onnxruntime;
pub(crate) mod pytorch;
mod tensorflow;
mod tensorrt;

use runtimes::{Framework, RuntimeName, Version};

use crate::elf::Image;

/// The frameworks whose entry points, symbols or libraries the file names.
pub(crate) fn recognise(image: &Image) -> Vec<Framework> {
    Framework::ALL
        .into_iter()
        .filter(|framework| match framework {
            Framework::OnnxRuntime => onnxruntime::recognise(image),
            Framework::PyTorch => pytorch::recognise(image),
            Framework::TensorFlow => tensorflow::recognise(image),
            Framework::TensorRt => tensorrt::recognise(image),
        })
        .collect()
}

/// The symbol by which the file registers ops with `runtime`: an entry point that it exports, or a
/// function that it calls.
pub(crate) fn registers(runtime: RuntimeName, image: &Image) -> Option<&str> {
    match runtime.framework {
        Framework::OnnxRuntime => onnxruntime::registers(image),
        Framework::PyTorch => pytorch::registers(image),
        Framework::TensorFlow => tensorflow::registers(image),
        Framework::TensorRt => tensorrt::registers(runtime.version, image),
    }
}

/// Whether the file registers ops with some version of `framework`: the newest looks for every entry
/// point that there is.
pub(crate) fn registers_with_some(framework: Framework, image: &Image) -> bool {
    const NEWEST: Version = Version::new(u32::MAX, 0, 0);
    registers(RuntimeName::new(framework, NEWEST), image).is_some()
}

/// What a library of `framework` without a registration lacks, as the end of a sentence, and the
/// remedy.
pub(crate) const fn registration(framework: Framework) -> (&'static str, &'static str) {
    match framework {
        Framework::OnnxRuntime => (
            "exports no RegisterCustomOps",
            "export the function RegisterCustomOps",
        ),
        Framework::PyTorch => (
            "calls nothing that registers with PyTorch's dispatcher",
            "register its ops with TORCH_LIBRARY, or name another library",
        ),
        Framework::TensorFlow => (
            "calls nothing that registers an op or a kernel with TensorFlow",
            "register its ops with REGISTER_OP and REGISTER_KERNEL_BUILDER, or name another library",
        ),
        Framework::TensorRt => (
            "has no getPluginCreators and does not ask for TensorRT's plugin registry",
            "register its plugins with REGISTER_TENSORRT_PLUGIN or export getPluginCreators, or \
             name another library",
        ),
    }
}

/// What a process has once for each copy of `framework` in it: the symbol that leads to its registry.
pub(crate) const fn registry(framework: Framework) -> &'static str {
    match framework {
        Framework::OnnxRuntime => onnxruntime::API_BASE,
        Framework::PyTorch => pytorch::DISPATCHER,
        Framework::TensorFlow => tensorflow::OP_REGISTRY,
        Framework::TensorRt => tensorrt::REGISTRY,
    }
}

/// Whether a symbol of that name can only come from `framework`'s own libraries.
pub(crate) fn belongs_to(framework: Framework, symbol: &str) -> bool {
    match framework {
        // It exports its C interface alone; the check of undefined symbols knows the rest.
        Framework::OnnxRuntime => false,
        Framework::PyTorch => is_in_namespace(symbol, &pytorch::NAMESPACES),
        // Its libraries carry their own copy of Abseil, whose version is part of its names.
        Framework::TensorFlow => {
            is_in_namespace(symbol, &tensorflow::NAMESPACES) || is_in_namespace(symbol, &["absl"])
        }
        Framework::TensorRt => is_in_namespace(symbol, &tensorrt::NAMESPACES),
    }
}

/// Whether a C++ symbol is a member of one of `namespaces`: `_ZN3c10…`, `_ZNK5torch…`, `_ZTIN…`.
fn is_in_namespace(symbol: &str, namespaces: &[&str]) -> bool {
    let Some(rest) = symbol.strip_prefix("_Z") else {
        return false;
    };
    // Type information and virtual tables; then a nested name with its qualifiers.
    let rest = ["TI", "TV", "TS", "GV"]
        .iter()
        .find_map(|kind| rest.strip_prefix(kind))
        .unwrap_or(rest);
    let Some(nested) = rest.strip_prefix('N') else {
        return false;
    };
    let nested = nested.trim_start_matches(['K', 'V', 'r', 'R', 'O']);
    namespaces.iter().any(|namespace| {
        nested
            .strip_prefix(namespace.len().to_string().as_str())
            .is_some_and(|rest| rest.starts_with(namespace))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_told_from_names_that_begin_alike() {
        let is_c10 = |symbol| is_in_namespace(symbol, &["c10"]);
        assert!(is_c10("_ZN3c105ErrorC1ESs"));
        assert!(is_c10("_ZNK3c1010TensorImpl4sizeEv"));
        assert!(is_c10("_ZTIN3c105ErrorE"));
        assert!(!is_c10("_ZN4c10dE5Store"));
        assert!(!is_c10("_Z3c10v"));
        assert!(!is_c10("c10"));
    }
}
