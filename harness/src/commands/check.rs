//! `harness check`

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use jiff::Timestamp;
use runtimes::{Cache, Catalog, Framework, Origin, Size};
use suites::{Cancellation, CaseResult, Prober, Profile, Verdict};

use super::closing::{closing, command_line, exit};
use super::report::failure;
use super::{Failure, print, provision};
use crate::check::{
    RepositoryOptions, Subject, TriedRuntime, check_libraries, check_pairs, check_repository,
    given_twice, require_model, subjects, tried_runtimes,
};
use crate::command_line::Check as Arguments;
use crate::commit::commit;
use crate::exit_code::Exit;
use crate::inspection::runtimes::{RuntimeError, chosen};
use crate::interrupt;
use crate::preflight::Needs;
use crate::quantity::quantity;
use crate::results::{
    About, Check, Counts, Machine, Results, ResultsFolder, Run, RuntimeRecord, SCHEMA_VERSION,
    Selected, name_in_id,
};
use crate::terminal::Terminal;

/// Longest time that one trial may take: the worker's own limits end it before.
const TRIAL_LIMIT: Duration = Duration::from_secs(300);

/// Checks what the user brings, and writes the results.
pub fn check(arguments: &Arguments) -> Result<Exit, Failure> {
    let (start, begin) = (Timestamp::now(), Instant::now());
    let terminal = Terminal::standard_error();
    let subjects = subjects(&arguments.libraries).map_err(Failure::usage)?;
    if let Some(repository) = &arguments.model_repository {
        require_model(repository, subjects.is_empty()).map_err(Failure::usage)?;
    }
    for root in &arguments.op_library_roots {
        if !root.is_dir() {
            return Err(Failure::usage(anyhow!(
                "there is no folder '{}', which --op-library-root names; give the folder of the op \
                 libraries that the models need",
                root.display()
            )));
        }
    }
    let cache = provision::cache(&arguments.cache)?;
    let runtimes = runtimes_for(arguments, &subjects, &cache)?;
    provision::check_machine(Needs {
        toolchain: true,
        pip: false,
    })?;
    let commit = commit();
    let folder =
        ResultsFolder::create(&arguments.results_dir, start, commit.as_deref()).map_err(failure)?;
    let cancellation = Cancellation::default();
    interrupt::watch(cancellation.clone());
    let server = match server(arguments, terminal) {
        Ok(server) => server,
        Err(error) => {
            folder.remove_empty();
            return Err(error);
        }
    };

    let mut results = Results {
        schema_version: SCHEMA_VERSION,
        run: Run {
            command_line: command_line(),
            commit,
            harness_version: env!("CARGO_PKG_VERSION").to_owned(),
            isolation: arguments.isolation,
            profile: Profile::Reference,
            quick: false,
            selection: Selected {
                runtimes: arguments.runtimes.clone(),
                ..Selected::default()
            },
            shard: None,
            parts: Vec::new(),
            start,
            duration_s: 0.0,
            interrupted: false,
            warnings: Vec::new(),
            problems: Vec::new(),
            notices: given_twice(&arguments.libraries, &subjects),
        },
        machine: Machine::read(),
        runtimes: Vec::new(),
        summary: Counts::default(),
        cases: Vec::new(),
        measurements: Vec::new(),
        check: None,
        load: None,
    };
    let prober = Prober {
        program: server,
        runtime_cache: cache.root().to_owned(),
        limit: TRIAL_LIMIT,
        cancellation: cancellation.clone(),
    };
    let check = look_at_everything(
        arguments,
        &subjects,
        &runtimes,
        &prober,
        &mut results,
        terminal,
    );
    results.runtimes = runtime_records(&runtimes, &check);
    results
        .run
        .notices
        .extend(small_runtimes(&runtimes, &check));
    results.check = Some(check);
    results.run.interrupted = cancellation.is_cancelled();
    results.run.duration_s = begin.elapsed().as_secs_f64();
    results.cases.sort_by(|a, b| a.id.cmp(&b.id));
    results.summary = Counts::of(&results.cases);
    folder.write(&results).map_err(failure)?;
    print(&closing(&results, &folder))?;
    Ok(exit(&results))
}

/// The runtimes to try with: those that were named, or all that are installed.
///
/// # Errors
/// One that was named is not there, or a library has none of its framework.
fn runtimes_for(
    arguments: &Arguments,
    subjects: &[Subject],
    cache: &Cache,
) -> Result<Vec<TriedRuntime>, Failure> {
    let found = chosen(&arguments.runtimes, cache).map_err(|error| match error {
        error @ RuntimeError::Unknown { .. } => Failure::usage(error),
        error => Failure::environment(error),
    })?;
    let runtimes = tried_runtimes(found);
    if runtimes.is_empty() {
        return Err(Failure::environment(anyhow!(
            "no runtime is installed that anything could be tried with; install those of your \
             framework with `cargo harness setup`, or give --runtime the path of one"
        )));
    }
    for subject in subjects {
        if subject.runtimes(&runtimes).is_empty() {
            let frameworks: Vec<&str> = subject
                .library
                .frameworks
                .iter()
                .map(|framework| framework.name())
                .collect();
            let text = format!(
                "'{}' is an op library of {}, and there is no runtime of that to try it with",
                subject.path().display(),
                frameworks.join(" and ")
            );
            return Err(if arguments.runtimes.is_empty() {
                Failure::environment(anyhow!(
                    "{text}; install one with `cargo harness setup --framework {}`",
                    frameworks[0]
                ))
            } else {
                Failure::usage(anyhow!("{text}; name one with --runtime"))
            });
        }
    }
    Ok(runtimes)
}

fn server(arguments: &Arguments, terminal: Terminal) -> Result<PathBuf, Failure> {
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
    server.map_err(Failure::environment)
}

/// A finished case in one line.
fn finished(about: About, case: &CaseResult) -> String {
    let words = about.words(case);
    let sign = match case.verdict {
        Verdict::Skip => "–",
        _ if words.is_good => "✓",
        _ => "✗",
    };
    let name = name_in_id(&case.id);
    let time = quantity(case.duration_ms, "ms");
    format!("{sign} {name} {} ({time})", words.text)
}

fn look_at_everything(
    arguments: &Arguments,
    subjects: &[Subject],
    runtimes: &[TriedRuntime],
    prober: &Prober,
    results: &mut Results,
    terminal: Terminal,
) -> Check {
    let what = if subjects.is_empty() {
        "loading models"
    } else {
        "opening op libraries"
    };
    let spinner = Mutex::new(terminal.spinner(what));
    let tell = |about: About, case: &CaseResult| {
        let spinner = spinner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let line = finished(about, case);
        if terminal.draws() {
            spinner.println(line);
        } else {
            terminal.say(&line);
        }
    };
    let isolation = arguments.isolation;
    let libraries = check_libraries(subjects, runtimes, prober, isolation, &tell);
    results.cases.extend(libraries.cases);
    let mut check = Check {
        libraries: libraries.libraries,
        ..Check::default()
    };
    if !prober.cancellation.is_cancelled() {
        let checked = &check.libraries;
        let (pairs, cases) = check_pairs(subjects, checked, runtimes, prober, isolation, &tell);
        check.pairs = pairs;
        results.cases.extend(cases);
    }
    if let Some(repository) = &arguments.model_repository
        && !prober.cancellation.is_cancelled()
    {
        let named: &[TriedRuntime] = if arguments.runtimes.is_empty() {
            &[]
        } else {
            runtimes
        };
        let absolute =
            |folder: &PathBuf| std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
        let repository = absolute(repository);
        let op_library_roots: Vec<PathBuf> =
            arguments.op_library_roots.iter().map(absolute).collect();
        let options = RepositoryOptions {
            program: &prober.program,
            runtime_cache: Path::new(&prober.runtime_cache),
            repository: &repository,
            op_library_roots: &op_library_roots,
            isolation,
            runtimes: named,
            cancellation: prober.cancellation.clone(),
        };
        match check_repository(&options, subjects, &check.libraries, &tell) {
            Ok(checked) => {
                check.models = checked.models;
                check.left_out = checked.left_out;
                results.cases.extend(checked.cases);
                results.run.notices.extend(checked.notices);
            }
            Err(_) if prober.cancellation.is_cancelled() => {}
            Err(error) => results
                .run
                .problems
                .push(format!("no model was looked at: {error}")),
        }
    }
    let spinner = spinner
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    spinner.finish_and_clear();
    check
}

/// What speaks against a conclusion from a failure: a runtime that lacks what most published
/// libraries need.
fn small_runtimes(runtimes: &[TriedRuntime], check: &Check) -> Option<String> {
    let fails_with = |tried: &TriedRuntime| {
        let mut fits = check.libraries.iter().flat_map(|library| &library.fits);
        fits.any(|fit| fit.runtime == tried.label && fit.observed.is_some() && !fit.is_usable())
    };
    let is_small = |tried: &TriedRuntime| {
        let entry = Catalog::builtin().get(&tried.runtime.name);
        tried.runtime.origin == Origin::Cache
            && tried.runtime.size == Size::Small
            // In the others, the full size is for what executes on a GPU: op libraries load without.
            && matches!(
                tried.runtime.name.framework,
                Framework::PyTorch | Framework::TensorRt
            )
            && entry.is_some_and(|entry| entry.largest_size() == Size::Full)
    };
    let small: Vec<&str> = runtimes
        .iter()
        .filter(|tried| is_small(tried) && fails_with(tried))
        .map(|tried| tried.label.as_str())
        .collect();
    (!small.is_empty()).then(|| {
        format!(
            "{} {} installed in the small size, without the CUDA libraries that most published op \
             libraries need to load at all; cargo harness setup --runtime NAME --full installs them",
            small.join(", "),
            if small.len() == 1 { "is" } else { "are" }
        )
    })
}

/// The runtimes that took part.
fn runtime_records(runtimes: &[TriedRuntime], check: &Check) -> Vec<RuntimeRecord> {
    let tried = |label: &str| {
        let mut fits = check.libraries.iter().flat_map(|library| &library.fits);
        let mut models = check.models.iter();
        fits.any(|fit| fit.runtime == label)
            || models.any(|model| model.runtime.as_deref() == Some(label))
    };
    runtimes
        .iter()
        .filter(|runtime| tried(&runtime.label))
        .map(|runtime| RuntimeRecord {
            name: runtime.label.clone(),
            framework: runtime.runtime.name.framework.to_string(),
            version: runtime.runtime.name.version.to_string(),
            path: runtime.runtime.main_library.display().to_string(),
        })
        .collect()
}
