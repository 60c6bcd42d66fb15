// Needs a shared object that is nowhere to be found.

struct OrtStatus;
struct OrtSessionOptions;
struct OrtApiBase;

extern "C" int missing_dependency_version();

extern "C" OrtStatus* RegisterCustomOps(OrtSessionOptions*, const OrtApiBase*) {
    missing_dependency_version();
    return nullptr;
}
