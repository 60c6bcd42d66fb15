use runtimes::Framework;

/// A file that does not get as far as a working registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broken {
    /// A valid library without the function that the framework looks for.
    NoEntryPoint,
    /// The entry point declared without `extern "C"`, hence with a C++ name.
    MangledEntryPoint,
    /// Needs `libabsent_dependency.so`, which does not exist.
    MissingDependency,
    /// Refers to `vendor::Tensor::resize(unsigned long)`, which no library defines.
    UndefinedSymbol,
    /// The first half of a working library. Its headers are whole: the dynamic loader notices
    /// nothing and dies of SIGBUS.
    Truncated,
    /// A text file with the name of a library.
    NotElf,
    /// A working library whose ELF header says AArch64. The code inside is not AArch64, which no
    /// loader gets far enough to notice.
    OtherArchitecture,
    /// A static initializer writes to address zero.
    InitializerCrashes,
    /// A static initializer calls `abort`.
    InitializerAborts,
    /// A static initializer throws `std::runtime_error`.
    InitializerThrows,
    /// A static initializer never returns (and sleeps).
    InitializerHangs,
    /// The kernel of an operator takes other arguments than the operator's schema says, and PyTorch
    /// notices when the library registers.
    SchemaDisagrees,
}

impl Broken {
    /// All broken files.
    pub const ALL: [Broken; 12] = [
        Broken::NoEntryPoint,
        Broken::MangledEntryPoint,
        Broken::MissingDependency,
        Broken::UndefinedSymbol,
        Broken::Truncated,
        Broken::NotElf,
        Broken::OtherArchitecture,
        Broken::InitializerCrashes,
        Broken::InitializerAborts,
        Broken::InitializerThrows,
        Broken::InitializerHangs,
        Broken::SchemaDisagrees,
    ];

    /// Whether there can be such a file for `framework`: entry points exist for ONNX Runtime
    /// (`RegisterCustomOps`) and TensorRT (`getPluginCreators`); libraries for the others register
    /// when they are loaded. Schemas beside kernels exist for PyTorch.
    pub fn exists_for(self, framework: Framework) -> bool {
        match self {
            Broken::NoEntryPoint | Broken::MangledEntryPoint => {
                matches!(framework, Framework::OnnxRuntime | Framework::TensorRt)
            }
            Broken::SchemaDisagrees => framework == Framework::PyTorch,
            _ => true,
        }
    }

    /// Stem of the file's name.
    pub(crate) fn stem(self) -> &'static str {
        match self {
            Broken::NoEntryPoint => "no_entry_point",
            Broken::MangledEntryPoint => "mangled_entry_point",
            Broken::MissingDependency => "missing_dependency",
            Broken::UndefinedSymbol => "undefined_symbol",
            Broken::Truncated => "truncated",
            Broken::NotElf => "not_elf",
            Broken::OtherArchitecture => "other_architecture",
            Broken::InitializerCrashes => "initializer_crashes",
            Broken::InitializerAborts => "initializer_aborts",
            Broken::InitializerThrows => "initializer_throws",
            Broken::InitializerHangs => "initializer_hangs",
            Broken::SchemaDisagrees => "schema_disagrees",
        }
    }
}
