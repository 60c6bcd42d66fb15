// How the sample operators register with TensorFlow: what REGISTER_OP and REGISTER_KERNEL_BUILDER
// come to, where the configuration asks for the operator.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "absl/status/status.h"
#include "configuration.h"
#include "fault.h"
#include "on_cpu.h"
#include "on_gpu.h"
#include "op_kernels.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

// TensorFlow's operators have no namespaces: a prefix stands in for one.
#ifndef SAMPLE_LIBRARY_PREFIX
#define SAMPLE_LIBRARY_PREFIX "Custom"
#endif

namespace sample_library {

// The kernels' name for an element type of TensorFlow.
template <typename T>
struct Element {
    using type = T;
};
template <>
struct Element<Eigen::half> {
    using type = op_kernels_f16;
};

// A tensor's elements as the kernels take them.
template <typename T>
const typename Element<T>::type* elements(const tensorflow::Tensor& tensor) {
    return reinterpret_cast<const typename Element<T>::type*>(tensor.flat<T>().data());
}

// A result's elements as the kernels take them.
template <typename T>
typename Element<T>::type* elements(tensorflow::Tensor* tensor) {
    return reinterpret_cast<typename Element<T>::type*>(tensor->flat<T>().data());
}

// Length of a tensor's last axis; 1 for a scalar.
inline std::size_t columns(const tensorflow::Tensor& tensor) {
    return tensor.dims() == 0 ? 1 : static_cast<std::size_t>(tensor.dim_size(tensor.dims() - 1));
}

// Number of a tensor's rows along its last axis.
inline std::size_t rows(const tensorflow::Tensor& tensor) {
    const std::size_t length = columns(tensor);
    return length == 0 ? 0 : static_cast<std::size_t>(tensor.NumElements()) / length;
}

// Does the work of a kernel; what it throws becomes the status of the context.
template <typename Context, typename Work>
void report_exceptions(Context* context, Work work) {
    try {
        work();
    } catch (const std::exception& error) {
        context->CtxFailure(absl::InvalidArgumentError(error.what()));
    }
}

// A kernel of TensorFlow: `Kernel` has a type `Place`, OnCpu or OnGpu, and functions `construct` and
// `compute` that may throw.
template <typename Kernel>
class OpKernel final : public tensorflow::OpKernel {
   public:
    explicit OpKernel(tensorflow::OpKernelConstruction* context) : tensorflow::OpKernel(context) {
        report_exceptions(context, [&] { kernel_.construct(context); });
    }

    void Compute(tensorflow::OpKernelContext* context) override {
        before_execution();
        report_exceptions(context, [&] { kernel_.compute(context); });
    }

   private:
    Kernel kernel_;
};

// Shape of the result: that of the first input.
inline absl::Status shape_of_first(tensorflow::shape_inference::InferenceContext* context) {
    context->set_output(0, context->input(0));
    return absl::OkStatus();
}

// The name that an operator is registered under: it lives as long as the library, because
// TensorFlow keeps pointers to the names of kernels.
inline const char* registered_name(const char* own) {
    static const std::string name = read_configuration().name;
    return name.empty() ? own : name.c_str();
}

// Defines an operator, unless another library or TensorFlow itself does.
template <typename Definition>
bool register_op(Op op, Definition definition) {
    if (!read_configuration().has(op)) return false;
    if (!read_configuration().kernels_only) definition()();
    return true;
}

// Gives an operator a kernel for the element type `T` and the device of `Kernel`.
template <typename T, typename Kernel>
void register_kernel(const char* name) {
    const tensorflow::KernelDef* const definition = tensorflow::register_kernel::Name(name)
                                                        .Device(Kernel::Place::device_type())
                                                        .template TypeConstraint<T>("T")
                                                        .Build();
    tensorflow::kernel_factory::OpKernelRegistrar registrar(
        definition, name,
        [](tensorflow::OpKernelConstruction* context) -> tensorflow::OpKernel* {
            return new OpKernel<Kernel>(context);
        });
}

// Gives an operator kernels for each of the element types `T`, on the CPU and on GPUs.
template <template <typename, typename> typename Kernel, typename... T>
bool register_kernels(Op op, const char* name) {
    if (!read_configuration().has(op)) return false;
    (register_kernel<T, Kernel<OnCpu, T>>(name), ...);
    (register_kernel<T, Kernel<OnGpu, T>>(name), ...);
    return true;
}

}  // namespace sample_library
