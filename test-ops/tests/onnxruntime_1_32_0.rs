//! The sample library in ONNX Runtime 1.32.0.

#[macro_use]
mod session;

session_tests!("onnxruntime-1.32.0");
