//! The processor of this machine.

use std::fmt;

use object::elf;

/// A level of x86-64: a set of instructions that programs are built for.
///
/// Source: x86-64 psABI, "Micro-Architecture Levels".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    V1,
    V2,
    V3,
    V4,
}

impl Level {
    /// The highest level among the bits of `GNU_PROPERTY_X86_ISA_1_NEEDED`.
    pub(crate) const fn needed(bits: u32) -> Self {
        if bits & elf::GNU_PROPERTY_X86_ISA_1_V4 != 0 {
            Self::V4
        } else if bits & elf::GNU_PROPERTY_X86_ISA_1_V3 != 0 {
            Self::V3
        } else if bits & elf::GNU_PROPERTY_X86_ISA_1_V2 != 0 {
            Self::V2
        } else {
            Self::V1
        }
    }

    /// The level of this machine's processor; `None` where it is no x86-64.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn present() -> Option<Self> {
        macro_rules! has {
            ($($feature:tt)*) => { $(std::arch::is_x86_feature_detected!($feature))&&* };
        }
        let v2 = has!("cmpxchg16b" "popcnt" "sse3" "ssse3" "sse4.1" "sse4.2");
        let v3 = v2 && has!("avx" "avx2" "bmi1" "bmi2" "f16c" "fma" "lzcnt" "movbe");
        let v4 = v3 && has!("avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
        Some(match (v2, v3, v4) {
            (_, _, true) => Self::V4,
            (_, true, _) => Self::V3,
            (true, _, _) => Self::V2,
            _ => Self::V1,
        })
    }

    /// The level of this machine's processor; `None` where it is no x86-64.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) const fn present() -> Option<Self> {
        None
    }

    /// The instructions that it has beyond the level below, as people know them.
    pub(crate) const fn instructions(self) -> &'static str {
        match self {
            Self::V1 => "SSE2",
            Self::V2 => "SSE4.2",
            Self::V3 => "AVX2",
            Self::V4 => "AVX-512",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "x86-64",
            Self::V2 => "x86-64-v2",
            Self::V3 => "x86-64-v3",
            Self::V4 => "x86-64-v4",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bit_is_the_level() {
        assert_eq!(Level::needed(0), Level::V1);
        assert_eq!(Level::needed(0b0001), Level::V1);
        assert_eq!(Level::needed(0b0011), Level::V2);
        assert_eq!(Level::needed(0b0100), Level::V3);
        assert_eq!(Level::needed(0b1111), Level::V4);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn this_machine_has_the_level_that_the_system_tells() {
        let flags = std::fs::read_to_string("/proc/cpuinfo").expect("readable");
        let has = |flag: &str| flags.split_whitespace().any(|word| word == flag);
        let level = Level::present().expect("x86-64");
        assert_eq!(level >= Level::V3, has("avx2") && has("fma"));
        assert_eq!(level >= Level::V4, has("avx512vl") && has("avx512bw"));
    }
}
