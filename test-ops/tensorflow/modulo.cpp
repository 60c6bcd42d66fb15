// a - b * floor(a / b)
#include <stdexcept>
#include <string>

#include "kernels.h"
#include "registration.h"

namespace sample_library {
namespace {

const char* const kModulo = registered_name(SAMPLE_LIBRARY_PREFIX "Modulo");

template <typename At, typename T>
class Modulo {
   public:
    using Place = At;

    void construct(tensorflow::OpKernelConstruction*) {}

    void compute(tensorflow::OpKernelContext* context) {
        const tensorflow::Tensor& a = context->input(0);
        const tensorflow::Tensor& b = context->input(1);
        if (b.NumElements() != 1 && b.NumElements() != a.NumElements())
            throw std::invalid_argument("Modulo: there are " + std::to_string(b.NumElements()) +
                                        " divisors for " + std::to_string(a.NumElements()) +
                                        " elements; give one divisor, or one for each element");
        tensorflow::Tensor* y = nullptr;
        OP_REQUIRES_OK(context, context->allocate_output(0, a.shape(), &y));
        Place(context).modulo(elements<T>(a), static_cast<std::size_t>(a.NumElements()),
                              elements<T>(b), static_cast<std::size_t>(b.NumElements()),
                              elements<T>(y));
    }
};

[[maybe_unused]] const bool modulo_registered =
    register_op(Op::kModulo,
                [] {
                    return tensorflow::register_op::OpDefBuilderWrapper(kModulo)
                        .Input("a: T")
                        .Input("b: T")
                        .Output("y: T")
                        .Attr("T: {float, half, int32, int64}")
                        .SetShapeFn(shape_of_first);
                }) &&
    register_kernels<Modulo, float, Eigen::half, std::int32_t, std::int64_t>(Op::kModulo,
                                                                             kModulo);

}  // namespace
}  // namespace sample_library
