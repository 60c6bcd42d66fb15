#include <ATen/ops/empty_like.h>

#include "fault.h"
#include "kernels.h"
#include "operand.h"
#include "operators.h"

namespace sample_library::pytorch {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
    before_execution();
    check_row("rms_norm", "weight", x, weight);
    const float checked = sample_library::epsilon(epsilon);
    const at::Tensor dense = x.contiguous();
    const at::Tensor dense_weight = weight.contiguous();
    const at::Tensor y = at::empty_like(dense);
    with_float_type("rms_norm", x.scalar_type(), [&](auto element) {
        using Element = decltype(element);
        sample_library::rms_norm(elements<Element>(dense), rows(x), columns(x),
                                 elements<Element>(dense_weight), checked,
                                 mutable_elements<Element>(y));
    });
    return y;
}

}  // namespace sample_library::pytorch
