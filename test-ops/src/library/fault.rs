use runtimes::Framework;

/// What goes wrong in a library that loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The framework's registration function reports an error: `RegisterCustomOps` returns an
    /// error status, `getPluginCreators` returns no creators.
    RegistrationFails,
    /// `RegisterCustomOps` uses the API pointer without a check for null. Together with an API
    /// level that the runtime lacks this ends in SIGSEGV; without the fault such a library
    /// returns an error status.
    UncheckedApi,
    /// The first execution of any kernel writes to address zero.
    KernelCrashes,
    /// The first execution of any kernel throws `std::runtime_error`.
    KernelThrows,
    /// The first execution of any kernel never returns (and sleeps).
    KernelHangs,
    /// The first execution of any kernel panics in Rust, which the library turns into a status.
    KernelPanics,
    /// The kernel of an operator takes other arguments than the operator's schema says. On PyTorch's
    /// stable interface nothing notices before it is executed; on the C++ interface this is
    /// [`super::Broken::SchemaDisagrees`].
    SchemaDisagrees,
    /// With the first kernel on a GPU goes one that writes to an address which is none: all that the
    /// process has on the GPU is lost.
    DeviceKernelWritesAstray,
    /// Before the first kernel on a GPU comes one that never ends.
    DeviceKernelHangs,
    /// Before the first kernel on a GPU, more memory is asked for than a GPU has.
    DeviceMemoryIsExhausted,
    /// After the first kernel on a GPU, all of its memory that is free is taken, and kept.
    DeviceMemoryIsTaken,
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 11] = [
        Fault::RegistrationFails,
        Fault::UncheckedApi,
        Fault::KernelCrashes,
        Fault::KernelThrows,
        Fault::KernelHangs,
        Fault::KernelPanics,
        Fault::SchemaDisagrees,
        Fault::DeviceKernelWritesAstray,
        Fault::DeviceKernelHangs,
        Fault::DeviceMemoryIsExhausted,
        Fault::DeviceMemoryIsTaken,
    ];

    /// Whether it is in what is executed on a GPU.
    pub fn is_on_device(self) -> bool {
        matches!(
            self,
            Fault::DeviceKernelWritesAstray
                | Fault::DeviceKernelHangs
                | Fault::DeviceMemoryIsExhausted
                | Fault::DeviceMemoryIsTaken
        )
    }

    /// Whether an op library of `framework` can have this fault.
    ///
    /// PyTorch and TensorFlow register from static initializers, which report nothing: there a
    /// failed registration is [`super::Broken::InitializerThrows`]. Levels of a C interface, and
    /// a library in Rust, exist for ONNX Runtime alone; schemas beside kernels for
    /// PyTorch, of whose interfaces [`super::Sample::exists_for`] says which.
    pub fn exists_for(self, framework: Framework) -> bool {
        match self {
            Fault::KernelCrashes
            | Fault::KernelThrows
            | Fault::KernelHangs
            | Fault::DeviceKernelWritesAstray
            | Fault::DeviceKernelHangs
            | Fault::DeviceMemoryIsExhausted
            | Fault::DeviceMemoryIsTaken => true,
            Fault::RegistrationFails => {
                matches!(framework, Framework::OnnxRuntime | Framework::TensorRt)
            }
            Fault::UncheckedApi | Fault::KernelPanics => framework == Framework::OnnxRuntime,
            Fault::SchemaDisagrees => framework == Framework::PyTorch,
        }
    }
}
