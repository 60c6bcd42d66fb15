//! Cases about op libraries of ONNX Runtime.
