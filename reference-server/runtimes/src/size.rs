//! How much of a runtime is installed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much of a runtime is installed. Ordered: the full size holds the small one.
///
/// Published op libraries of PyTorch and TensorRT need the CUDA libraries of their framework to
/// load at all, on a CPU too; those are several gigabytes, and the samples need none of them.
/// TensorFlow's full size is another build, with kernels for GPUs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Size {
    /// Enough for models and op libraries that use the CPU only, built against this runtime.
    #[default]
    Small,
    /// With all that executing on GPUs takes: the CUDA packages that the framework's own package
    /// declares.
    Full,
}

impl Size {
    /// The name in command lines and results: `small` or `full`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
