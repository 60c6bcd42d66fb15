// Refers to a C++ function that no library on the machine defines, as a library does that was
// built against another version of its framework.

struct OrtStatus;
struct OrtSessionOptions;
struct OrtApiBase;

namespace vendor {
class Tensor {
   public:
    void resize(unsigned long elements);
};
}  // namespace vendor

extern "C" OrtStatus* RegisterCustomOps(OrtSessionOptions*, const OrtApiBase*) {
    vendor::Tensor tensor;
    tensor.resize(1);
    return nullptr;
}
