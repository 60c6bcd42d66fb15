//! `reference-server probe` with real libraries of all four frameworks: what it says of good ones,
//! of broken ones and of two that collide.

#[path = "../support/mod.rs"]
mod support;

mod every_framework;
mod onnxruntime;
mod pytorch;
mod sub_command;
mod tensorflow;
mod tensorrt;
