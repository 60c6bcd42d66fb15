//! Op libraries that come with a runtime.

use runtimes::{Catalog, Framework};
use test_ops::{DataType, Tensor};

use crate::arrangement::{Script, Step};
use crate::case::Need;
use crate::client::NamedTensor;
use crate::making::{Absence, Definition, HEALTHY, SUBJECT};
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
                .script(non_maximum_suppression())
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

/// Three boxes, of which the second overlaps the first by 9/11 of their union and has the lower
/// score: it is suppressed, and the others' indices come in the order of their scores.
fn non_maximum_suppression() -> Script {
    let tensor = |name: &str, data_type, shape: &[usize], values: &[f64]| NamedTensor {
        name: name.to_owned(),
        tensor: Tensor::new(data_type, shape, values.to_vec()),
    };
    Script {
        source: "def forward(self: __torch__.SampleModel,\n    boxes: Tensor,\n    scores: Tensor) -> \
                 Tensor:\n  kept = ops.torchvision.nms(boxes, scores, 0.5)\n  return kept\n",
        inputs: vec![
            tensor(
                "boxes",
                DataType::Fp32,
                &[3, 4],
                &[
                    0.0, 0.0, 10.0, 10.0, //
                    1.0, 0.0, 11.0, 10.0, //
                    20.0, 20.0, 30.0, 30.0,
                ],
            ),
            tensor("scores", DataType::Fp32, &[3], &[0.8, 0.7, 0.9]),
        ],
        outputs: vec![tensor("y__0", DataType::Int64, &[2], &[2.0, 0.0])],
    }
}
