use runtimes::Framework;

use crate::{DEFAULT_DOMAIN, Op};

use super::{DeviceCode, Fault};

/// The sample operators as a library that registers one domain.
///
/// ```
/// use test_ops::{Fault, Sample};
/// let rebuilt = Sample::default().with_signature(2);
/// let hanging = Sample::default().with_fault(Fault::KernelHangs);
/// assert_ne!(rebuilt, hanging);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Operator domain that is registered, as [`mod@crate::spelling`] spells it for a framework;
    /// at most [`Sample::DOMAIN_CAPACITY`] bytes.
    pub domain: String,
    /// The operators that are registered, as far as the framework can express them.
    pub ops: Vec<Op>,
    /// The full name under which the only one of [`ops`](Self::ops) is registered, in the
    /// framework's spelling and in place of its own.
    pub name: Option<String>,
    /// BiasGelu takes `x` alone and computes `gelu(x)`: the same operator with another signature.
    pub without_bias: bool,
    /// Kernels are registered, and no operators: another library, or the framework, defines them.
    pub kernels_only: bool,
    /// TensorRT: the version of all plugins, at most 8 bytes.
    pub plugin_version: String,
    /// Added to each element of each result, so that it shows which library answered.
    pub signature: u8,
    /// ONNX Runtime: level of the C interface that the library asks for and that its op structs
    /// claim.
    pub api_level: u32,
    /// ONNX Runtime: the level stands in the library's code, as in every library that was compiled
    /// with a release's header, and not in its configuration alone.
    pub level_in_code: bool,
    /// TensorRT: how the library hands its plugins over.
    pub plugin_entry: PluginEntry,
    /// PyTorch: the interface that the library is written against.
    pub interface: TorchInterface,
    /// ONNX Runtime, PyTorch and TensorRT: the code for GPUs.
    pub device_code: DeviceCode,
    /// What goes wrong, where something does.
    pub fault: Option<Fault>,
    /// Linked with a C++ object that holds a `STB_GNU_UNIQUE` symbol, which keeps the library
    /// mapped after `dlclose`.
    pub pinned: bool,
}

/// How a TensorRT plugin library hands its plugins over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PluginEntry {
    /// By the functions that `IPluginRegistry::loadLibrary` calls: `getPluginCreators` (from
    /// TensorRT 10.0 on also `getCreators`) and `setLoggerFinder`.
    #[default]
    Creators,
    /// By a static initializer that registers with the process's plugin registry.
    StaticRegistrar,
    /// In both ways.
    CreatorsAndStaticRegistrar,
}

/// The interface of PyTorch that an op library is written against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TorchInterface {
    /// C++, with the ABI of the runtime that the library is built for.
    #[default]
    Cpp,
    /// C++, with strings as before GCC 5 (`_GLIBCXX_USE_CXX11_ABI=0`), whatever the runtime has.
    CppOldStrings,
    /// The stable interface, of C functions. There is one operator for it, Modulo in fp32.
    Stable,
}

impl Sample {
    /// Level of ONNX Runtime's C interface that every runtime of the catalogue has.
    pub const DEFAULT_API_LEVEL: u32 = 20;
    /// Version of TensorRT plugins unless told otherwise.
    pub const DEFAULT_PLUGIN_VERSION: &'static str = "1";
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

    /// The same library with this one operator only, under another name.
    pub fn with_op_named(mut self, op: Op, name: &str) -> Sample {
        self.ops = vec![op];
        self.name = Some(name.to_owned());
        self
    }

    /// The same library with another signature of the operator BiasGelu: without a bias.
    pub fn without_bias(mut self) -> Sample {
        self.without_bias = true;
        self
    }

    /// The same library with kernels for operators that others define.
    pub fn kernels_only(mut self) -> Sample {
        self.kernels_only = true;
        self
    }

    /// The same library with another version of its TensorRT plugins.
    pub fn with_plugin_version(mut self, version: &str) -> Sample {
        self.plugin_version = version.to_owned();
        self
    }

    /// The same library with other code for GPUs.
    pub fn with_device_code(mut self, device_code: DeviceCode) -> Sample {
        self.device_code = device_code;
        self
    }

    /// Whether the library has kernels for GPUs, as one of `framework`.
    pub fn has_device_kernels(&self, framework: Framework) -> bool {
        match framework {
            Framework::OnnxRuntime | Framework::TensorFlow | Framework::TensorRt => true,
            Framework::PyTorch => self.interface != TorchInterface::Stable,
        }
    }

    /// Whether an op library of `framework` can be like this.
    ///
    /// Operators and kernels are registered apart in PyTorch and TensorFlow. The registry of
    /// TensorRT knows nothing of a plugin's inputs. One further object is linked in at most.
    /// Code for GPUs can be chosen where there are kernels for them. A schema that disagrees with its
    /// kernel is a fault of libraries on PyTorch's stable interface alone: others end the process.
    pub fn exists_for(&self, framework: Framework) -> bool {
        let separates_kernels = matches!(framework, Framework::PyTorch | Framework::TensorFlow);
        (separates_kernels || !self.kernels_only)
            && (framework != Framework::TensorRt || !self.without_bias)
            && !(self.pinned && self.level_in_code)
            && (self.has_device_kernels(framework) || self.device_code == DeviceCode::default())
            && self
                .fault
                .is_none_or(|fault| self.can_have(fault, framework))
    }

    fn can_have(&self, fault: Fault, framework: Framework) -> bool {
        fault.exists_for(framework)
            && (self.has_device_kernels(framework) || !fault.is_on_device())
            && (fault != Fault::SchemaDisagrees || self.interface == TorchInterface::Stable)
    }

    /// The same library with another signature.
    pub fn with_signature(mut self, signature: u8) -> Sample {
        self.signature = signature;
        self
    }

    /// The same library for another level of ONNX Runtime's C interface.
    pub fn with_api_level(mut self, api_level: u32) -> Sample {
        self.api_level = api_level;
        self
    }

    /// The same library, as it is when it was compiled for this level of ONNX Runtime's C interface.
    pub fn compiled_for_level(mut self, api_level: u32) -> Sample {
        self.level_in_code = true;
        self.with_api_level(api_level)
    }

    /// The same library with another way to hand over TensorRT plugins.
    pub fn with_plugin_entry(mut self, plugin_entry: PluginEntry) -> Sample {
        self.plugin_entry = plugin_entry;
        self
    }

    /// The same library on another interface of PyTorch.
    pub fn with_interface(mut self, interface: TorchInterface) -> Sample {
        self.interface = interface;
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
            name: None,
            without_bias: false,
            kernels_only: false,
            plugin_version: Sample::DEFAULT_PLUGIN_VERSION.to_owned(),
            signature: 0,
            api_level: Sample::DEFAULT_API_LEVEL,
            level_in_code: false,
            plugin_entry: PluginEntry::default(),
            interface: TorchInterface::default(),
            device_code: DeviceCode::default(),
            fault: None,
            pinned: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_framework_has_the_samples_that_it_can_express() {
        let count = |sample: Sample| {
            let frameworks = Framework::ALL.into_iter();
            frameworks
                .filter(|&framework| sample.exists_for(framework))
                .count()
        };
        assert_eq!(count(Sample::default()), 4);
        assert_eq!(count(Sample::default().kernels_only()), 2);
        assert_eq!(count(Sample::default().without_bias()), 3);
        assert_eq!(count(Sample::default().with_plugin_version("2")), 4);
        let disagrees = Sample::default().with_fault(Fault::SchemaDisagrees);
        assert_eq!(count(disagrees.clone()), 0);
        assert_eq!(count(disagrees.with_interface(TorchInterface::Stable)), 1);
    }
}
