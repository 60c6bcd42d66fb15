//! What one run does: its cases and its measurements.

use std::collections::BTreeSet;

use anyhow::anyhow;
use runtimes::Framework;
use suites::{Case, Profile, Selection};

use super::Failure;
use crate::command_line::Run as Arguments;
use crate::experiments::{self, Experiment, Place};
use crate::quantity::count;

/// What is to be done.
#[derive(Debug)]
pub struct Work {
    /// The cases, in the order in which they are started.
    pub cases: Vec<Case>,
    /// The measurements, in the order in which they are made.
    pub experiments: Vec<Experiment>,
    /// The frameworks that would be measured too if this machine could serve models of them.
    pub unmeasurable: Vec<Framework>,
    /// What else is not measured, and why, in a sentence.
    pub skipped: Option<String>,
    /// The frameworks that are measured on a machine with a GPU alone.
    pub on_gpu: Vec<Framework>,
}

impl Work {
    /// What the command line asks for: all of it, or the part of it that `--shard` names.
    ///
    /// # Errors
    /// There is nothing that has what was asked for. A part of something may be nothing: there are
    /// more parts than cases then.
    pub fn select(arguments: &Arguments) -> Result<Self, Failure> {
        let select = &arguments.select;
        let asked_for_cases = select.filter.is_some() || !select.suite.is_empty();
        let selection = Selection {
            representative: arguments.quick && !asked_for_cases,
            ..select.selection()
        };
        let of_framework = Selection {
            frameworks: select.framework.clone(),
            ..Selection::default()
        };
        let frameworks: BTreeSet<Framework> = suites::cases(&of_framework)
            .iter()
            .map(|case| case.framework)
            .collect();
        let frameworks: Vec<Framework> = frameworks.into_iter().collect();
        // A suite is a set of cases; who asks for one does not ask for measurements. They are made
        // with what only the reference server can be asked.
        let measures = select.suite.is_empty() && arguments.subject.profile == Profile::Reference;
        let all = if measures {
            experiments::experiments(&frameworks, select.filter.as_ref())
        } else {
            Vec::new()
        };
        let undivided = Selection {
            shard: None,
            ..selection.clone()
        };
        if all.is_empty() && suites::cases(&undivided).is_empty() {
            let filter = select
                .filter
                .as_ref()
                .map(|filter| format!(" and match '{filter}'"));
            return Err(Failure::usage(anyhow!(
                "no case and no measurement has the framework and suite that were asked for{}; \
                 `cargo harness list` prints the cases",
                filter.unwrap_or_default()
            )));
        }
        // Which part an experiment is in must not depend on what this machine can measure.
        let mut experiments = match select.shard {
            Some(shard) => experiments::part_of(&all, shard),
            None => all,
        };
        let (skipped, on_gpu) = without_place(&mut experiments, suites::has_gpu());
        let mut unmeasurable = measured(&experiments);
        let measurable = experiments::measurable(&unmeasurable);
        unmeasurable.retain(|framework| !measurable.contains(framework));
        experiments.retain(|experiment| {
            let framework = experiment.framework();
            framework.is_none_or(|framework| !unmeasurable.contains(&framework))
        });
        Ok(Self {
            cases: suites::cases(&selection),
            experiments,
            unmeasurable,
            skipped,
            on_gpu,
        })
    }

    /// The frameworks that are measured.
    pub fn measured(&self) -> Vec<Framework> {
        measured(&self.experiments)
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.experiments.is_empty()
    }
}

/// Leaves out what this machine does not measure: models on a GPU where there is none, which is told in a
/// sentence, and their stand-ins on a CPU where there is one. Returns the sentence, and
/// the frameworks that it is about.
fn without_place(
    experiments: &mut Vec<Experiment>,
    has_gpu: bool,
) -> (Option<String>, Vec<Framework>) {
    let left_out = if has_gpu { Place::Cpu } else { Place::Gpu };
    let is_left_out = |experiment: &Experiment| experiment.place() == Some(left_out);
    let (out, kept): (Vec<Experiment>, Vec<Experiment>) = experiments
        .iter()
        .partition(|experiment| is_left_out(experiment));
    *experiments = kept;
    if has_gpu || out.is_empty() {
        return (None, Vec::new());
    }
    let sentence = format!(
        "nothing is measured on a GPU ({} left out), because this machine has no NVIDIA GPU",
        count(out.len(), "measurement")
    );
    (Some(sentence), measured(&out))
}

fn measured(experiments: &[Experiment]) -> Vec<Framework> {
    let frameworks: BTreeSet<Framework> = experiments
        .iter()
        .filter_map(Experiment::framework)
        .collect();
    frameworks.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command_line::{Arguments as Line, Command};

    fn work(line: &[&str]) -> Result<Work, Failure> {
        match Line::parse_from(["harness", "run"].iter().chain(line)).command {
            Command::Run(arguments) => Work::select(&arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_parts_of_a_run_are_the_run() {
        let ids = |work: &Work| -> Vec<String> {
            let cases = work.cases.iter().map(|case| case.id.clone());
            let experiments = work.experiments.iter();
            let mut ids: Vec<String> = cases
                .chain(experiments.map(|experiment| experiment.about().id))
                .collect();
            ids.sort();
            ids
        };
        let line = [
            "--filter",
            "absolute-path|^serving/onnxruntime|^serving/none",
        ];
        let whole = work(&line).expect("a selection");
        assert!(!whole.cases.is_empty() && !whole.experiments.is_empty());
        let mut parts: Vec<String> = Vec::new();
        for shard in ["1/3", "2/3", "3/3"] {
            let line: Vec<&str> = line.into_iter().chain(["--shard", shard]).collect();
            parts.extend(ids(&work(&line).expect("a part")));
        }
        parts.sort();
        assert_eq!(parts, ids(&whole));
    }

    #[test]
    fn a_part_may_be_nothing_and_a_selection_may_not() {
        let filter = ["--filter", "onnxruntime/model-config/absolute-path$"];
        let line: Vec<&str> = filter.into_iter().chain(["--shard", "2/2"]).collect();
        assert!(work(&line).expect("a part").is_empty());
        assert!(work(&["--filter", "^no such case$"]).is_err());
    }

    #[test]
    fn models_are_measured_on_a_gpu_where_there_is_one_and_told_where_there_is_none() {
        let filter = regex::Regex::new("^kernel/.*pytorch.*/64x1024/fp32").expect("a pattern");
        let all = experiments::experiments(&[Framework::PyTorch], Some(&filter));
        let places = |experiments: &[Experiment]| -> BTreeSet<bool> {
            let places = experiments.iter().filter_map(Experiment::place);
            places.map(|place| place == Place::Gpu).collect()
        };
        let mut with_gpu = all.clone();
        assert_eq!(without_place(&mut with_gpu, true), (None, Vec::new()));
        assert_eq!(places(&with_gpu), BTreeSet::from([true]));
        let gpu_alone = with_gpu.len();

        let mut without_gpu = all;
        let (sentence, frameworks) = without_place(&mut without_gpu, false);
        assert_eq!(places(&without_gpu), BTreeSet::new());
        assert_eq!(frameworks, [Framework::PyTorch]);
        let sentence = sentence.expect("something is skipped");
        assert!(
            sentence.contains(&format!("({gpu_alone} measurements left out)")),
            "{sentence}"
        );
    }

    #[test]
    fn only_what_is_measured_needs_a_runtime() {
        let some = work(&["--filter", "^startup/pytorch"]).expect("a selection");
        assert_eq!(some.measured(), [Framework::PyTorch]);
        let none = work(&["--suite", "load-time"]).expect("a selection");
        assert_eq!((none.measured(), none.unmeasurable), (vec![], vec![]));
    }
}
