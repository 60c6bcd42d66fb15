/// The code for NVIDIA GPUs in a library: for which architectures, and in which form.
///
/// ```
/// use test_ops::DeviceCode;
/// let for_one_generation = DeviceCode::machine_code(&[75]);
/// assert_ne!(for_one_generation, DeviceCode::default());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceCode {
    /// Architectures with machine code, such as 90 for `sm_90`: it runs on later ones of the same
    /// generation (the tens) too.
    pub machine_code: Vec<u32>,
    /// Architectures with PTX, such as 90 for `compute_90`, which the driver compiles for the same
    /// and every later one.
    pub ptx: Vec<u32>,
}

impl DeviceCode {
    /// Machine code for these architectures and nothing for any other.
    pub fn machine_code(architectures: &[u32]) -> DeviceCode {
        DeviceCode {
            machine_code: architectures.to_vec(),
            ptx: Vec::new(),
        }
    }

    /// PTX for this architecture alone: the driver compiles it when the library is first used.
    pub fn ptx(architecture: u32) -> DeviceCode {
        DeviceCode {
            machine_code: Vec::new(),
            ptx: vec![architecture],
        }
    }

    /// None: kernels for GPUs are registered and cannot be launched.
    pub fn none() -> DeviceCode {
        DeviceCode {
            machine_code: Vec::new(),
            ptx: Vec::new(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.machine_code.is_empty() && self.ptx.is_empty()
    }
}

/// Every GPU from Turing on: machine code for the current ones, PTX for those to come.
impl Default for DeviceCode {
    fn default() -> DeviceCode {
        DeviceCode {
            machine_code: vec![75, 80, 86, 89, 90, 100, 120],
            ptx: vec![120],
        }
    }
}
