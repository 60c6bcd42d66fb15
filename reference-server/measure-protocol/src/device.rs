use serde::{Deserialize, Serialize};

/// A GPU, and the state in which it was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Its name, such as `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Its UUID, such as `GPU-…`.
    pub uuid: String,
    /// The version of the driver, such as `580.95.05`; none where NVML does not tell.
    pub driver: Option<String>,
    /// The clock of the multiprocessors, in MHz.
    pub sm_clock_mhz: Option<u32>,
    /// The highest clock of the multiprocessors, in MHz.
    pub highest_sm_clock_mhz: Option<u32>,
    /// The clock of the memory, in MHz.
    pub memory_clock_mhz: Option<u32>,
    /// Whether its memory corrects errors.
    pub ecc: Option<bool>,
    /// The limit of its power, in watts.
    pub power_limit_w: Option<u32>,
    /// Bytes of its second-level cache.
    pub cache_bytes: u64,
    /// Bytes of its memory.
    pub memory_bytes: u64,
}

/// How a GPU's clocks behaved during a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockEvents {
    /// The clock of the multiprocessors before, in MHz.
    pub before_mhz: u32,
    /// The clock of the multiprocessors after, in MHz.
    pub after_mhz: u32,
    /// Why the clocks were held down before or after, such as `power limit`.
    pub held_down_by: Vec<String>,
}
