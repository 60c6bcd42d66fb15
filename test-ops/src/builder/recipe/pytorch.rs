use super::Recipe;
use crate::{Broken, TorchInterface};

/// Operators are registered with the name that the configuration block says: one compilation
/// serves all samples of an interface. A schema and a kernel that disagree are compiled in, with
/// literals, as an author writes them.
pub(super) const RECIPE: Recipe = Recipe {
    compile_arguments: |sample, _, _, _| match sample.interface {
        TorchInterface::Cpp | TorchInterface::Stable => Vec::new(),
        // After the definition that fits the runtime.
        TorchInterface::CppOldStrings => vec![
            "-U_GLIBCXX_USE_CXX11_ABI".into(),
            "-D_GLIBCXX_USE_CXX11_ABI=0".into(),
        ],
    },
    folder: |sample, broken| match (broken, sample.interface) {
        (Some(Broken::SchemaDisagrees), _) => "schema-disagrees",
        (_, TorchInterface::Cpp | TorchInterface::CppOldStrings) => "",
        (_, TorchInterface::Stable) => "stable",
    },
    needs_headers: true,
};
