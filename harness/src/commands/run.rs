//! `harness run`

use std::time::Instant;

use anyhow::anyhow;
use jiff::Timestamp;
use runtimes::Cache;
use suites::{Cancellation, Case, CaseResult, Profile, RunOptions};

use super::report::failure;
use super::work::Work;
use super::{Failure, print, provision};
use crate::command_line::{Run as Arguments, Select};
use crate::commit::commit;
use crate::exit_code::Exit;
use crate::experiments::{self, Measured, Plan};
use crate::interrupt;
use crate::preflight::Needs;
use crate::quantity::quantity;
use crate::results::{
    Counts, Machine, Overall, Results, ResultsFolder, Run, RuntimeRecord, SCHEMA_VERSION,
    verdict_table,
};
use crate::terminal::{CaseProgress, Terminal};

/// Sets up, runs the cases, measures, and writes the results.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (start, begin) = (Timestamp::now(), Instant::now());
    let terminal = Terminal::standard_error();
    let work = Work::select(arguments)?;
    let Select { runtimes, full, .. } = &arguments.select;

    let cache = provision::cache(&arguments.cache)?;
    let needed = provision::needed(&work.cases, &work.measured(), runtimes, *full);
    let missing = needed.missing(&cache);
    provision::check_machine(Needs {
        toolchain: true,
        pip: !missing.is_empty(),
    })?;
    // The folder comes first: a place that cannot be written is told before an hour of work.
    let commit = commit();
    let folder =
        ResultsFolder::create(&arguments.results_dir, start, commit.as_deref()).map_err(failure)?;

    let cancellation = Cancellation::default();
    interrupt::watch(cancellation.clone());
    let prepared = prepare(arguments, &cache, &missing, terminal, cancellation.clone());
    let options = match prepared {
        Ok(options) if !cancellation.is_cancelled() => options,
        not_ready => {
            folder.remove_empty();
            let early = || Failure::environment(anyhow!("ended before any case was run"));
            return Err(not_ready
                .err()
                .filter(|_| !cancellation.is_cancelled())
                .unwrap_or_else(early));
        }
    };

    let machine = Machine::read();
    let mut results = Results {
        schema_version: SCHEMA_VERSION,
        run: Run {
            command_line: command_line(),
            commit,
            harness_version: env!("CARGO_PKG_VERSION").to_owned(),
            isolation: arguments.isolation,
            profile: Profile::Reference,
            quick: arguments.quick,
            start,
            duration_s: 0.0,
            interrupted: false,
            warnings: Vec::new(),
            problems: Vec::new(),
        },
        machine,
        runtimes: runtime_records(&cache, &needed),
        summary: Counts::default(),
        cases: Vec::new(),
        measurements: Vec::new(),
    };
    if work.is_empty() {
        terminal.say("this part of the run has neither a case nor a measurement");
    }
    match run_cases(&work.cases, &options, terminal) {
        Ok(cases) => results.cases = cases,
        Err(error) => results
            .run
            .problems
            .push(format!("no case was run: {error}")),
    }
    if !cancellation.is_cancelled() && !work.experiments.is_empty() {
        for framework in &work.unmeasurable {
            terminal.say(&format!(
                "{} is not measured: it serves models on a GPU only, and there is none",
                framework.title()
            ));
        }
        results.run.warnings = experiments::machine_warnings(&results.machine);
        let plan = Plan {
            experiments: work.experiments,
            options,
            quick: arguments.quick,
        };
        let Measured {
            measurements,
            problems,
        } = measure(&plan, terminal);
        results.measurements = measurements;
        results.run.problems.extend(problems);
    }
    results.run.interrupted = cancellation.is_cancelled();
    results.run.duration_s = begin.elapsed().as_secs_f64();
    results.cases.sort_by(|a, b| a.id.cmp(&b.id));
    results.summary = Counts::of(&results.cases);
    folder.write(&results).map_err(failure)?;

    print(&closing(&results, &folder))?;
    Ok(exit(&results))
}

/// Runtimes and server.
fn prepare(
    arguments: &Arguments,
    cache: &Cache,
    missing: &[provision::Order<'_>],
    terminal: Terminal,
    cancellation: Cancellation,
) -> Result<RunOptions, Failure> {
    provision::install(cache, missing, terminal)?;
    let spinner = arguments
        .server_bin
        .is_none()
        .then(|| terminal.spinner("building the reference server"));
    let server = suites::server_binary(arguments.server_bin.as_deref(), |line| {
        if let Some(spinner) = &spinner {
            spinner.set_message(line.to_owned());
        }
    });
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let mut options = RunOptions::new(server.map_err(Failure::environment)?, cache.root());
    options.isolation = arguments.isolation;
    options.runtimes.clone_from(&arguments.select.runtimes);
    options.cancellation = cancellation;
    if let Some(jobs) = arguments.jobs {
        options.jobs = usize::from(jobs);
    }
    Ok(options)
}

fn run_cases(
    cases: &[Case],
    options: &RunOptions,
    terminal: Terminal,
) -> Result<Vec<CaseResult>, suites::RunError> {
    if cases.is_empty() {
        return Ok(Vec::new());
    }
    let (sender, events) = std::sync::mpsc::channel();
    let shown = std::thread::spawn(move || {
        let mut progress = CaseProgress::new(terminal);
        events.iter().for_each(|event| progress.show(&event));
        progress.end();
    });
    let results = suites::run(cases, options, &sender);
    drop(sender);
    if shown.join().is_err() {
        terminal.say("the progress display failed; the results are not affected");
    }
    results
}

fn measure(plan: &Plan, terminal: Terminal) -> Measured {
    let bar = terminal.bar(plan.experiments.len());
    let line = |text: String| {
        if terminal.draws() {
            bar.println(text)
        } else {
            terminal.say(&text)
        }
    };
    line(format!("{} measurements", plan.experiments.len()));
    let measured = experiments::conduct(plan, &mut |event| match event {
        experiments::Event::Began { id } => bar.set_message(id.to_owned()),
        experiments::Event::Ended { measurement } => {
            bar.inc(1);
            let median = quantity(measurement.median, &measurement.unit);
            let warned = if measurement.warnings.is_empty() {
                ""
            } else {
                " ⚠"
            };
            line(format!("  {median:>9}  {}{warned}", measurement.id));
        }
        experiments::Event::Failed { id, reason } => {
            bar.inc(1);
            line(format!("! {id}: {reason}"));
        }
    });
    bar.finish_and_clear();
    measured
}

/// The command line as it can be typed again in the clone.
fn command_line() -> Vec<String> {
    let arguments = std::env::args().skip(1);
    ["cargo".to_owned(), "harness".to_owned()]
        .into_iter()
        .chain(arguments)
        .collect()
}

fn runtime_records(cache: &Cache, needed: &provision::Wanted) -> Vec<RuntimeRecord> {
    needed
        .names()
        .filter_map(|name| cache.find(&name))
        .map(|runtime| RuntimeRecord {
            name: runtime.name.to_string(),
            framework: runtime.name.framework.to_string(),
            version: runtime.name.version.to_string(),
            path: runtime.main_library.display().to_string(),
        })
        .collect()
}

/// What the terminal shows last: the verdicts, what went wrong, and where the report is.
fn closing(results: &Results, folder: &ResultsFolder) -> String {
    let mut text = String::new();
    if !results.cases.is_empty() {
        text.push_str(&format!("\n{}\n", verdict_table(&results.cases)));
    }
    for problem in &results.run.problems {
        text.push_str(&format!("! {problem}\n"));
    }
    for warning in &results.run.warnings {
        text.push_str(&format!("⚠ {warning}\n"));
    }
    let warned = results
        .measurements
        .iter()
        .filter(|m| !m.warnings.is_empty())
        .count();
    if warned > 0 {
        text.push_str(&format!(
            "⚠ {warned} of {} measurements carry a warning; the report tells which\n",
            results.measurements.len()
        ));
    }
    text.push_str(&format!(
        "{}: {}\n",
        results.verdict().text(),
        results.counts_text()
    ));
    text.push_str(&format!("{}\n", folder.report().display()));
    text
}

fn exit(results: &Results) -> Exit {
    match results.verdict() {
        Overall::Passed => Exit::AsExpected,
        Overall::Failed => Exit::CaseFailed,
        Overall::Error => Exit::Internal,
        Overall::Interrupted => Exit::Environment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_results;

    #[test]
    fn the_path_of_the_report_comes_last() {
        let folder = ResultsFolder::at("/results/run");
        let text = closing(&sample_results(), &folder);
        assert_eq!(text.lines().last(), Some("/results/run/report.html"));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn the_status_tells_the_worst_that_happened() {
        let mut results = sample_results();
        assert_eq!(exit(&results), Exit::CaseFailed);
        results.summary.failed = 0;
        assert_eq!(exit(&results), Exit::Internal);
        results.summary.errors = 0;
        assert_eq!(exit(&results), Exit::AsExpected);
        results.run.interrupted = true;
        assert_eq!(exit(&results), Exit::Environment);
        results
            .run
            .problems
            .push("startup/x was not measured".to_owned());
        assert_eq!(exit(&results), Exit::Internal);
    }
}
