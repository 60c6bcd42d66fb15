//! Names of runtimes: framework and version.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Framework, ParseFrameworkError, ParseVersionError, Version};

/// One version of one framework; written `onnxruntime-1.32.0`.
///
/// Ordered by framework, then by ascending version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RuntimeName {
    /// The framework.
    pub framework: Framework,
    /// Its version.
    pub version: Version,
}

impl RuntimeName {
    /// The name of `version` of `framework`.
    pub const fn new(framework: Framework, version: Version) -> Self {
        Self { framework, version }
    }
}

impl fmt::Display for RuntimeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.framework, self.version))
    }
}

impl FromStr for RuntimeName {
    type Err = ParseRuntimeNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (framework, version) =
            text.split_once('-')
                .ok_or_else(|| ParseRuntimeNameError::NoVersion {
                    text: text.to_owned(),
                })?;
        Ok(Self {
            framework: framework.parse()?,
            version: version.parse()?,
        })
    }
}

impl TryFrom<String> for RuntimeName {
    type Error = ParseRuntimeNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RuntimeName> for String {
    fn from(name: RuntimeName) -> Self {
        name.to_string()
    }
}

/// A text that names no runtime.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseRuntimeNameError {
    /// There is no `-` between framework and version.
    #[error("'{text}' is not a runtime: expected FRAMEWORK-VERSION, such as onnxruntime-1.32.0")]
    NoVersion {
        /// What was given.
        text: String,
    },
    /// The part before the first `-` names no framework.
    #[error(transparent)]
    Framework(#[from] ParseFrameworkError),
    /// The part behind the first `-` is no version.
    #[error(transparent)]
    Version(#[from] ParseVersionError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_framework_and_version() {
        let name: RuntimeName = "tensorrt-8.5.3.1".parse().expect("a runtime name");
        assert_eq!(name.framework, Framework::TensorRt);
        assert_eq!(name.version.numbers(), [8, 5, 3, 1]);
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |text: &str| text.parse::<RuntimeName>().unwrap_err().to_string();
        assert!(message("onnxruntime").contains("FRAMEWORK-VERSION"));
        assert!(message("onxruntime-1.32.0").contains("did you mean 'onnxruntime'?"));
        assert!(message("onnxruntime-latest").contains("'latest' is not a version"));
    }

    proptest! {
        #[test]
        fn text_round_trips(
            framework in prop::sample::select(&Framework::ALL[..]),
            numbers in prop::collection::vec(any::<u32>(), 1..=4),
        ) {
            let version = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let name = RuntimeName::new(framework, version.parse().unwrap());
            prop_assert_eq!(name.to_string().parse::<RuntimeName>(), Ok(name));
        }

        #[test]
        fn whatever_parses_prints_the_same(text in "(onnxruntime|pytorch|tensorrt|x)?-?[0-9.]{0,8}") {
            if let Ok(name) = text.parse::<RuntimeName>() {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
