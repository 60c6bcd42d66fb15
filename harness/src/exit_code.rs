//! What the exit status of `harness` means. Scripts rely on these numbers; they never change.

use std::process::ExitCode;

/// An exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything is as expected.
    AsExpected = 0,
    /// At least one case is not as expected.
    CaseFailed = 1,
    /// The command line is wrong. The same number that the argument parser uses.
    Usage = 2,
    /// Something is missing on the machine, could not be set up, or the run was ended early.
    Environment = 3,
    /// A measurement is slower than the one it is compared with.
    PerformanceRegression = 4,
    /// A comparison of measurements came to no conclusion.
    PerformanceInconclusive = 5,
    /// The harness itself failed.
    Internal = 70,
}

impl Exit {
    /// All of them, in ascending order.
    pub const ALL: [Self; 7] = [
        Self::AsExpected,
        Self::CaseFailed,
        Self::Usage,
        Self::Environment,
        Self::PerformanceRegression,
        Self::PerformanceInconclusive,
        Self::Internal,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, for `--help`.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::AsExpected => "everything is as expected",
            Self::CaseFailed => "at least one case is not as expected",
            Self::Usage => "the command line is wrong",
            Self::Environment => {
                "something is missing on the machine or could not be set up, or the run was ended early"
            }
            Self::PerformanceRegression => {
                "a measurement is worse than the one it is compared with"
            }
            Self::PerformanceInconclusive => "a comparison of measurements came to no conclusion",
            Self::Internal => "the harness itself failed",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_documented_ones() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 70]);
    }
}
