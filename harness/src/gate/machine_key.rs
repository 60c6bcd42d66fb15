//! On which circumstances numbers depend so much that they are not compared across them.

use std::fmt;

use super::baseline::MeasuredRun;

/// Something in which two runs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What, such as `CPU`.
    pub what: String,
    /// Its value in the first run.
    pub first: String,
    /// Its value in the second run.
    pub second: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, then {})", self.what, self.first, self.second)
    }
}

/// In what the circumstances of two runs differ: processor, GPU and driver, virtualization, the runtimes of
/// the frameworks that both have, and how the runs were made. Empty where their numbers can be compared.
///
/// The release of the kernel is not among them: hosted machines change it every few days, and its part in
/// a time is within what the limit allows.
#[must_use]
pub fn differences(first: &MeasuredRun, second: &MeasuredRun) -> Vec<Difference> {
    let mut pairs: Vec<(String, String, String)> = Vec::new();
    for ((what, one), (_, other)) in key(first).into_iter().zip(key(second)) {
        pairs.push((what.to_owned(), one, other));
    }
    let frameworks = first.runtimes.iter().map(|runtime| &runtime.framework);
    let mut frameworks: Vec<&String> = frameworks.collect();
    frameworks.dedup();
    for framework in frameworks {
        let (one, other) = (runtimes(first, framework), runtimes(second, framework));
        if !other.is_empty() {
            pairs.push((format!("runtime of {framework}"), one, other));
        }
    }
    pairs
        .into_iter()
        .filter(|(_, first, second)| first != second)
        .map(|(what, first, second)| Difference {
            what,
            first,
            second,
        })
        .collect()
}

/// The parts of the key, with their names; always the same ones in the same order.
fn key(run: &MeasuredRun) -> [(&'static str, String); 8] {
    let machine = &run.machine;
    let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let none = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    [
        ("CPU", known(&machine.cpu)),
        ("logical processors", machine.logical_processors.to_string()),
        ("clock governor", none(&machine.governor)),
        ("hypervisor", none(&machine.hypervisor)),
        (
            "GPU",
            match machine.gpus.as_slice() {
                [] => "none".to_owned(),
                gpus => gpus.join(", "),
            },
        ),
        ("GPU driver", none(&machine.gpu_driver)),
        (
            "length of measurements",
            if run.quick { "--quick" } else { "full" }.to_owned(),
        ),
        ("isolation", run.isolation.clone()),
    ]
}

/// The runtimes of `framework`, in the order of their names.
fn runtimes(run: &MeasuredRun, framework: &str) -> String {
    let of_framework = run.runtimes.iter();
    let mut names: Vec<&str> = of_framework
        .filter(|runtime| runtime.framework == framework)
        .map(|runtime| runtime.name.as_str())
        .collect();
    names.sort_unstable();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::RuntimeRecord;
    use crate::sample::sample_results;

    fn run() -> MeasuredRun {
        MeasuredRun::of(&sample_results()).unwrap()
    }

    fn named(change: impl Fn(&mut MeasuredRun)) -> Vec<String> {
        let mut other = run();
        change(&mut other);
        let differences = differences(&run(), &other).into_iter();
        differences.map(|difference| difference.what).collect()
    }

    #[test]
    fn every_part_of_the_key_is_named() {
        assert!(named(|_| ()).is_empty());
        assert_eq!(named(|run| run.machine.cpu = None), ["CPU"]);
        assert_eq!(
            named(|run| {
                run.machine.gpus = vec!["NVIDIA Test".to_owned()];
                run.machine.gpu_driver = Some("580.1".to_owned());
            }),
            ["GPU", "GPU driver"]
        );
        assert_eq!(named(|run| run.quick = false), ["length of measurements"]);
        assert_eq!(
            named(|run| run.runtimes[0].name = "onnxruntime-1.31.1".to_owned()),
            ["runtime of onnxruntime"]
        );
    }

    #[test]
    fn what_changes_from_run_to_run_is_no_part_of_it() {
        let other = |run: &mut MeasuredRun| {
            run.machine.load_average = Some(9.0);
            run.machine.clock_mhz = Some(1000.0);
            run.machine.kernel = "Linux 6.2.0".to_owned();
            run.commit = None;
            run.runtimes[0].path = "/elsewhere".to_owned();
        };
        assert!(named(other).is_empty());
    }

    #[test]
    fn a_framework_that_one_side_lacks_is_no_difference() {
        let further = |run: &mut MeasuredRun| {
            run.runtimes.push(RuntimeRecord {
                name: "pytorch-2.11.0".to_owned(),
                framework: "pytorch".to_owned(),
                version: "2.11.0".to_owned(),
                path: "/torch".to_owned(),
            });
        };
        assert!(named(further).is_empty());
        assert!(named(|run| run.runtimes.clear()).is_empty());
    }
}
