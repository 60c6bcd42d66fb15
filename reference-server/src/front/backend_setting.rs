//! `--backend-config`: a setting of one framework, in tritonserver's syntax.

use std::path::PathBuf;
use std::str::FromStr;

use runtimes::{Framework, ParseFrameworkError};

/// The setting that lists op libraries for all models of a framework. Triton has it for TensorRT.
const PLUGINS: &str = "plugins";

/// One `--backend-config=<framework>,<key>=<value>`, or `<key>=<value>` for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSetting {
    /// The framework; `None` for all.
    pub framework: Option<Framework>,
    /// Name of the setting.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl BackendSetting {
    /// The framework and the op libraries that the setting lists, separated by `;`; `None` where it
    /// is another setting.
    pub fn plugins(&self) -> Option<(Framework, Vec<PathBuf>)> {
        let framework = self.framework.filter(|_| self.key == PLUGINS)?;
        let paths = self.value.split(';').map(str::trim);
        let paths = paths.filter(|path| !path.is_empty());
        Some((framework, paths.map(PathBuf::from).collect()))
    }
}

impl std::fmt::Display for BackendSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(framework) = self.framework {
            write!(f, "{framework},")?;
        }
        write!(f, "{}={}", self.key, self.value)
    }
}

impl FromStr for BackendSetting {
    type Err = ParseBackendSettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| ParseBackendSettingError::NoValue(text.to_owned()))?;
        let (framework, key) = match name.split_once(',') {
            Some((framework, key)) => (Some(framework.parse()?), key),
            None => (None, name),
        };
        if key.is_empty() {
            return Err(ParseBackendSettingError::NoValue(text.to_owned()));
        }
        if framework.is_none() && key == PLUGINS {
            return Err(ParseBackendSettingError::NoFramework);
        }
        Ok(Self {
            framework,
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// A text that is no setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseBackendSettingError {
    /// Key or value is missing.
    #[error(
        "'{0}' is no setting: expected FRAMEWORK,KEY=VALUE, such as \
         tensorrt,plugins=/opt/ops/liba.so;/opt/ops/libb.so"
    )]
    NoValue(String),
    /// Op libraries belong to one framework.
    #[error(
        "'plugins' needs the framework that the op libraries are for: \
         FRAMEWORK,plugins=a.so;b.so with one of {}", Framework::ALL.map(Framework::name).join(", ")
    )]
    NoFramework,
    /// The part before the comma names no framework.
    #[error(transparent)]
    Framework(#[from] ParseFrameworkError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<BackendSetting, String> {
        text.parse()
            .map_err(|error: ParseBackendSettingError| error.to_string())
    }

    #[test]
    fn plugins_are_separated_by_semicolons() {
        let setting = parse("tensorrt,plugins=/a/b.so;c=d.so; ;e f.so;").unwrap();
        let paths = ["/a/b.so", "c=d.so", "e f.so"].map(PathBuf::from);
        assert_eq!(
            setting.plugins(),
            Some((Framework::TensorRt, paths.to_vec()))
        );
        assert_eq!(
            parse("pytorch,plugins=").unwrap().plugins(),
            Some((Framework::PyTorch, vec![]))
        );
    }

    #[test]
    fn other_settings_are_read_and_list_nothing() {
        for text in ["tensorflow,version=2", "default-max-batch-size=4"] {
            let setting = parse(text).unwrap();
            assert_eq!(setting.plugins(), None);
            assert_eq!(setting.to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let message = |text: &str| parse(text).unwrap_err();
        assert!(message("onnxruntme,plugins=a.so").contains("did you mean 'onnxruntime'"));
        assert!(message("tensorrt").contains("FRAMEWORK,KEY=VALUE"));
        assert!(message("tensorrt,=a").contains("FRAMEWORK,KEY=VALUE"));
        assert!(message("plugins=a.so").contains("needs the framework"));
    }

    proptest! {
        #[test]
        fn any_setting_is_read_or_refused(text in "(tensorrt|pytorch|x)?,?(plugins)?=?\\PC{0,20}") {
            if let Ok(setting) = text.parse::<BackendSetting>() {
                prop_assert_eq!(setting.to_string(), text);
            }
        }
    }
}
