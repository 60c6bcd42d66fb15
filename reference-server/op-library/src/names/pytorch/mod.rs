//! PyTorch: `TORCH_LIBRARY`, `TORCH_LIBRARY_FRAGMENT` and `TORCH_LIBRARY_IMPL`, in C++ and in the
//! stable C interface.

mod function;
mod kernels;
mod libraries;

use function::Function;
pub(crate) use kernels::DeclaredKernel;
use libraries::Libraries;

use super::Registrations;
use crate::code::{Program, Watch, calls};

/// The namespaces, ops, kernels and classes that the library registers.
pub(super) fn read(program: &Program<'_>) -> Registrations {
    let watch = Watch {
        named: &Function::named,
        member: None,
        text: &Function::text,
        object: &Function::kernel,
        makes: &|function| function == Function::Schema,
    };
    let calls = calls(program, &watch);
    let mut libraries = Libraries::of_symbols(program);
    libraries.add_calls(&calls);
    let mut names: Vec<_> = calls
        .iter()
        .filter_map(|call| libraries.name(call))
        .collect();
    names.extend(libraries.namespaces());
    Registrations {
        names,
        kernels: kernels::declared(program, &calls, &libraries),
    }
}
