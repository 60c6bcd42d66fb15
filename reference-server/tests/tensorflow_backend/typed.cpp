// An op for two element types with a kernel for one of them.
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

REGISTER_OP("TypedCopy")
    .Input("x: T")
    .Output("y: T")
    .Attr("T: {float, half}")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
        context->set_output(0, context->input(0));
        return absl::OkStatus();
    });

class TypedCopy : public tensorflow::OpKernel {
   public:
    using tensorflow::OpKernel::OpKernel;
    void Compute(tensorflow::OpKernelContext* context) override {
        context->set_output(0, context->input(0));
    }
};

REGISTER_KERNEL_BUILDER(
    Name("TypedCopy").Device(tensorflow::DEVICE_CPU).TypeConstraint<float>("T"), TypedCopy);
