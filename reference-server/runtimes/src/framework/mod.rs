//! The frameworks, and one module for each that knows what its libraries are called.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Version;

mod cuda;
pub(crate) mod onnxruntime;
mod place;
pub(crate) mod pytorch;
pub(crate) mod tensorflow;
pub(crate) mod tensorrt;

/// A framework whose models can have custom ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framework {
    /// ONNX Runtime.
    OnnxRuntime,
    /// PyTorch (libtorch).
    PyTorch,
    /// TensorFlow.
    TensorFlow,
    /// NVIDIA TensorRT.
    TensorRt,
}

impl Framework {
    /// Every framework, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [
        Self::OnnxRuntime,
        Self::PyTorch,
        Self::TensorFlow,
        Self::TensorRt,
    ];

    /// The name in command lines, file names and results: `onnxruntime`, `pytorch`, …
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "onnxruntime",
            Self::PyTorch => "pytorch",
            Self::TensorFlow => "tensorflow",
            Self::TensorRt => "tensorrt",
        }
    }

    /// The name in sentences: `ONNX Runtime`, `PyTorch`, …
    pub const fn title(self) -> &'static str {
        match self {
            Self::OnnxRuntime => "ONNX Runtime",
            Self::PyTorch => "PyTorch",
            Self::TensorFlow => "TensorFlow",
            Self::TensorRt => "TensorRT",
        }
    }

    /// The highest level of its versioned C interface that `version` of the framework offers to op
    /// libraries; `None` where the framework has no such levels.
    pub const fn api_level(self, version: &Version) -> Option<u32> {
        match self {
            Self::OnnxRuntime => onnxruntime::api_level(version),
            Self::PyTorch | Self::TensorFlow | Self::TensorRt => None,
        }
    }

    /// The folders of C++ headers in the package at `package_dir`.
    pub(crate) fn include_dirs(self, package_dir: &Path) -> Vec<PathBuf> {
        match self {
            Self::OnnxRuntime => Vec::new(),
            Self::PyTorch => pytorch::include_dirs(package_dir),
            Self::TensorFlow => tensorflow::include_dirs(package_dir),
            Self::TensorRt => tensorrt::include_dirs(package_dir),
        }
    }

    /// The op libraries that come with the package at `package_dir`.
    pub(crate) fn bundled(self, package_dir: &Path) -> Vec<PathBuf> {
        match self {
            Self::PyTorch => pytorch::bundled(package_dir),
            Self::OnnxRuntime | Self::TensorFlow | Self::TensorRt => Vec::new(),
        }
    }
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Framework {
    type Err = ParseFrameworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|framework| framework.name() == text)
            .ok_or_else(|| ParseFrameworkError::new(text))
    }
}

/// A text that names no framework.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown framework '{text}'{}; valid are: {}", did_you_mean(.nearest), names())]
pub struct ParseFrameworkError {
    text: String,
    nearest: Option<Framework>,
}

impl ParseFrameworkError {
    fn new(text: &str) -> Self {
        let nearest = Framework::ALL
            .into_iter()
            .map(|framework| {
                (
                    strsim::jaro_winkler(&text.to_lowercase(), framework.name()),
                    framework,
                )
            })
            .filter(|(similarity, _)| *similarity > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, framework)| framework);
        Self {
            text: text.to_owned(),
            nearest,
        }
    }
}

/// Where `needle` begins in `haystack`.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn did_you_mean(nearest: &Option<Framework>) -> String {
    nearest.map_or_else(String::new, |framework| {
        format!(" (did you mean '{framework}'?)")
    })
}

fn names() -> String {
    Framework::ALL.map(Framework::name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for framework in Framework::ALL {
            assert_eq!(framework.to_string().parse(), Ok(framework));
        }
    }

    #[test]
    fn only_onnxruntime_has_levels() {
        let version = Version::new(1, 32, 0);
        assert_eq!(Framework::OnnxRuntime.api_level(&version), Some(32));
        assert_eq!(Framework::PyTorch.api_level(&version), None);
        let other = Version::new(2, 0, 0);
        assert_eq!(Framework::OnnxRuntime.api_level(&other), None);
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_valid_ones() {
        let message = "onnx-runtime".parse::<Framework>().unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown framework 'onnx-runtime' (did you mean 'onnxruntime'?); \
             valid are: onnxruntime, pytorch, tensorflow, tensorrt"
        );
        assert!(
            !"caffe"
                .parse::<Framework>()
                .unwrap_err()
                .to_string()
                .contains("did you mean")
        );
    }
}
