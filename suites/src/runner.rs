//! Runs cases side by side and tells what happens.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use runtimes::{Cache, CacheError, Framework, Prebuilt, PrebuiltError, Runtime, RuntimeName};
use test_ops::Builder;

use crate::case::{Case, has_gpu};
use crate::event::Event;
use crate::experiment::{Setting, Supply, Variant, conduct, unrun};
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
    /// The list of what the cache holds ready-made cannot be read.
    #[error(transparent)]
    Prebuilt(#[from] PrebuiltError),
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
    let installed = cache.installed();
    check_installed(cases, options, &installed, &cache)?;
    let jobs = options.jobs.clamp(1, cases.len().max(1));
    let ids = cases.iter().map(|case| case.id.clone()).collect();
    tell(Event::Planned { ids, jobs });

    let builder = Builder::in_cache(&cache);
    let mut supply = Supply::new(options, &installed, &builder);
    // In a cache from another machine there is nothing to build: what it lacks is an error of the
    // cases that use it.
    if Prebuilt::of(&cache)?.is_none() {
        build_libraries(cases, &mut supply, options, &tell);
        install_published(cases, &supply, options, &tell);
    }
    let setting = Setting {
        options,
        supply: &supply,
    };

    let turns = GpuTurns::default();
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<CaseResult>>> = Mutex::new(vec![None; cases.len()]);
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while !options.cancellation.is_cancelled() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { break };
                    let _turn = has_gpu().then(|| turns.take(case));
                    tell(Event::Started {
                        id: case.id.clone(),
                    });
                    if let Some(result) = conduct_without_panic(case, &setting) {
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

/// Lets cases use the GPUs side by side, and some alone: any case may use one where its model names no
/// place.
#[derive(Default)]
struct GpuTurns(RwLock<()>);

/// A case's turn; it ends when this is dropped.
enum Turn<'a> {
    Shared { _guard: RwLockReadGuard<'a, ()> },
    Alone { _guard: RwLockWriteGuard<'a, ()> },
}

impl GpuTurns {
    /// Waits for the turn of `case`.
    fn take(&self, case: &Case) -> Turn<'_> {
        if case.needs_gpus_alone() {
            let guard = self.0.write();
            Turn::Alone {
                _guard: guard.unwrap_or_else(PoisonError::into_inner),
            }
        } else {
            let guard = self.0.read();
            Turn::Shared {
                _guard: guard.unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
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

/// Each framework of the cases has the runtime that the run is made with. What a case brings of its
/// own is among its needs.
fn check_installed(
    cases: &[Case],
    options: &RunOptions,
    installed: &[Runtime],
    cache: &Cache,
) -> Result<(), RunError> {
    let of_run = |case: &Case| {
        let mut frameworks = case.frameworks();
        frameworks.retain(|&framework| case.own_runtime(framework).is_none());
        frameworks
    };
    let frameworks: BTreeSet<Framework> = cases.iter().flat_map(of_run).collect();
    for framework in frameworks {
        let name = options
            .runtime_of(framework)
            .ok_or(RunError::NoRuntime(framework))?;
        if !installed.iter().any(|runtime| runtime.name == name) {
            return Err(RunError::NotInstalled {
                name,
                cache: cache.root().to_owned(),
            });
        }
    }
    Ok(())
}

/// Installs the packages of every published op library that the cases use. What cannot be installed
/// is told, and the cases that use it are errors.
fn install_published(
    cases: &[Case],
    supply: &Supply<'_>,
    options: &RunOptions,
    tell: &(impl Fn(Event) + Sync),
) {
    let mut seen = HashSet::new();
    let libraries = cases
        .iter()
        .filter(|case| can_run(case, supply))
        .flat_map(Supply::published)
        .filter(|library| seen.insert(library.package.file.as_str()));
    let libraries: Vec<_> = libraries.collect();
    for (done, library) in libraries.iter().enumerate() {
        if options.cancellation.is_cancelled() {
            break;
        }
        tell(Event::Building {
            what: library.to_string(),
            done,
            total: libraries.len(),
        });
        if let Err(error) = supply.package(library) {
            tell(Event::NotBuilt {
                message: error.to_string(),
            });
        }
    }
}

/// Whether the machine has what `case` needs.
fn can_run(case: &Case, supply: &Supply<'_>) -> bool {
    let mut needs = case.needs.iter();
    needs.all(|need| need.is_met(supply.installed()))
}

/// Builds every op library that the cases use. The cases that use one which cannot be built are
/// errors.
fn build_libraries(
    cases: &[Case],
    supply: &mut Supply<'_>,
    options: &RunOptions,
    tell: &(impl Fn(Event) + Sync),
) {
    let variants = cases
        .iter()
        .filter(|case| can_run(case, supply))
        .flat_map(|case| supply.variants(case))
        .collect();
    for (variant, message) in build_variants(variants, supply, options, tell) {
        supply.note_failure(variant, message);
    }
}

/// Builds `variants`, each once, several at a time. What cannot be built is told, and returned with
/// the compiler's message.
pub(crate) fn build_variants(
    mut variants: Vec<Variant>,
    supply: &Supply<'_>,
    options: &RunOptions,
    tell: &(impl Fn(Event) + Sync),
) -> Vec<(Variant, String)> {
    let mut seen = HashSet::new();
    variants.retain(|variant| seen.insert(variant.clone()));
    // The libraries of one runtime share what takes long to compile: different runtimes are begun
    // side by side.
    let mut of_runtime: HashMap<RuntimeName, usize> = HashMap::new();
    variants.sort_by_cached_key(|(_, runtime)| {
        let count = of_runtime.entry(*runtime).or_default();
        *count += 1;
        *count
    });
    let total = variants.len();
    let next = AtomicUsize::new(0);
    let failures: Mutex<Vec<(Variant, String)>> = Mutex::default();
    // The libraries of one runtime fail for one reason, mostly.
    let told: Mutex<HashSet<RuntimeName>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(total) {
            scope.spawn(|| {
                while !options.cancellation.is_cancelled() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(variant) = variants.get(index) else {
                        break;
                    };
                    let (library, runtime) = variant;
                    let name = format!("{} for {runtime}", library.file_name());
                    tell(Event::Building {
                        what: name.clone(),
                        done: index,
                        total,
                    });
                    if let Err(error) = supply.build(variant) {
                        let message = format!("failed to build {name}: {error}");
                        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                        if told.insert(*runtime) {
                            tell(Event::NotBuilt {
                                message: message.clone(),
                            });
                        }
                        failures
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((variant.clone(), message));
                    }
                }
            });
        }
    });
    failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::Selection;

    #[test]
    fn a_case_that_compares_what_is_in_use_on_the_gpus_has_them_alone() {
        let case = |name: &str| {
            let filter = Regex::new(&format!("pytorch/model-config/{name}$")).expect("a pattern");
            let cases = crate::cases(&Selection {
                filter: Some(filter),
                ..Selection::default()
            });
            cases.into_iter().next().expect("there is one")
        };
        let (some, alone) = (case("gpu-instance"), case("gpu-memory-is-given-back"));
        let turns = GpuTurns::default();
        let first = turns.take(&some);
        let second = turns.take(&some);
        assert!(turns.0.try_write().is_err());
        drop((first, second));
        let turn = turns.take(&alone);
        assert!(turns.0.try_read().is_err());
        drop(turn);
        assert!(turns.0.try_write().is_ok());
    }
}
