//! `harness run`

use std::time::Instant;

use anyhow::anyhow;
use jiff::Timestamp;
use runtimes::Cache;
use suites::{Cancellation, Case, CaseResult, Need, RunOptions};

use super::closing::{closing, command_line, exit};
use super::report::failure;
use super::work::Work;
use super::{Failure, print, provision};
use crate::bundle::Bundle;
use crate::command_line::{Run as Arguments, Select};
use crate::commit::commit;
use crate::exit_code::Exit;
use crate::experiments::{self, Measured, Plan};
use crate::interrupt;
use crate::preflight::Needs;
use crate::quantity::quantity;
use crate::results::{
    Counts, Machine, Results, ResultsFolder, Run, RuntimeRecord, SCHEMA_VERSION, Selected,
};
use crate::terminal::{CaseProgress, Terminal};

/// Sets up, runs the cases, measures, and writes the results.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (start, begin) = (Timestamp::now(), Instant::now());
    let terminal = Terminal::standard_error();
    let bundle = arguments.bundle.as_deref().map(Bundle::open).transpose();
    let bundle = bundle.map_err(Failure::environment)?;
    let complete = match &bundle {
        Some(bundle) => bundle.complete(arguments).map_err(Failure::environment)?,
        None => arguments.clone(),
    };
    let arguments = &complete;
    let isolation = arguments.subject.isolation().map_err(Failure::usage)?;
    let work = Work::select(arguments)?;
    let Select { runtimes, full, .. } = &arguments.select;

    let cache = provision::cache(&arguments.cache)?;
    let needed = provision::needed(&work.cases, &work.measured(), runtimes, *full);
    let missing = match &bundle {
        Some(bundle) => {
            bundle
                .refer(&cache, &arguments.runtime_at)
                .map_err(Failure::environment)?;
            check_bundle(bundle, &cache, &needed, &work.cases, terminal)?;
            Missing::default()
        }
        None => Missing {
            runtimes: needed.missing(&cache),
            cuda_compiler: provision::missing_cuda_compiler(&cache, &needed)?,
        },
    };
    provision::check_machine(Needs {
        toolchain: bundle.is_none(),
        pip: !missing.runtimes.is_empty() || missing.cuda_compiler > 0,
    })?;
    // The folder comes first: a place that cannot be written is told before an hour of work.
    let commit = bundle.as_ref().map_or_else(commit, Bundle::commit);
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
            command_line: typed(bundle.is_some()),
            commit,
            harness_version: env!("CARGO_PKG_VERSION").to_owned(),
            isolation,
            profile: arguments.subject.profile,
            quick: arguments.quick,
            selection: selected(&arguments.select),
            shard: arguments.select.shard.map(|shard| shard.to_string()),
            parts: Vec::new(),
            start,
            duration_s: 0.0,
            interrupted: false,
            warnings: Vec::new(),
            problems: Vec::new(),
            notices: Vec::new(),
        },
        machine,
        runtimes: runtime_records(&cache, &needed),
        summary: Counts::default(),
        cases: Vec::new(),
        measurements: Vec::new(),
        check: None,
        load: None,
    };
    if work.is_empty() && work.skipped.is_none() {
        terminal.say("this part of the run has neither a case nor a measurement");
    }
    match run_cases(&work.cases, &options, terminal) {
        Ok(cases) => results.cases = cases,
        Err(error) => results
            .run
            .problems
            .push(format!("no case was run: {error}")),
    }
    if let Some(skipped) = &work.skipped {
        terminal.say(skipped);
        results.run.notices.push(skipped.clone());
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
            notices,
        } = measure(&plan, terminal);
        for notice in &notices {
            terminal.say(notice);
        }
        results.measurements = measurements;
        results.run.problems.extend(problems);
        results.run.notices.extend(notices);
    }
    results.run.interrupted = cancellation.is_cancelled();
    results.run.duration_s = begin.elapsed().as_secs_f64();
    results.cases.sort_by(|a, b| a.id.cmp(&b.id));
    results.summary = Counts::of(&results.cases);
    folder.write(&results).map_err(failure)?;

    print(&closing(&results, &folder))?;
    Ok(exit(&results))
}

/// The command line as it can be typed again, in the clone or in the bundle.
fn typed(in_bundle: bool) -> Vec<String> {
    let mut line = command_line();
    if in_bundle {
        line.splice(..2, ["./harness".to_owned()]);
    }
    line
}

/// Ends with what the machine lacks for a run of the bundle, and tells which cases are skipped.
fn check_bundle(
    bundle: &Bundle,
    cache: &Cache,
    needed: &provision::Wanted,
    cases: &[Case],
    terminal: Terminal,
) -> Result<(), Failure> {
    let of_gpu = cases.iter().filter(|case| case.needs.contains(&Need::Gpu));
    let of_gpu = of_gpu.count();
    if of_gpu > 0 && !suites::has_gpu() {
        terminal.say(&format!(
            "this machine has no NVIDIA GPU: {} skipped",
            match of_gpu {
                1 => "the case that needs one is".to_owned(),
                count => format!("the {count} cases that need one are"),
            }
        ));
    }
    let missing = needed.names().filter(|name| cache.find(name).is_none());
    bundle
        .check(of_gpu > 0 && suites::has_gpu(), missing.collect())
        .map_err(Failure::environment)
}

/// What has to be installed.
#[derive(Default)]
struct Missing {
    runtimes: Vec<provision::Order<'static>>,
    /// Bytes of the CUDA compiler to download; zero where it is there or of no use.
    cuda_compiler: u64,
}

/// Runtimes, compiler and server.
fn prepare(
    arguments: &Arguments,
    cache: &Cache,
    missing: &Missing,
    terminal: Terminal,
    cancellation: Cancellation,
) -> Result<RunOptions, Failure> {
    provision::install(cache, &missing.runtimes, terminal)?;
    if missing.cuda_compiler > 0 {
        provision::install_cuda_compiler(cache, missing.cuda_compiler, terminal)?;
    }
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
    options.isolation = arguments.subject.isolation().map_err(Failure::usage)?;
    options.profile = arguments.subject.profile;
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

fn selected(select: &Select) -> Selected {
    Selected {
        frameworks: select.framework.iter().map(ToString::to_string).collect(),
        suites: select.suite.iter().map(ToString::to_string).collect(),
        filter: select.filter.as_ref().map(ToString::to_string),
        runtimes: select.runtimes.iter().map(ToString::to_string).collect(),
        full: select.full,
    }
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
