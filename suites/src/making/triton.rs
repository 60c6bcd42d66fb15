//! What cases expect of Triton: what it was seen to do (release 2.51), and what its documentation
//! and sources say. A case of which neither is known expects nothing and is left out there.

use runtimes::Framework;

use super::draft::{Draft, HEALTHY};
use crate::arrangement::Route;
use crate::expectation::{Isolation, Profile};
use crate::observation::{Outcome, Phase};

impl Draft {
    /// Expects this of Triton, all of whose models share one process. It has no `--preload`: there
    /// nothing is expected.
    pub fn expect_of_triton(self, outcome: Outcome, phase: Phase, message: &[&str]) -> Self {
        if self.route() == Route::Flag {
            return self;
        }
        let together = [Isolation::Shared];
        self.expectation(Profile::Triton, &together, (outcome, phase), message, false)
    }

    /// Expects this of Triton's ONNX Runtime where the model names the library. The backends of
    /// PyTorch and TensorRT ignore `model_operations`: the model misses its op, whatever the library
    /// is. Of TensorFlow, of libraries that are given at launch, and where a healthy model would miss
    /// its op too, nothing is expected.
    pub fn expect_of_triton_by_model(
        self,
        outcome: Outcome,
        phase: Phase,
        message: &[&str],
    ) -> Self {
        if self.route() != Route::ModelConfig {
            return self;
        }
        match self.framework() {
            Framework::OnnxRuntime => self.expect_of_triton(outcome, phase, message),
            Framework::PyTorch if self.has_model(HEALTHY) => self,
            // The healthy model beside TensorRT's is one of ONNX Runtime.
            Framework::PyTorch | Framework::TensorRt => {
                self.expect_of_triton(Outcome::Rejected, Phase::Load, &[])
            }
            Framework::TensorFlow => self,
        }
    }

    /// Expects this of Triton where the dynamic loader brings the library into its process, before
    /// anything of the server runs: what comes of it is the loader's doing.
    pub fn expect_of_triton_by_loader(
        self,
        outcome: Outcome,
        phase: Phase,
        message: &[&str],
    ) -> Self {
        if self.route() != Route::Environment {
            return self;
        }
        self.expect_of_triton(outcome, phase, message)
    }
}
