// An op that tells of each string whether a zero stands behind it.
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

REGISTER_OP("IsTerminated")
    .Input("x: string")
    .Output("y: bool")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
        context->set_output(0, context->input(0));
        return absl::OkStatus();
    });

class IsTerminated : public tensorflow::OpKernel {
   public:
    using tensorflow::OpKernel::OpKernel;
    void Compute(tensorflow::OpKernelContext* context) override {
        const tensorflow::Tensor& x = context->input(0);
        tensorflow::Tensor* y = nullptr;
        OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
        const auto strings = x.flat<tensorflow::tstring>();
        for (int64_t index = 0; index < x.NumElements(); ++index) {
            const tensorflow::tstring& string = strings(index);
            y->flat<bool>()(index) = string.data()[string.size()] == 0;
        }
    }
};

REGISTER_KERNEL_BUILDER(Name("IsTerminated").Device(tensorflow::DEVICE_CPU), IsTerminated);
