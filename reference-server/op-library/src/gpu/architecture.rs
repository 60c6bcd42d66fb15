//! Architectures of NVIDIA GPUs, and which code runs on which.

use std::fmt;
use std::str::FromStr;

/// What a GPU can do: the architecture that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComputeCapability {
    /// The generation.
    pub major: u32,
    /// The step within the generation.
    pub minor: u32,
}

/// What code was compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Architecture {
    /// The oldest GPU that runs the code.
    pub capability: ComputeCapability,
    /// Which others do.
    pub portability: Portability,
}

/// On which GPUs code runs beside those that it was compiled for.
///
/// Source: CUDA programming guide, "Compute capabilities", on feature sets: the baseline set, those
/// of a family (suffix `f`) and those of one architecture (suffix `a`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Portability {
    /// On later ones.
    Baseline,
    /// On later ones of the same family.
    Family,
    /// On no other.
    Exact,
}

/// Architectures of one family. Any other one is the only one of its family so far.
///
/// Source: CUDA programming guide, "Family-specific feature set".
const FAMILIES: [&[(u32, u32)]; 2] = [&[(10, 0), (10, 3)], &[(12, 0), (12, 1)]];

impl ComputeCapability {
    /// The capability whose architecture has the number 90, 121, …
    pub(super) const fn of_number(number: u32) -> Self {
        Self {
            major: number / 10,
            minor: number % 10,
        }
    }

    fn is_of_family(self, other: Self) -> bool {
        let is_in = |one: Self, family: &[(u32, u32)]| family.contains(&(one.major, one.minor));
        self == other
            || FAMILIES
                .iter()
                .any(|family| is_in(self, family) && is_in(other, family))
    }
}

impl Architecture {
    /// Whether machine code for this architecture runs on a GPU.
    ///
    /// Source: CUDA programming guide, "Binary compatibility": from one minor version to the next,
    /// not from one major version to the next.
    pub fn runs_on(self, gpu: ComputeCapability) -> bool {
        let own = self.capability;
        match self.portability {
            Portability::Baseline => own.major == gpu.major && own.minor <= gpu.minor,
            Portability::Family => own.is_of_family(gpu) && own <= gpu,
            Portability::Exact => own == gpu,
        }
    }

    /// Whether the driver can compile PTX for this architecture for a GPU.
    ///
    /// Source: CUDA programming guide, "PTX compatibility": for every later one.
    pub fn compiles_for(self, gpu: ComputeCapability) -> bool {
        let own = self.capability;
        match self.portability {
            Portability::Baseline => own <= gpu,
            Portability::Family => own.is_of_family(gpu) && own <= gpu,
            Portability::Exact => own == gpu,
        }
    }

    const fn suffix(self) -> &'static str {
        match self.portability {
            Portability::Baseline => "",
            Portability::Family => "f",
            Portability::Exact => "a",
        }
    }

    /// Its name as that of machine code: `sm_90a`.
    pub fn binary_name(self) -> String {
        format!("sm_{}{}", self.capability, self.suffix())
    }

    /// Its name as that of PTX: `compute_90a`.
    pub fn ptx_name(self) -> String {
        format!("compute_{}{}", self.capability, self.suffix())
    }
}

/// The number that names architectures: 90.
impl fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.major, self.minor)
    }
}

/// A text that is no compute capability.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no compute capability, such as 9.0")]
pub struct ParseCapabilityError(String);

/// As the driver tells it: `9.0`.
impl FromStr for ComputeCapability {
    type Err = ParseCapabilityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('.').and_then(|(major, minor)| {
            Some(Self {
                major: major.parse().ok()?,
                minor: minor.parse().ok()?,
            })
        });
        numbers.ok_or_else(|| ParseCapabilityError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture(number: u32, portability: Portability) -> Architecture {
        Architecture {
            capability: ComputeCapability::of_number(number),
            portability,
        }
    }

    #[test]
    fn names_are_those_of_the_compiler() {
        let exact = architecture(90, Portability::Exact);
        assert_eq!(exact.binary_name(), "sm_90a");
        assert_eq!(exact.ptx_name(), "compute_90a");
        assert_eq!(
            architecture(121, Portability::Family).binary_name(),
            "sm_121f"
        );
        assert_eq!("12.1".parse(), Ok(ComputeCapability::of_number(121)));
        assert!("[N/A]".parse::<ComputeCapability>().is_err());
    }

    #[test]
    fn code_runs_where_the_rules_of_compatibility_say() {
        use Portability::{Baseline, Exact, Family};
        // Compiled for, on the GPU, machine code runs, PTX is compiled.
        for (number, portability, gpu, runs, compiles) in [
            (80, Baseline, 80, true, true),
            (80, Baseline, 86, true, true),
            (86, Baseline, 80, false, false),
            (80, Baseline, 90, false, true),
            (90, Baseline, 89, false, false),
            (90, Exact, 90, true, true),
            (90, Exact, 100, false, false),
            (100, Baseline, 103, true, true),
            (100, Exact, 103, false, false),
            (100, Family, 103, true, true),
            (103, Family, 100, false, false),
            (100, Family, 120, false, false),
            (100, Baseline, 120, false, true),
            (120, Family, 121, true, true),
            (110, Family, 110, true, true),
        ] {
            let code = architecture(number, portability);
            let gpu = ComputeCapability::of_number(gpu);
            assert_eq!(code.runs_on(gpu), runs, "{} on {gpu}", code.binary_name());
            assert_eq!(
                code.compiles_for(gpu),
                compiles,
                "{} for {gpu}",
                code.ptx_name()
            );
        }
    }
}
