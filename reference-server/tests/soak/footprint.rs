//! What a process has of the machine.

use std::fmt;

/// Memory and descriptors of a process at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// Resident memory in bytes.
    pub resident: u64,
    /// Open file descriptors.
    pub descriptors: usize,
}

impl Footprint {
    /// Of the process of this id, which runs.
    #[track_caller]
    pub fn of(pid: u32) -> Self {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kibibytes: u64 = kibibytes
            .and_then(|number| number.trim().parse().ok())
            .expect("the kernel tells it in kB");
        Self {
            resident: kibibytes << 10,
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd"))
                .expect("it runs")
                .count(),
        }
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = self.resident as f64 / f64::from(1 << 20);
        write!(f, "{mebibytes:.1} MiB, {} descriptors", self.descriptors)
    }
}
