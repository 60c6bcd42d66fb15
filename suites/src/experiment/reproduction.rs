//! The command line that runs a case again.

use runtimes::RuntimeName;

use super::conduct::Setting;
use super::supply::Supply;
use crate::case::{Case, Need};
use crate::expectation::Profile;
use crate::name_conflict;
use crate::options::{RunOptions, runtime_of};
use crate::scope::RuntimeRange;

/// A command line that runs this case again.
pub fn reproduce(case: &Case, setting: &Setting<'_>) -> String {
    let selection: String = if needs_whole_catalogue(case) {
        " --full".to_owned()
    } else {
        runtimes_to_name(case, setting.options)
            .iter()
            .map(|runtime| format!(" --runtime {runtime}"))
            .collect()
    };
    let server = match setting.options.profile {
        Profile::Reference => format!("--isolation {}", setting.isolation_of(case)),
        Profile::Triton => format!(
            "--profile triton --server-bin '{}'",
            setting.options.server_bin.display()
        ),
    };
    format!(
        "cargo harness run {server}{selection} --filter '^{}$'",
        case.id
    )
}

/// Whether there is the case only in a run with everything: its op library is none of the few that
/// are tried otherwise, or its runtime must be there in the full size.
fn needs_whole_catalogue(case: &Case) -> bool {
    let full = |need: &Need| matches!(need, Need::FullRuntime(_));
    Supply::published(case).any(|library| !library.small) || case.needs.iter().any(full)
}

/// The runtimes that a run must be told for the case to be the same in it: none where it uses what
/// every run has.
fn runtimes_to_name(case: &Case, options: &RunOptions) -> Vec<RuntimeName> {
    let default = options.runtime_in(case, case.framework);
    let needed = case.needs.iter().filter_map(|need| match need {
        Need::Runtime(name) => Some(*name),
        Need::FullRuntime(_)
        | Need::Gpu
        | Need::RuntimeForGpus(_)
        | Need::GpuMemoryReading
        | Need::UnusedGpus
        | Need::NoGpu
        | Need::PythonLibrary => None,
    });
    let mut names: Vec<RuntimeName> = Vec::new();
    for name in default.into_iter().chain(needed) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let usual = |name: &RuntimeName| {
        let of_every_run = RuntimeRange::default().of(name.framework);
        of_every_run.contains(name)
    };
    let default_is_usual =
        case.own_runtime(case.framework).is_some() || default == runtime_of(&[], case.framework);
    let is_in_every_run = case.conflict.is_none() || name_conflict::is_in_usual_run(&case.id);
    if default_is_usual && names.iter().all(usual) && is_in_every_run {
        names.clear();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the command names for a case with these needs, in a run with `chosen`.
    fn named(chosen: &[RuntimeName], needs: &[RuntimeName]) -> Vec<RuntimeName> {
        let mut case = crate::load_time::cases().remove(0);
        case.needs = needs.iter().copied().map(Need::Runtime).collect();
        let mut options = RunOptions::new("server", "cache");
        options.runtimes = chosen.to_vec();
        runtimes_to_name(&case, &options)
    }

    #[test]
    fn a_command_names_the_runtime_of_a_case_that_not_every_run_has() {
        let named = |pattern: &str| {
            let pattern = regex::Regex::new(pattern).expect("a pattern");
            let mut cases = name_conflict::cases(&RuntimeRange::All).into_iter();
            let case = cases.find(|case| pattern.is_match(&case.id));
            let options = RunOptions::new("server", "cache");
            runtimes_to_name(&case.expect("a case"), &options).len()
        };
        let default = r"pytorch/model-config/same-op";
        assert_eq!(named(&format!("{default}@op-set@2.11")), 0);
        assert_eq!(named(&format!("{default}-reversed@op-set@2.11")), 1);
        assert_eq!(named(&format!("{default}@op-set@2.13")), 1);
    }

    #[test]
    fn a_command_names_the_runtimes_that_not_every_run_has() {
        let framework = crate::load_time::cases()[0].framework;
        let [default, other, third] = RuntimeRange::All.of(framework)[..] else {
            panic!("the catalogue has three runtimes of {framework}");
        };
        assert_eq!(named(&[], &[]), []);
        assert_eq!(named(&[], &[other, default]), []);
        assert_eq!(named(&[other], &[]), [other]);
        assert_eq!(named(&[other], &[default]), [other, default]);
        assert_eq!(named(&[], &[third, default]), [default, third]);
    }
}
