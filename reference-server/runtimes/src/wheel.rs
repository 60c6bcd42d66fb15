//! File names of wheels, which carry the tags that pip selects by.

use std::fmt;
use std::str::FromStr;

/// The parts of a wheel's file name, `name-version(-build)?-python-abi-platform.whl`.
///
/// Source: the binary distribution format of the Python packaging specifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WheelName {
    /// Distribution name, with `_` in place of `-`.
    pub name: String,
    /// Version.
    pub version: String,
    /// Python tags, such as `cp314`; at least one.
    pub python: Vec<String>,
    /// ABI tags, such as `cp314` or `none`; at least one.
    pub abi: Vec<String>,
    /// Platform tags, such as `manylinux_2_28_x86_64`; at least one.
    pub platform: Vec<String>,
}

impl WheelName {
    /// The options that make pip accept this wheel whatever Python pip itself runs on.
    pub(crate) fn pip_options(&self) -> Vec<String> {
        let python = &self.python[0];
        let digits = python.find(|c: char| c.is_ascii_digit());
        let (implementation, version) = python.split_at(digits.unwrap_or(python.len()));
        // `cp314` is Python 3.14: the first digit is the major version.
        let version = match version.split_at_checked(1) {
            Some((major, minor)) if !minor.is_empty() => format!("{major}.{minor}"),
            _ => version.to_owned(),
        };
        let mut options = vec![
            "--implementation".to_owned(),
            implementation.to_owned(),
            "--python-version".to_owned(),
            version,
        ];
        for abi in &self.abi {
            options.extend(["--abi".to_owned(), abi.clone()]);
        }
        for platform in &self.platform {
            options.extend(["--platform".to_owned(), platform.clone()]);
        }
        options
    }
}

impl FromStr for WheelName {
    type Err = ParseWheelNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseWheelNameError {
            text: text.to_owned(),
        };
        let parts: Vec<&str> = text
            .strip_suffix(".whl")
            .ok_or_else(error)?
            .split('-')
            .collect();
        let (name, version, tags) = match parts[..] {
            [name, version, ref tags @ ..] if tags.len() == 3 => (name, version, tags),
            [name, version, _build, ref tags @ ..] if tags.len() == 3 => (name, version, tags),
            _ => return Err(error()),
        };
        let set = |tags: &str| -> Result<Vec<String>, ParseWheelNameError> {
            let tags: Vec<String> = tags.split('.').map(str::to_owned).collect();
            let plain = |tag: &String| {
                !tag.is_empty() && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            };
            if tags.iter().all(plain) {
                Ok(tags)
            } else {
                Err(error())
            }
        };
        if name.is_empty() || version.is_empty() {
            return Err(error());
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
            python: set(tags[0])?,
            abi: set(tags[1])?,
            platform: set(tags[2])?,
        })
    }
}

impl fmt::Display for WheelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}-{}-{}-{}.whl",
            self.name,
            self.version,
            self.python.join("."),
            self.abi.join("."),
            self.platform.join(".")
        )
    }
}

/// A text that is no wheel's file name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not the file name of a wheel: expected NAME-VERSION-PYTHON-ABI-PLATFORM.whl")]
pub struct ParseWheelNameError {
    text: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pip_is_asked_for_the_tags() {
        let wheel: WheelName =
            "onnxruntime-1.27.0-cp314-cp314-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"
                .parse()
                .expect("a wheel");
        assert_eq!(
            wheel.pip_options().join(" "),
            "--implementation cp --python-version 3.14 --abi cp314 \
             --platform manylinux_2_27_x86_64 --platform manylinux_2_28_x86_64"
        );
    }

    #[test]
    fn a_wheel_for_every_python_is_asked_for_by_major_version() {
        let wheel: WheelName = "tool-1.0-2-py3-none-manylinux_2_28_x86_64.whl"
            .parse()
            .expect("a wheel with a build number");
        assert_eq!(
            wheel.pip_options().join(" "),
            "--implementation py --python-version 3 --abi none --platform manylinux_2_28_x86_64"
        );
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_parsed_or_refused(text in "\\PC{0,40}|[a-z0-9._-]{0,30}\\.whl") {
            if let Ok(wheel) = text.parse::<WheelName>() {
                wheel.pip_options();
                prop_assert_eq!(wheel.to_string().parse::<WheelName>(), Ok(wheel));
            }
        }
    }
}
