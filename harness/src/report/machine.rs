//! Machine and run as the page shows them.

use super::context::Fact;
use crate::quantity::bytes;
use crate::results::{Machine, Run};

/// Names and values on the machine; what is not known is said to be unknown, except for what a
/// virtual machine never tells.
pub fn machine_facts(machine: &Machine) -> Vec<Fact> {
    let known = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let processors = match machine.cores {
        Some(cores) => format!(
            "{} logical processors on {cores} cores",
            machine.logical_processors
        ),
        None => format!("{} logical processors", machine.logical_processors),
    };
    let clock = machine.clock_mhz.map(|mhz| format!("{:.2} GHz", mhz / 1e3));
    let governor = machine
        .governor
        .as_ref()
        .map(|governor| format!("governor {governor}"));
    let clocks: Vec<String> = clock.into_iter().chain(governor).collect();
    let mut facts = vec![
        Fact::new("Processor", known(machine.cpu.clone())),
        Fact::new("Processors in use", processors),
        Fact::new(
            "Clock",
            known((!clocks.is_empty()).then(|| clocks.join(", "))),
        ),
        Fact::new("Memory", known(machine.memory_bytes.map(bytes))),
        Fact::new("Kernel", machine.kernel.clone()),
        Fact::new("Distribution", known(machine.distribution.clone())),
        Fact::new("C library", format!("glibc {}", machine.glibc)),
        Fact::new(
            "Hypervisor",
            machine
                .hypervisor
                .clone()
                .unwrap_or_else(|| "none seen".to_owned()),
        ),
    ];
    let driver = machine
        .gpu_driver
        .as_ref()
        .map(|driver| format!(" (driver {driver})"));
    let gpus = match &machine.gpus[..] {
        [] => "none".to_owned(),
        gpus => format!("{}{}", gpus.join(", "), driver.unwrap_or_default()),
    };
    facts.push(Fact::new("GPU", gpus));
    if let Some(load) = machine.load_average {
        facts.push(Fact::new("Load when it began", format!("{load:.2}")));
    }
    facts
}

/// Names and values on the run.
pub fn run_facts(run: &Run) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new(
            "Started",
            run.start.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        ),
        Fact::new("Took", duration(run.duration_s)),
        Fact::new(
            "Commit",
            run.commit.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
        Fact::new("Harness", run.harness_version.clone()),
        Fact::new("Isolation", run.isolation.name()),
        Fact::new("Expectations", run.profile.name()),
    ];
    if run.interrupted {
        facts.push(Fact::new(
            "Ended early",
            "yes: what was done until then is here",
        ));
    }
    if run.quick {
        facts.push(Fact::new("Measurements", "shortened (--quick)"));
    }
    facts
}

/// Seconds as `1 min 4 s`.
fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 60, whole % 60) {
        (0, _) => format!("{seconds:.1} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
