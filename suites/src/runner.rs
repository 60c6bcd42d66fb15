//! Runs cases side by side and tells what happens.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use runtimes::{Cache, CacheError, Framework, Runtime, RuntimeName};
use test_ops::{BuildError, Builder, Content, Library};

use crate::arrangement::Step;
use crate::case::Case;
use crate::event::Event;
use crate::experiment::{Setting, conduct, unrun};
use crate::observation::{CaseResult, Verdict};
use crate::options::RunOptions;

/// Why no case can be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server's executable is not there.
    #[error(
        "there is no server at '{}'; build it with `cargo build --release -p reference-server`, or \
         name another one with --server-bin", .0.display()
    )]
    NoServer(PathBuf),
    /// The runtime cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The runtime to run with is not installed.
    #[error("{name} is not installed in '{}'; install it with `cargo harness setup`", cache.display())]
    NotInstalled {
        /// The runtime.
        name: RuntimeName,
        /// The cache that was looked into.
        cache: PathBuf,
    },
    /// The catalogue has no runtime of the framework.
    #[error("the catalogue of runtimes has none of {0}")]
    NoRuntime(Framework),
    /// A sample op library cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Runs `cases`, each with a server, a model repository and ports of its own, several at a time.
/// What happens goes to `events`, as it happens; nobody needs to listen. Returns the results in
/// the order of `cases`; where the run was cancelled, those of the cases that had ended.
///
/// A case that panics gets the verdict `error`, and the run goes on. When this returns, no process
/// that it started is left.
///
/// # Errors
/// Something that all cases need is missing; no case was run.
pub fn run(
    cases: &[Case],
    options: &RunOptions,
    events: &Sender<Event>,
) -> Result<Vec<CaseResult>, RunError> {
    // A receiver that is gone only means that nobody listens.
    let tell = |event| drop(events.send(event));
    if !options.server_bin.is_file() {
        return Err(RunError::NoServer(options.server_bin.clone()));
    }
    let cache = Cache::at(&options.runtime_cache)?;
    let runtimes: Vec<Runtime> = cache.installed();
    let installed: Vec<RuntimeName> = runtimes.iter().map(|runtime| runtime.name).collect();
    let jobs = options.jobs.clamp(1, cases.len().max(1));
    let ids = cases.iter().map(|case| case.id.clone()).collect();
    tell(Event::Planned { ids, jobs });

    let builder = Builder::in_cache(&cache);
    let mut settings = Vec::new();
    for framework in cases
        .iter()
        .map(|case| case.framework)
        .collect::<HashSet<_>>()
    {
        let runtime = options
            .runtime_of(framework)
            .ok_or(RunError::NoRuntime(framework))?;
        let built_for = runtimes
            .iter()
            .find(|candidate| candidate.name == runtime)
            .ok_or_else(|| RunError::NotInstalled {
                name: runtime,
                cache: cache.root().to_owned(),
            })?;
        settings.push((
            framework,
            Setting {
                options,
                runtime,
                built_for,
                installed: &installed,
                builder: &builder,
            },
        ));
    }
    let mut libraries = HashSet::new();
    for case in cases {
        libraries
            .extend(contents(case).map(|content| Library::new(case.framework, content.clone())));
    }
    let mut orders = Vec::new();
    for (framework, setting) in &settings {
        let of_framework = libraries
            .iter()
            .filter(|library| library.framework == *framework);
        orders.extend(of_framework.map(|library| (library, setting.built_for)));
    }
    builder.build_all(&orders, |library, runtime| {
        tell(Event::Preparing {
            what: format!("building {} for {}", library.file_name(), runtime.name),
        });
    })?;

    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<CaseResult>>> = Mutex::new(vec![None; cases.len()]);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !options.cancellation.is_cancelled() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let Some((_, setting)) = settings
                        .iter()
                        .find(|(framework, _)| *framework == case.framework)
                    else {
                        break;
                    };
                    tell(Event::Started {
                        id: case.id.clone(),
                    });
                    if let Some(result) = conduct_without_panic(case, setting) {
                        tell(Event::Finished {
                            result: Box::new(result.clone()),
                        });
                        results.lock().unwrap_or_else(PoisonError::into_inner)[index] =
                            Some(result);
                    }
                }
            });
        }
    });
    if options.cancellation.is_cancelled() {
        tell(Event::Cancelled);
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(results.into_iter().flatten().collect())
}

/// A case that panics is an error of the harness, told like any other result.
fn conduct_without_panic(case: &Case, setting: &Setting<'_>) -> Option<CaseResult> {
    catch_unwind(AssertUnwindSafe(|| conduct(case, setting))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no text");
        Some(unrun(
            case,
            setting,
            Verdict::Error,
            format!("the case panicked: {text}"),
        ))
    })
}

/// The content of every op library that a case uses at some time.
fn contents(case: &Case) -> impl Iterator<Item = &Content> {
    let placed = case
        .arrangement
        .libraries
        .iter()
        .filter_map(|file| file.content.as_ref());
    let steps = case
        .arrangement
        .steps
        .iter()
        .chain(&case.arrangement.afterwards);
    let replacements = steps.filter_map(|step| match step {
        Step::Replace(_, content) => Some(content),
        _ => None,
    });
    placed.chain(replacements)
}
