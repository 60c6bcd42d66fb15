//! The sample library in ONNX Runtime 1.20.1.

#[macro_use]
mod session;

session_tests!("onnxruntime-1.20.1");
