// A valid shared object that ONNX Runtime finds no entry point in.

extern "C" int custom_ops_version() { return 1; }
