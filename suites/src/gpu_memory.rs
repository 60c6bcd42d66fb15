//! Memory of the machine's NVIDIA GPUs, and who uses it, as the driver's management library (NVML)
//! tells it. Nothing of CUDA is started for it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;
use nvml_wrapper::enums::device::UsedGpuMemory;
use nvml_wrapper::error::NvmlError;

use crate::observation::GpuMemory;

/// The file name that the driver always installs; the one without a number is for developers.
const LIBRARY: &str = "libnvidia-ml.so.1";

/// Less than the smallest context of CUDA takes: a process that is still there is seen by it.
pub const CONTEXT_AT_LEAST: u64 = 32 << 20;

/// More than the driver itself has in use on a GPU that nobody uses.
const DRIVERS_OWN: u64 = 1 << 30;

/// How long a process may stay on the driver's list after its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two readings.
const INTERVAL: Duration = Duration::from_millis(50);

/// What NVML tells.
pub struct GpuMemoryReader {
    nvml: Nvml,
}

/// The memory in use at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes in use on all GPUs together, whoever uses them.
    pub used: u64,
    /// How many GPUs there are.
    pub gpus: u64,
    /// Bytes of each process that has something on a GPU. In a container there may be none, or those
    /// of other process ids.
    pub processes: BTreeMap<u32, u64>,
}

impl GpuMemoryReader {
    /// NVML, where the driver brings it.
    ///
    /// # Errors
    /// It is not installed, or does not work.
    pub fn open() -> Result<Self, NvmlError> {
        let nvml = Nvml::builder().lib_path(LIBRARY.as_ref()).init()?;
        Ok(Self { nvml })
    }

    /// The memory in use now.
    ///
    /// # Errors
    /// A GPU does not tell it.
    pub fn read(&self) -> Result<Reading, NvmlError> {
        let mut reading = Reading::default();
        for index in 0..self.nvml.device_count()? {
            let device = self.nvml.device_by_index(index)?;
            reading.gpus += 1;
            reading.used += device.memory_info()?.used;
            // Who may not see the processes sees none, which is the same as in a container.
            for process in device.running_compute_processes().unwrap_or_default() {
                let bytes = match process.used_gpu_memory {
                    UsedGpuMemory::Used(bytes) => bytes,
                    UsedGpuMemory::Unavailable => 0,
                };
                *reading.processes.entry(process.pid).or_default() += bytes;
            }
        }
        Ok(reading)
    }

    /// Whether nobody uses the GPUs. What a process had there is told for a moment after its end,
    /// which is waited for.
    pub fn finds_gpus_unused(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.read() {
                Ok(reading) if reading.is_of_unused_gpus() => return true,
                Ok(_) if Instant::now() < deadline => std::thread::sleep(INTERVAL),
                Ok(_) | Err(_) => return false,
            }
        }
    }
}

impl Reading {
    /// Whether nobody uses the GPUs, as far as it is told: what the driver keeps for itself is less
    /// than two contexts of CUDA take on a large GPU.
    pub fn is_of_unused_gpus(&self) -> bool {
        self.processes.is_empty() && self.used < self.gpus * DRIVERS_OWN
    }

    /// Whether the process is on the list.
    pub fn lists(&self, pid: i32) -> bool {
        u32::try_from(pid).is_ok_and(|pid| self.processes.contains_key(&pid))
    }

    /// What a case notes of it at `moment`, when the server consisted of the processes `server`.
    pub fn note(&self, moment: &str, server: &[i32]) -> GpuMemory {
        let pids = server.iter().filter_map(|&pid| u32::try_from(pid).ok());
        let own: Vec<u64> = pids
            .filter_map(|pid| self.processes.get(&pid).copied())
            .collect();
        GpuMemory {
            moment: moment.to_owned(),
            used: self.used,
            processes: own.len(),
            of_server: own.iter().sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_counts_the_processes_of_the_server_alone() {
        let reading = Reading {
            used: 1000,
            gpus: 1,
            processes: BTreeMap::from([(7, 400), (8, 500)]),
        };
        let note = reading.note("loaded", &[6, 7]);
        assert_eq!((note.processes, note.of_server, note.used), (1, 400, 1000));
        assert!(reading.lists(8) && !reading.lists(6) && !reading.lists(-1));
    }

    #[test]
    fn gpus_are_unused_where_no_process_is_listed_and_little_is_in_use() {
        let reading = |used, processes| Reading {
            used,
            gpus: 2,
            processes,
        };
        assert!(reading(2 * DRIVERS_OWN - 1, BTreeMap::new()).is_of_unused_gpus());
        assert!(!reading(2 * DRIVERS_OWN, BTreeMap::new()).is_of_unused_gpus());
        assert!(!reading(0, BTreeMap::from([(7, 0)])).is_of_unused_gpus());
        assert!(!Reading::default().is_of_unused_gpus(), "no GPU is told");
    }

    #[test]
    fn where_there_is_nvml_it_tells_the_memory_and_where_there_is_none_it_says_so() {
        match GpuMemoryReader::open() {
            Ok(reader) => drop(reader.read().expect("a reading")),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
