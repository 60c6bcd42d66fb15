//! Op libraries for ONNX Runtime.

use crate::{DEFAULT_DOMAIN, Op};

/// An op library that [`crate::Builder`] can build.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Library {
    /// A library that the dynamic loader accepts; the sample operators, or a fault inside.
    Sample(Sample),
    /// A file that does not get as far as a working registration.
    Broken(Broken),
}

/// The sample operators as a library: `RegisterCustomOps` adds one domain.
///
/// ```
/// use test_ops::{Fault, Sample};
/// let rebuilt = Sample::default().with_signature(2);
/// let hanging = Sample::default().with_fault(Fault::KernelHangs);
/// assert_ne!(rebuilt, hanging);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Operator domain that is registered; at most [`Sample::DOMAIN_CAPACITY`] bytes.
    pub domain: String,
    /// The operators that are registered.
    pub ops: Vec<Op>,
    /// Added to each element of each result, so that it shows which library answered.
    pub signature: u8,
    /// Level of the C interface that the library asks for and that its op structs claim.
    pub api_level: u32,
    /// What goes wrong, where something does.
    pub fault: Option<Fault>,
    /// Linked with a C++ object that holds a `STB_GNU_UNIQUE` symbol, which keeps the library
    /// mapped after `dlclose`.
    pub pinned: bool,
}

/// What goes wrong in a library that loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// `RegisterCustomOps` returns an error status.
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
}

/// A file that does not get as far as a working registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broken {
    /// A valid library without `RegisterCustomOps`.
    NoEntryPoint,
    /// `RegisterCustomOps` declared without `extern "C"`, hence with a C++ name.
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
}

impl Sample {
    /// Level of the C interface that every runtime of the catalogue has.
    pub const DEFAULT_API_LEVEL: u32 = 20;
    /// Longest domain that fits, in bytes.
    pub const DOMAIN_CAPACITY: usize = crate::builder::layout::DOMAIN_CAPACITY;

    /// The same library under another operator domain.
    pub fn with_domain(mut self, domain: &str) -> Sample {
        self.domain = domain.to_owned();
        self
    }

    /// The same library with only these operators.
    pub fn with_ops(mut self, ops: &[Op]) -> Sample {
        self.ops = ops.to_vec();
        self
    }

    /// The same library with another signature.
    pub fn with_signature(mut self, signature: u8) -> Sample {
        self.signature = signature;
        self
    }

    /// The same library for another level of the C interface.
    pub fn with_api_level(mut self, api_level: u32) -> Sample {
        self.api_level = api_level;
        self
    }

    /// The same library with a fault.
    pub fn with_fault(mut self, fault: Fault) -> Sample {
        self.fault = Some(fault);
        self
    }

    /// The same library with a symbol that keeps it mapped.
    pub fn pinned(mut self) -> Sample {
        self.pinned = true;
        self
    }
}

impl Default for Sample {
    fn default() -> Sample {
        Sample {
            domain: DEFAULT_DOMAIN.to_owned(),
            ops: Op::ALL.to_vec(),
            signature: 0,
            api_level: Sample::DEFAULT_API_LEVEL,
            fault: None,
            pinned: false,
        }
    }
}

impl Fault {
    /// All faults.
    pub const ALL: [Fault; 6] = [
        Fault::RegistrationFails,
        Fault::UncheckedApi,
        Fault::KernelCrashes,
        Fault::KernelThrows,
        Fault::KernelHangs,
        Fault::KernelPanics,
    ];
}

impl Broken {
    /// All broken files.
    pub const ALL: [Broken; 11] = [
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
    ];

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
        }
    }
}

impl Library {
    /// Name of the file that [`crate::Builder::build`] yields, such as `libcustom_ops.so` or
    /// `libtruncated.so`. Samples share one name; their folders differ.
    pub fn file_name(&self) -> String {
        match self {
            Library::Sample(_) => "libcustom_ops.so".to_owned(),
            Library::Broken(broken) => format!("lib{}.so", broken.stem()),
        }
    }
}

impl From<Sample> for Library {
    fn from(sample: Sample) -> Library {
        Library::Sample(sample)
    }
}

impl From<Broken> for Library {
    fn from(broken: Broken) -> Library {
        Library::Broken(broken)
    }
}
