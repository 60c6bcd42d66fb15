// The entry point of a library that asks for one level of ONNX Runtime's C interface: API_LEVEL,
// which stands in its code, as it does in every library that was compiled with a release's header.

#include <cstdint>

struct OrtApi;
struct OrtSessionOptions;
struct OrtStatus;

// The interface's base, as onnxruntime_c_api.h has it.
struct OrtApiBase {
    const OrtApi* (*GetApi)(std::uint32_t version);
    const char* (*GetVersionString)();
};

// All that is left to do, in registration.rs.
extern "C" OrtStatus* sample_ops_register(OrtSessionOptions* options, const OrtApiBase* base,
                                          const OrtApi* api);

extern "C" __attribute__((visibility("default"))) OrtStatus* RegisterCustomOps(
    OrtSessionOptions* options, const OrtApiBase* base) {
    return sample_ops_register(options, base, base->GetApi(API_LEVEL));
}
