// Refers to a C++ function that no library on the machine defines, as a library does that was
// built against another version of its framework.

namespace vendor {
class Tensor {
   public:
    void resize(unsigned long elements);
};
}  // namespace vendor

extern "C" void sample_library_resize() {
    vendor::Tensor tensor;
    tensor.resize(1);
}
