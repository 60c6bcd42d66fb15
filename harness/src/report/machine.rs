//! Machine and run as the page shows them.

use jiff::Timestamp;

use super::context::{Fact, MachineFacts, PartRow};
use crate::command_text::command_text;
use crate::quantity::{bytes, count};
use crate::results::{Machine, Part, Results, Run};

/// The machines of `results`; where there are several, with the parts that were made on each.
pub fn machines(results: &Results) -> Vec<MachineFacts> {
    let machines = results.machines();
    let several = machines.len() > 1;
    let title = |parts: &[&Part]| {
        let shards: Vec<&str> = parts.iter().map(|part| part.shard.as_str()).collect();
        match shards.as_slice() {
            [one] => format!("Machine of part {one}"),
            shards => format!("Machine of parts {}", shards.join(", ")),
        }
    };
    machines
        .into_iter()
        .map(|(machine, parts)| MachineFacts {
            title: if several {
                title(&parts)
            } else {
                "Machine".to_owned()
            },
            facts: machine_facts(machine),
        })
        .collect()
}

/// The rows of the parts of `run`.
pub fn part_rows(run: &Run) -> Vec<PartRow> {
    let row = |part: &Part| PartRow {
        shard: part.shard.clone(),
        start: time(part.start),
        duration: duration(part.duration_s)
            + if part.interrupted {
                ", ended early"
            } else {
                ""
            },
        content: format!(
            "{}, {}",
            count(part.cases.len(), "case"),
            count(part.measurements.len(), "measurement")
        ),
        command: command_text(&part.command_line),
    };
    run.parts.iter().map(row).collect()
}

fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Names and values on the machine; what is not known is said to be unknown, except for what a
/// virtual machine never tells.
fn machine_facts(machine: &Machine) -> Vec<Fact> {
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

/// Names and values on the run of `results`.
pub fn run_facts(results: &Results) -> Vec<Fact> {
    let run = &results.run;
    let mut facts = vec![
        Fact::new("Started", time(run.start)),
        Fact::new(
            match run.parts.len() {
                0 => "Took",
                _ => "All parts took",
            },
            duration(run.duration_s),
        ),
        Fact::new(
            "Commit",
            run.commit.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
        Fact::new("Harness", run.harness_version.clone()),
    ];
    // A load test starts no server and expects nothing of cases.
    if results.load.is_none() {
        facts.push(Fact::new("Isolation", run.isolation.name()));
        facts.push(Fact::new("Expectations", run.profile.name()));
    }
    facts.extend(run.shard.as_ref().map(|shard| Fact::new("Part", shard)));
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
