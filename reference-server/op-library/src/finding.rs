//! What an inspection finds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that an inspection found, with its remedy.
///
/// Findings are ordered by severity, the worst first, then by check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Finding {
    /// What it means for the library.
    pub severity: Severity,
    /// Which check found it; stable across versions of this project.
    pub id: FindingId,
    /// What was found, in one sentence that names the file.
    pub message: String,
    /// What to do about it, in one sentence.
    pub remedy: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.remedy)
    }
}

/// What a finding means for the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The library cannot be used.
    Error,
    /// The library can be used, and something about it will not be as expected.
    Warning,
}

/// The checks, each by the name that results carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingId {
    /// There is no such file.
    FileMissing,
    /// The path is a folder, a device or something else that is no regular file.
    NotRegularFile,
    /// The file cannot be read.
    Unreadable,
    /// The file is something else than an ELF file.
    NotElf,
    /// The file ends before its own headers say.
    TruncatedElf,
    /// The file's tables contradict themselves.
    CorruptElf,
    /// The file is for another processor, word size or byte order.
    OtherArchitecture,
    /// The file is an executable, an object file or a core dump.
    NotSharedObject,
    /// A library that it needs is not found.
    MissingDependency,
    /// A needed library lacks a version that is asked of it.
    SymbolVersionMissing,
    /// A symbol is defined nowhere.
    UndefinedSymbol,
    /// The processor lacks instructions that it says it needs.
    InstructionSet,
    /// It needs a stack whose content can be executed.
    ExecutableStack,
    /// Its thread-local variables need more room than there is for libraries that are opened later.
    StaticTls,
    /// It was built for a release whose types are laid out otherwise.
    OtherTypeLayout,
    /// It was built for another release, and nothing speaks against it.
    BuiltForOtherRelease,
    /// It asks for a level of the framework's interface that the runtime does not offer.
    ApiLevelTooNew,
    /// A kernel takes or returns something else than its op's schema says.
    SchemaDisagrees,
    /// There is no entry point.
    NoEntryPoint,
    /// The entry point has a C++ name.
    MangledEntryPoint,
    /// The entry point is not exported.
    HiddenEntryPoint,
    /// It loads, and nothing in it registers an op.
    RegistersNothing,
    /// It, or something that it brings along, is a second copy of the framework.
    SecondFramework,
    /// A GPU of this machine can run some of its kernels in no form.
    GpuKernelMissing,
    /// The driver has to compile some of its kernels for a GPU of this machine first.
    GpuKernelCompiledAtLoad,
    /// Its code has to be written to when it is mapped.
    TextRelocations,
    /// It looks for libraries in a folder that this machine does not have.
    SearchPathMissing,
    /// It looks for libraries relative to the working directory.
    SearchPathRelative,
    /// A unique symbol keeps the library mapped for the life of the process.
    PinnedByUniqueSymbol,
    /// A linker flag keeps the library mapped for the life of the process.
    PinnedByFlag,
}

impl FindingId {
    /// Whether a library of another release of the framework is what such a finding is mostly about.
    pub(crate) const fn tells_of_another_release(self) -> bool {
        matches!(
            self,
            Self::MissingDependency
                | Self::SymbolVersionMissing
                | Self::UndefinedSymbol
                | Self::OtherTypeLayout
                | Self::BuiltForOtherRelease
                | Self::ApiLevelTooNew
        )
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
