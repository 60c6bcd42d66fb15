//! Do the kernels of a library take and return what the schemas of its ops say?

use std::path::Path;

use runtimes::Framework;

use crate::names::DeclaredKernel;
use crate::signature::{Difference, Signature};
use crate::{Finding, FindingId, Severity};

/// Kernels of ops of PyTorch that differ from the op's schema. PyTorch compares the two when both are
/// registered, in every release, and throws where that is in a static initializer, which ends the
/// process.
///
/// Kernels for ops of other libraries have no schema to be compared with here, and nothing is said of
/// types that are not known.
pub(crate) fn check(path: &Path, kernels: &[DeclaredKernel]) -> Vec<Finding> {
    kernels
        .iter()
        .filter_map(|kernel| {
            let difference = difference(kernel)?;
            Some(Finding {
                severity: Severity::Error,
                id: FindingId::SchemaDisagrees,
                message: format!(
                    "a kernel in '{}' does not fit the schema of its op {}: {difference}; {} \
                     compares the two when the library registers, and ends the process",
                    path.display(),
                    kernel.op,
                    Framework::PyTorch.title(),
                ),
                remedy: format!(
                    "make the kernel take and return what '{}' says, or change that schema",
                    kernel.schema
                ),
            })
        })
        .collect()
}

/// In what a kernel differs from its op's schema, as far as both are understood.
fn difference(kernel: &DeclaredKernel) -> Option<Difference> {
    let schema = Signature::of_schema(&kernel.schema)?;
    let function = Signature::of_kernel(&kernel.function_type)?;
    Difference::between(&schema, &function)
}
