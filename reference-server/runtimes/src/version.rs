//! Versions of frameworks: one to four numbers.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A framework's version: one to four numbers with dots, such as `1.32.0` or `8.5.3.1`.
///
/// Semantic versions have three numbers; TensorRT's have four. Missing numbers count as zero when
/// versions are ordered; among versions that are equal then, the shorter comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    numbers: [u32; Self::MAX_NUMBERS],
    count: u8,
}

impl Version {
    const MAX_NUMBERS: usize = 4;

    /// The version of three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            numbers: [major, minor, patch, 0],
            count: 3,
        }
    }

    /// The first number.
    pub const fn major(&self) -> u32 {
        self.numbers[0]
    }

    /// The second number, zero where there is none.
    pub const fn minor(&self) -> u32 {
        self.numbers[1]
    }

    /// The third number, zero where there is none.
    pub const fn patch(&self) -> u32 {
        self.numbers[2]
    }

    /// The numbers as they were written.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers[..usize::from(self.count)]
    }

    /// The first three numbers as a semantic version, to be matched against version ranges.
    pub const fn to_semver(&self) -> semver::Version {
        semver::Version::new(
            self.numbers[0] as u64,
            self.numbers[1] as u64,
            self.numbers[2] as u64,
        )
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.numbers, self.count).cmp(&(other.numbers, other.count))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.numbers().iter().map(u32::to_string).collect();
        f.pad(&numbers.join("."))
    }
}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseVersionError {
            text: text.to_owned(),
        };
        let mut numbers = [0; Self::MAX_NUMBERS];
        let mut count = 0;
        for part in text.split('.') {
            // `u32::from_str` accepts a sign, and leading zeros would not print as they were read.
            let canonical = part.bytes().all(|byte| byte.is_ascii_digit())
                && (part.len() == 1 || !part.starts_with('0'));
            if count == Self::MAX_NUMBERS || !canonical {
                return Err(error());
            }
            numbers[count] = part.parse().map_err(|_| error())?;
            count += 1;
        }
        Ok(Self {
            numbers,
            count: count as u8,
        })
    }
}

impl TryFrom<String> for Version {
    type Error = ParseVersionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// A text that is no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a version: expected one to four numbers with dots, such as 1.32.0")]
pub struct ParseVersionError {
    text: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn order_is_numeric() {
        let mut versions =
            ["1.9.0", "1.32.0", "1.20.1", "8.5.3.1", "8.5.3", "2", "1.32"].map(parse);
        versions.sort();
        assert_eq!(
            versions.map(|version| version.to_string()),
            ["1.9.0", "1.20.1", "1.32", "1.32.0", "2", "8.5.3", "8.5.3.1"]
        );
    }

    #[test]
    fn refuses_what_is_no_version() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.5",
            "01.2",
            "+1",
            "-1",
            "1.x",
            "4294967296",
            "1 ",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn ranges_match_on_three_numbers() {
        let range = semver::VersionReq::parse(">=8.5, <8.6").expect("a range");
        assert!(range.matches(&parse("8.5.3.1").to_semver()));
        assert!(!range.matches(&parse("8.6.0").to_semver()));
    }

    fn parse(text: &str) -> Version {
        text.parse().expect("a version")
    }

    proptest! {
        #[test]
        fn text_round_trips(numbers in prop::collection::vec(any::<u32>(), 1..=4)) {
            let text = numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
            let version: Version = text.parse().unwrap();
            prop_assert_eq!(version.to_string(), text);
            prop_assert_eq!(version.numbers(), numbers.as_slice());
        }

        #[test]
        fn whatever_parses_prints_the_same(text in "[0-9.+]{0,12}|\\PC{0,8}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string(), text);
            }
        }

        #[test]
        fn order_agrees_with_the_numbers(a: [u32; 3], b: [u32; 3]) {
            let version = |n: [u32; 3]| Version::new(n[0], n[1], n[2]);
            prop_assert_eq!(version(a).cmp(&version(b)), a.cmp(&b));
        }
    }
}
