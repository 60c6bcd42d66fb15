//! In which forms of preloading an arrangement is tried: by the flag only where that shows something
//! else than the environment variable.

use runtimes::Framework;

use crate::arrangement::Route;
use crate::making::{Draft, Made};

const SAME: &str = "`LD_PRELOAD` and `--preload` come to the same";

/// By the environment variable alone.
pub fn where_all_is_the_same(draft: Draft) -> Made {
    let is_flag = draft.route() == Route::Flag;
    draft.only(!is_flag, SAME)
}

/// By the flag too for PyTorch, whose libraries in `LD_PRELOAD` end the server's process before it
/// begins.
pub fn where_all_but_pytorch_are_the_same(draft: Draft) -> Made {
    let differs = draft.framework() == Framework::PyTorch;
    let is_flag = draft.route() == Route::Flag;
    draft.only(differs || !is_flag, SAME)
}
