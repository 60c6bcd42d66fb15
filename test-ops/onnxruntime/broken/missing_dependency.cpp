// Needs a shared object that is nowhere to be found.

struct OrtStatus;
struct OrtSessionOptions;
struct OrtApiBase;

extern "C" int absent_dependency_version();

extern "C" OrtStatus* RegisterCustomOps(OrtSessionOptions*, const OrtApiBase*) {
    absent_dependency_version();
    return nullptr;
}
