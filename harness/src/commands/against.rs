//! `harness gate --against`

use anyhow::Context;
use suites::Cancellation;

use super::Failure;
use super::gate::{limits, not_compared};
use crate::command_line::Gate as Arguments;
use crate::gate::{Design, Looks, Outcome, compare};
use crate::interrupt;
use crate::quantity::count;
use crate::revisions::{Build, Repository, Sources, Turns, build};
use crate::terminal::Terminal;

/// Builds the revision `name` and the one that is checked out, and compares what they measure in turns.
pub fn against(name: &str, arguments: &Arguments) -> Result<Outcome, Failure> {
    let terminal = Terminal::standard_error();
    let repository = Repository::of_this_harness().map_err(Failure::environment)?;
    let commit = repository.commit(name).map_err(Failure::usage)?;
    let head = repository.head().map_err(Failure::usage)?;
    let cancellation = Cancellation::default();
    interrupt::watch(cancellation.clone());

    let scratch = tempfile::Builder::new().prefix("harness-gate-").tempdir();
    let scratch = scratch
        .context("failed to make a temporary folder for the results")
        .map_err(Failure::environment)?;
    let target = repository.root().join("target/gate");
    let sources =
        Sources::open(&repository, &target.join("sources")).map_err(Failure::environment)?;
    // The folders' names have one length: arguments and variables lie where a stack begins.
    let built = |name: &str, commit: &str, programs: &str| {
        let name = format!("{name} ({})", short(commit));
        let spinner = terminal.spinner(&format!("building {name}"));
        let order = Build {
            commit,
            name: &name,
            sources: &sources,
            target: &target,
            programs: &scratch.path().join(programs),
        };
        let built = build(&order, &cancellation);
        spinner.finish_and_clear();
        built.map_err(Failure::environment)
    };
    let before = built(name, &commit, "old")?;
    let now = built("this revision", &head, "new")?;

    let mut turns = Turns {
        revisions: [&before, &now],
        sources: &sources,
        options: &arguments.turns.run_options(),
        folder: &scratch.path().join("runs"),
        runs: [Vec::new(), Vec::new()],
    };
    let looks = Looks {
        first: usize::from(arguments.turns.pairs),
        longest: arguments.turns.max_duration,
    };
    looks.take(limits(arguments), |pairs, limits| {
        turns
            .measure(pairs, &cancellation, |text| terminal.say(text))
            .map_err(Failure::environment)?;
        let [baseline, candidate] = &turns.runs;
        let sides = ((&*before.name, &**baseline), (&*now.name, &**candidate));
        let outcome = compare(sides.0, sides.1, Design::Paired, limits).map_err(not_compared)?;
        terminal.say(&format!(
            "after {}: {}",
            count(baseline.len(), "pair"),
            outcome.counts_text()
        ));
        Ok(outcome)
    })
}

/// The beginning of a commit's hash.
fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}
