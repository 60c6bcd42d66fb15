//! Op libraries that come with a runtime.

use runtimes::{Catalog, Framework};

use crate::arrangement::Step;
use crate::case::Need;
use crate::making::{Absence, Definition, HEALTHY, SUBJECT, non_maximum_suppression};
use crate::observation::{Outcome, Phase};

/// The definitions.
pub fn definitions() -> Vec<Definition> {
    vec![torchvision_nms()]
}

fn torchvision_nms() -> Definition {
    Definition::new(
        "torchvision-nms",
        "TorchVision's operators are there for a TorchScript model that lists no library, beside a \
         model with a library of its own.",
        |draft| {
            let has_bundled = draft.framework() == Framework::PyTorch;
            let draft = draft
                .only(
                    has_bundled,
                    "only PyTorch has op libraries that come with a runtime",
                )?
                .only_model_config("nobody gives it to the server")?;
            let default = Catalog::builtin()
                .default_of(Framework::PyTorch)
                .ok_or(Absence("the catalogue has no PyTorch"))?;
            let model = draft.bias_gelu(SUBJECT);
            Ok(draft
                .needs(Need::FullRuntime(default.name()))
                .model(model, &[])
                .ready(non_maximum_suppression())
                .healthy()
                .steps([
                    Step::Load(SUBJECT),
                    Step::Load(HEALTHY),
                    Step::Compute(SUBJECT),
                    Step::Compute(HEALTHY),
                ])
                .expect(&[], Outcome::Served, Phase::FirstRun, &[]))
        },
    )
}
