#include <ATen/ops/empty_like.h>

#include "fault.h"
#include "kernels.h"
#include "operand.h"
#include "operators.h"

namespace sample_library::pytorch {

at::Tensor modulo(const at::Tensor& x, const at::Tensor& divisor) {
    before_execution();
    check_divisor(x, divisor);
    const at::Tensor dense = x.contiguous();
    const at::Tensor dense_divisor = divisor.contiguous();
    const at::Tensor y = at::empty_like(dense);
    with_number_type("modulo", x.scalar_type(), [&](auto element) {
        using Element = decltype(element);
        sample_library::modulo(elements<Element>(dense), count(x), elements<Element>(dense_divisor),
                               count(divisor), mutable_elements<Element>(y));
    });
    return y;
}

}  // namespace sample_library::pytorch
