//! Which plans cases and measurements run.

use std::collections::BTreeSet;

use regex::Regex;
use runtimes::{Framework, RuntimeName};
use suites::{Case, Selection};
use test_ops::{DEFAULT_DOMAIN, Model, ParameterSource};

use crate::command_line::Select;
use crate::experiments::{self, Experiment, Place};

/// A plan, with the model that it is built of.
#[derive(Clone, Debug, PartialEq)]
pub struct WantedPlan {
    /// The model, under a name that no other plan has.
    pub model: Model,
    /// The ids of the cases and the measurements that run it, in order.
    pub used_by: Vec<String>,
}

/// Whose plans are wanted.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The cases.
    pub cases: Vec<Case>,
    /// The measurements.
    pub experiments: Vec<Experiment>,
}

impl Scope {
    /// Everything that TensorRT takes part in.
    #[must_use]
    pub fn everything() -> Self {
        Self {
            cases: suites::cases(&Selection::default()),
            experiments: experiments::experiments(&[Framework::TensorRt], None),
        }
    }

    /// What a run does of it: with `quick`, which chooses cases where nothing else does.
    #[must_use]
    pub fn of_run(select: &Select, quick: bool) -> Self {
        let asked_for_cases = select.filter.is_some() || !select.suite.is_empty();
        let measures = select.suite.is_empty()
            && (select.framework.is_empty() || select.framework.contains(&Framework::TensorRt));
        let frameworks: &[Framework] = if measures {
            &[Framework::TensorRt]
        } else {
            &[]
        };
        let all = experiments::experiments(frameworks, select.filter.as_ref());
        Self {
            cases: suites::cases(&Selection {
                representative: quick && !asked_for_cases,
                ..select.selection()
            }),
            experiments: match select.shard {
                Some(shard) => experiments::part_of(&all, shard),
                None => all,
            },
        }
    }
}

/// The plans that `scope` runs with `runtime`, each once, in the order in which they are first used.
/// With a filter those whose name matches it, or the id of what runs them.
#[must_use]
pub fn wanted(scope: &Scope, runtime: &RuntimeName, filter: Option<&Regex>) -> Vec<WantedPlan> {
    let with_runtime = |case: &&Case| {
        let own = case.own_runtime(Framework::TensorRt);
        own.is_none_or(|own| own == *runtime)
    };
    let of_cases = scope.cases.iter().filter(with_runtime);
    let of_cases = of_cases.flat_map(|case| case.plans().map(|model| (model.clone(), &case.id)));
    let on_gpu = |experiment: &&Experiment| {
        experiment.framework() == Some(Framework::TensorRt)
            && experiment.place() != Some(Place::Cpu)
    };
    let measured: Vec<(Vec<Model>, String)> = scope
        .experiments
        .iter()
        .filter(on_gpu)
        .map(|experiment| (experiment.models(), experiment.about().id))
        .collect();
    let of_measurements = measured
        .iter()
        .flat_map(|(models, id)| models.iter().map(move |model| (model.clone(), id)));
    let mut plans: Vec<WantedPlan> = Vec::new();
    let mut names = BTreeSet::new();
    for (model, id) in of_cases.chain(of_measurements) {
        let same = plans.iter_mut().find(|plan| is_same(&plan.model, &model));
        match same {
            Some(plan) if plan.used_by.contains(id) => {}
            Some(plan) => plan.used_by.push(id.clone()),
            None => {
                let name = free(&name(&model), &names);
                names.insert(name.clone());
                plans.push(WantedPlan {
                    model: model.with_name(&name),
                    used_by: vec![id.clone()],
                });
            }
        }
    }
    plans.retain(|plan| {
        filter.is_none_or(|filter| {
            let ids = plan.used_by.iter();
            filter.is_match(&plan.model.name) || ids.into_iter().any(|id| filter.is_match(id))
        })
    });
    plans
}

/// Whether two models are built into the same plan: a plan does not hold the model's name.
fn is_same(first: &Model, second: &Model) -> bool {
    *first == second.clone().with_name(&first.name)
}

/// What sets most plans apart: `bias_gelu_fp32_nx64`, with `n` for an extent that a request decides.
fn name(model: &Model) -> String {
    let dims: Vec<String> = model
        .dims
        .iter()
        .map(|&extent| match extent {
            ..0 => "n".to_owned(),
            fixed => fixed.to_string(),
        })
        .collect();
    let mut name = format!(
        "{}_{}_{}",
        model.op.snake_name(),
        model.data_type.protocol_name().to_lowercase(),
        dims.join("x")
    );
    if model.parameter_source == ParameterSource::Constant {
        name += "_constant";
    }
    if model.domains != [DEFAULT_DOMAIN] {
        for domain in &model.domains {
            name = format!("{name}_{}", domain.replace('.', "_"));
        }
    }
    name
}

/// `name`, with a number where it is taken.
fn free(name: &str, taken: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use suites::Need;

    use super::*;
    use crate::command_line::{Arguments, Command};

    fn runtime() -> RuntimeName {
        "tensorrt-8.6.0".parse().expect("a runtime")
    }

    #[test]
    fn every_case_and_measurement_that_runs_a_plan_is_served_by_one() {
        let scope = Scope::everything();
        let plans = wanted(&scope, &runtime(), None);
        let names: BTreeSet<&str> = plans.iter().map(|plan| &*plan.model.name).collect();
        assert_eq!(names.len(), plans.len());
        assert!(names.contains("bias_gelu_fp32_nx64"), "{names:?}");
        let used: BTreeSet<&str> = plans
            .iter()
            .flat_map(|plan| plan.used_by.iter().map(String::as_str))
            .collect();
        for experiment in &scope.experiments {
            let id = experiment.about().id;
            let runs_plan = experiment.framework() == Some(Framework::TensorRt);
            assert_eq!(used.contains(&*id), runs_plan, "{id}");
        }
        let runs_subject = |case: &&Case| {
            case.framework == Framework::TensorRt
                && case.needs.contains(&Need::Gpu)
                && case.own_runtime(Framework::TensorRt).is_none()
        };
        let cases: Vec<&Case> = scope.cases.iter().filter(runs_subject).collect();
        assert!(cases.len() > 10, "{}", cases.len());
        for case in cases {
            assert!(used.contains(&*case.id), "{}", case.id);
        }
    }

    #[test]
    fn a_filter_is_for_names_of_plans_and_for_ids() {
        let of = |pattern: &str| {
            let filter = Regex::new(pattern).expect("a pattern");
            wanted(&Scope::everything(), &runtime(), Some(&filter))
        };
        let by_name = of("^rms_norm");
        assert!(!by_name.is_empty());
        assert!(
            by_name
                .iter()
                .all(|plan| plan.model.name.starts_with("rms_norm"))
        );
        let by_id = of("^kernel/gpu/tensorrt/BiasGelu/1x64/fp16$");
        assert_eq!(by_id.len(), 1, "{by_id:?}");
        assert_eq!(by_id[0].model.name, "bias_gelu_fp16_1x64");
        assert!(of("^no such plan$").is_empty());
    }

    #[test]
    fn a_run_without_tensorrt_runs_no_plan() {
        let of_run = |line: &[&str]| {
            let line = ["harness", "run"].iter().chain(line);
            match Arguments::try_parse_from(line).map(|arguments| arguments.command) {
                Ok(Command::Run(run)) => {
                    wanted(&Scope::of_run(&run.select, run.quick), &runtime(), None)
                }
                other => panic!("{other:?}"),
            }
        };
        assert!(of_run(&["--framework", "onnxruntime"]).is_empty());
        let everything = wanted(&Scope::everything(), &runtime(), None);
        assert_eq!(of_run(&[]), everything);
        let quick = of_run(&["--quick"]);
        assert!(!quick.is_empty() && quick.len() <= everything.len());
    }
}
