use super::Recipe;

/// Operators are registered with the name that the configuration block says: one compilation
/// serves all samples.
pub(super) const RECIPE: Recipe = Recipe {
    compile_arguments: |_, _, _, _| Vec::new(),
    needs_headers: true,
};
