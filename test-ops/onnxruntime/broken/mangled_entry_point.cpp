// The common mistake: without extern "C" the entry point gets a C++ name, which nobody looks for.

struct OrtStatus;
struct OrtSessionOptions;
struct OrtApiBase;

OrtStatus* RegisterCustomOps(OrtSessionOptions*, const OrtApiBase*) { return nullptr; }
