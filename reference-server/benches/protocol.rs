//! Codec costs of a small request: what the front spends before and after the worker.

fn main() {}
