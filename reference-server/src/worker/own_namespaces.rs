//! Domains and namespaces in which frameworks register ops themselves.

use runtimes::Framework;

/// The standard operators' domain, whose other name is `ai.onnx`, is empty.
const ONNXRUNTIME: [&str; 13] = [
    "",
    "ai.onnx",
    "ai.onnx.ml",
    "ai.onnx.preview",
    "ai.onnx.preview.training",
    "ai.onnx.training",
    "com.microsoft",
    "com.microsoft.dml",
    "com.microsoft.experimental",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
    "com.microsoft.mlfeaturizers",
    "org.pytorch.aten",
];

const PYTORCH: [&str; 6] = ["aten", "prim", "prims", "profiler", "quantized", "torch"];

/// Whether the framework itself has ops in `namespace`. TensorFlow's ops have none, and TensorRT has
/// no ops of its own in a plugin registry.
pub fn is_own(framework: Framework, namespace: &str) -> bool {
    match framework {
        Framework::OnnxRuntime => ONNXRUNTIME.contains(&namespace),
        Framework::PyTorch => PYTORCH.contains(&namespace),
        Framework::TensorFlow | Framework::TensorRt => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_framework_has_its_own() {
        assert!(is_own(Framework::OnnxRuntime, "com.microsoft"));
        assert!(is_own(Framework::OnnxRuntime, ""));
        assert!(is_own(Framework::PyTorch, "aten"));
        assert!(!is_own(Framework::PyTorch, ""));
        assert!(!is_own(Framework::TensorFlow, ""));
        assert!(!is_own(Framework::OnnxRuntime, "custom.ops"));
    }
}
