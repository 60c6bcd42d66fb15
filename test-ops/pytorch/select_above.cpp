#include <ATen/ops/empty.h>

#include "fault.h"
#include "kernels.h"
#include "operand.h"
#include "operators.h"

namespace sample_library::pytorch {

at::Tensor select_above(const at::Tensor& x, const at::Tensor& threshold) {
    before_execution();
    check_threshold(x, threshold);
    const at::Tensor dense = x.contiguous();
    at::Tensor y;
    with_float_type("select_above", x.scalar_type(), [&](auto element) {
        using Element = decltype(element);
        const Element* limit = elements<Element>(threshold);
        const std::size_t selected =
            sample_library::count_above(elements<Element>(dense), count(x), limit);
        y = at::empty({static_cast<std::int64_t>(selected)}, x.options());
        sample_library::select_above(elements<Element>(dense), count(x), limit,
                                     mutable_elements<Element>(y), selected);
    });
    return y;
}

}  // namespace sample_library::pytorch
