//! Versions of TensorRT as the library and plans tell them.

use std::fmt;

/// Major, minor and patch number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
    pub(super) patch: u32,
}

impl Version {
    /// What `getInferLibVersion` returns: 8600 is 8.6.0; from 10 on there are two digits for each
    /// of the lower numbers, so that 101601 is 10.16.1.
    pub(super) const fn from_number(number: i32) -> Self {
        let number = number.unsigned_abs();
        if number < 100_000 {
            Self {
                major: number / 1000,
                minor: number / 100 % 10,
                patch: number % 100,
            }
        } else {
            Self {
                major: number / 10_000,
                minor: number / 100 % 100,
                patch: number % 100,
            }
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_kinds_are_read() {
        let text = |number| Version::from_number(number).to_string();
        assert_eq!(text(8503), "8.5.3");
        assert_eq!(text(8600), "8.6.0");
        assert_eq!(text(101_601), "10.16.1");
        assert_eq!(text(110_400), "11.4.0");
    }
}
