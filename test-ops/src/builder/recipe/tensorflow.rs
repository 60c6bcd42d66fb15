use runtimes::Framework;

use super::{Recipe, whole_folder};
use crate::spelling;

/// The prefix of the operators' names is compiled in, so that the names stand in the file as they
/// do in every other library.
pub(super) const RECIPE: Recipe = Recipe {
    compile_arguments: |sample, _, _, _| {
        let prefix = spelling::domain(Framework::TensorFlow, &sample.domain);
        vec![format!("-DSAMPLE_LIBRARY_PREFIX=\"{prefix}\"").into()]
    },
    folder: whole_folder,
    needs_headers: true,
};
