use runtimes::Framework;

/// A file format of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// ONNX, for ONNX Runtime.
    Onnx,
    /// TorchScript, for PyTorch.
    TorchScript,
    /// SavedModel, for TensorFlow: a folder.
    SavedModel,
    /// Frozen GraphDef, for TensorFlow.
    GraphDef,
    /// An engine plan, for TensorRT.
    Plan,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 5] = [
        Format::Onnx,
        Format::TorchScript,
        Format::SavedModel,
        Format::GraphDef,
        Format::Plan,
    ];

    /// The framework that serves models of this format.
    pub fn framework(self) -> Framework {
        match self {
            Format::Onnx => Framework::OnnxRuntime,
            Format::TorchScript => Framework::PyTorch,
            Format::SavedModel | Format::GraphDef => Framework::TensorFlow,
            Format::Plan => Framework::TensorRt,
        }
    }

    /// Name of the model's file or folder in a version folder, as Triton expects it.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Onnx => "model.onnx",
            Format::TorchScript => "model.pt",
            Format::SavedModel => "model.savedmodel",
            Format::GraphDef => "model.graphdef",
            Format::Plan => "model.plan",
        }
    }

    /// `platform` of a model configuration.
    pub fn platform(self) -> &'static str {
        match self {
            Format::Onnx => "onnxruntime_onnx",
            Format::TorchScript => "pytorch_libtorch",
            Format::SavedModel => "tensorflow_savedmodel",
            Format::GraphDef => "tensorflow_graphdef",
            Format::Plan => "tensorrt_plan",
        }
    }
}

impl From<Framework> for Format {
    /// The format that comes first for the framework.
    fn from(framework: Framework) -> Format {
        match framework {
            Framework::OnnxRuntime => Format::Onnx,
            Framework::PyTorch => Format::TorchScript,
            Framework::TensorFlow => Format::SavedModel,
            Framework::TensorRt => Format::Plan,
        }
    }
}
