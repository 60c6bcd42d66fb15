//! Sample op library for ONNX Runtime, written against its C interface.
