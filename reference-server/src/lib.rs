//! Reference inference server for custom operators: KServe v2 over isolated worker processes.
