// Kernels for TensorFlow's own ops: a label of its own, or the twin of one that it has.
#include "tensorflow/core/framework/op_kernel.h"

class Copy : public tensorflow::OpKernel {
   public:
    using tensorflow::OpKernel::OpKernel;
    void Compute(tensorflow::OpKernelContext* context) override {
        context->set_output(0, context->input(0));
    }
};

#ifdef TWIN
REGISTER_KERNEL_BUILDER(
    Name("Relu").Device(tensorflow::DEVICE_CPU).TypeConstraint<float>("T"), Copy);
#else
REGISTER_KERNEL_BUILDER(Name("Relu").Device(tensorflow::DEVICE_CPU).Label("vendor"), Copy);
#endif
