//! The machine record: what a number depends on beside the software.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The machine that a run was made on. What the system does not tell is `None`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model name.
    pub cpu: Option<String>,
    /// Physical cores that the system shows.
    pub cores: Option<usize>,
    /// Logical processors that this process may use.
    pub logical_processors: usize,
    /// Main memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Kernel name and release.
    pub kernel: String,
    /// The distribution's name for itself.
    pub distribution: Option<String>,
    /// The C library's version.
    pub glibc: String,
    /// The clock governor of the first processor, such as `performance`.
    pub governor: Option<String>,
    /// The first processor's clock in MHz as the record was made.
    pub clock_mhz: Option<f64>,
    /// The hypervisor, where one is known: its name, or `yes` where only its presence shows.
    pub hypervisor: Option<String>,
    /// NVIDIA GPUs, by model name; empty where there is none.
    pub gpus: Vec<String>,
    /// The NVIDIA kernel driver's version.
    pub gpu_driver: Option<String>,
    /// Load average of the last minute as the record was made.
    pub load_average: Option<f64>,
}

impl Machine {
    /// Describes this machine from `/proc` and `/sys`.
    #[must_use]
    pub fn read() -> Self {
        Self::read_under(Path::new("/"))
    }

    /// Whether numbers from there can stand beside numbers from here: everything that is the same
    /// from moment to moment is the same.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let lasting = |machine: &Self| Self {
            clock_mhz: None,
            load_average: None,
            ..machine.clone()
        };
        lasting(self) == lasting(other)
    }

    fn read_under(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path)).ok();
        let line = |path: &str| {
            text(path)
                .map(|text| text.trim().to_owned())
                .filter(|l| !l.is_empty())
        };
        let cpuinfo = text("proc/cpuinfo").unwrap_or_default();
        Self {
            cpu: field(&cpuinfo, "model name"),
            cores: physical_cores(&cpuinfo),
            logical_processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: text("proc/meminfo").and_then(|meminfo| {
                let kibibytes = field(&meminfo, "MemTotal")?;
                kibibytes
                    .strip_suffix("kB")?
                    .trim()
                    .parse::<u64>()
                    .ok()
                    .map(|kib| kib * 1024)
            }),
            kernel: format!(
                "Linux {}",
                line("proc/sys/kernel/osrelease").unwrap_or_default()
            ),
            distribution: text("etc/os-release").and_then(|release| {
                let name = release
                    .lines()
                    .find_map(|l| l.strip_prefix("PRETTY_NAME="))?;
                Some(name.trim_matches('"').to_owned())
            }),
            glibc: glibc_version(),
            governor: line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            clock_mhz: field(&cpuinfo, "cpu MHz").and_then(|mhz| mhz.parse().ok()),
            hypervisor: hypervisor(&cpuinfo, &line),
            gpus: gpus(&root.join("proc/driver/nvidia/gpus")),
            gpu_driver: line("sys/module/nvidia/version"),
            load_average: text("proc/loadavg")
                .and_then(|loads| loads.split_whitespace().next()?.parse().ok()),
        }
    }
}

/// The value of the first `name : value` line.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name)
            .then(|| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    })
}

/// Distinct (package, core) pairs; `None` where the system does not number cores.
fn physical_cores(cpuinfo: &str) -> Option<usize> {
    let cores: BTreeSet<(String, String)> = cpuinfo
        .split("\n\n")
        .filter_map(|processor| {
            Some((
                field(processor, "physical id")?,
                field(processor, "core id")?,
            ))
        })
        .collect();
    (!cores.is_empty()).then_some(cores.len())
}

fn hypervisor(cpuinfo: &str, line: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let flagged = field(cpuinfo, "flags")
        .is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor"));
    let named = line("sys/hypervisor/type").or_else(|| {
        let vendor = line("sys/class/dmi/id/sys_vendor")?;
        let product = line("sys/class/dmi/id/product_name").unwrap_or_default();
        flagged.then(|| format!("{vendor} {product}").trim().to_owned())
    });
    named.or_else(|| flagged.then(|| "yes".to_owned()))
}

fn gpus(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            field(
                &fs::read_to_string(entry.path().join("information")).ok()?,
                "Model",
            )
        })
        .collect();
    names.sort();
    names
}

fn glibc_version() -> String {
    // SAFETY: the function takes nothing and returns a pointer to a constant string with a
    // terminating zero that lives as long as the process.
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    version.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_machine_with_everything_is_read() {
        let root = tempfile::tempdir().unwrap();
        let processor = |core: u32| {
            format!(
                "processor\t: {core}\nmodel name\t: Test CPU @ 3.00GHz\ncpu MHz\t\t: 2999.5\n\
                 physical id\t: 0\ncore id\t\t: {}\nflags\t\t: fpu hypervisor avx2\n\n",
                core / 2
            )
        };
        write(
            root.path(),
            "proc/cpuinfo",
            &(0..4).map(processor).collect::<String>(),
        );
        write(
            root.path(),
            "proc/meminfo",
            "MemTotal:       2048 kB\nMemFree: 1 kB\n",
        );
        write(root.path(), "proc/sys/kernel/osrelease", "6.1.0-test\n");
        write(root.path(), "proc/loadavg", "0.25 0.1 0.05 1/100 4242\n");
        write(
            root.path(),
            "etc/os-release",
            "NAME=x\nPRETTY_NAME=\"Test Linux 1\"\n",
        );
        write(
            root.path(),
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
            "powersave\n",
        );
        write(root.path(), "sys/class/dmi/id/sys_vendor", "QEMU\n");
        write(
            root.path(),
            "sys/class/dmi/id/product_name",
            "Standard PC\n",
        );
        write(root.path(), "sys/module/nvidia/version", "580.1\n");
        write(
            root.path(),
            "proc/driver/nvidia/gpus/0/information",
            "Model: \t NVIDIA Test\n",
        );
        let machine = Machine::read_under(root.path());
        assert_eq!(machine.cpu.as_deref(), Some("Test CPU @ 3.00GHz"));
        assert_eq!(
            (machine.cores, machine.memory_bytes),
            (Some(2), Some(2048 * 1024))
        );
        assert_eq!(machine.kernel, "Linux 6.1.0-test");
        assert_eq!(machine.distribution.as_deref(), Some("Test Linux 1"));
        assert_eq!(machine.governor.as_deref(), Some("powersave"));
        assert_eq!(
            (machine.clock_mhz, machine.load_average),
            (Some(2999.5), Some(0.25))
        );
        assert_eq!(machine.hypervisor.as_deref(), Some("QEMU Standard PC"));
        assert_eq!(machine.gpus, ["NVIDIA Test"]);
        assert_eq!(machine.gpu_driver.as_deref(), Some("580.1"));
    }

    #[test]
    fn what_the_system_does_not_tell_stays_open() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine::read_under(root.path());
        assert_eq!(
            (machine.cpu, machine.cores, machine.memory_bytes),
            (None, None, None)
        );
        assert_eq!((machine.hypervisor, machine.gpu_driver), (None, None));
        assert!(machine.gpus.is_empty());
    }

    #[test]
    fn this_machine_has_a_c_library_and_memory() {
        let machine = Machine::read();
        assert!(machine.glibc.starts_with("2."), "{}", machine.glibc);
        assert!(machine.memory_bytes.unwrap() > 0);
    }
}
