//! Runtimes that are needed, installed where they are missing.

use std::collections::BTreeMap;

use anyhow::anyhow;
use runtimes::{
    Cache, Catalog, CatalogEntry, CudaCompiler, Framework, Pip, Runtime, RuntimeName, Size,
};
use suites::{Case, Need, has_gpu};
use test_ops::Sample;

use super::Failure;
use crate::preflight::{self, Needs};
use crate::quantity::bytes;
use crate::terminal::Terminal;

/// A download from this size on is explained before it starts.
const LONG_DOWNLOAD: u64 = 100 << 20;

/// The cache that the command line or the environment names, or the usual one.
pub fn cache(arguments: &crate::command_line::Cache) -> Result<Cache, Failure> {
    Cache::locate(arguments.cache_dir.as_deref()).map_err(Failure::environment)
}

/// Which runtimes are needed, each at least in one size and for a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    runtimes: BTreeMap<RuntimeName, (Size, String)>,
}

impl Wanted {
    /// Asks for `name` in `size`; of several sizes the largest counts, and its `reason`, which
    /// completes "it is …".
    pub fn add(&mut self, name: RuntimeName, size: Size, reason: &str) {
        let wanted = self
            .runtimes
            .entry(name)
            .or_insert_with(|| (size, reason.to_owned()));
        if wanted.0 < size {
            *wanted = (size, reason.to_owned());
        }
    }

    /// The runtimes that are asked for.
    pub fn names(&self) -> impl ExactSizeIterator<Item = RuntimeName> {
        self.runtimes.keys().copied()
    }

    /// What the cache lacks of it.
    pub fn missing(&self, cache: &Cache) -> Vec<Order<'static>> {
        let catalog = Catalog::builtin();
        self.runtimes
            .iter()
            .filter_map(|(name, (size, reason))| {
                let entry = catalog.get(name)?;
                let size = (*size).min(entry.largest_size());
                let have = cache.find(name).map(|runtime| runtime.size);
                (have < Some(size)).then(|| Order {
                    entry,
                    size,
                    have,
                    reason: reason.clone(),
                })
            })
            .collect()
    }
}

/// A runtime that is going to be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<'a> {
    /// Which one.
    pub entry: &'a CatalogEntry,
    /// How much of it.
    pub size: Size,
    /// How much of it is there already.
    pub have: Option<Size>,
    /// Why, completing "it is …".
    pub reason: String,
}

impl Order<'_> {
    /// What is going to happen, in one sentence: sizes, packages and the reason.
    fn announcement(&self) -> String {
        let Self {
            entry, size, have, ..
        } = self;
        let of_size = match entry.largest_size() {
            Size::Small => String::new(),
            Size::Full => format!(" in the {size} size"),
        };
        let instead = have.map_or_else(String::new, |have| format!(", in place of the {have} one"));
        let packages: Vec<&str> = entry
            .packages(*size)
            .map(|package| package.name.as_str())
            .collect();
        format!(
            "installing {}{of_size}{instead}, because it is {}: {} to download, {} on disk ({})",
            entry.name(),
            self.reason,
            bytes(entry.download_size(*size)),
            bytes(entry.disk_size(*size)),
            packages.join(", ")
        )
    }
}

/// The runtimes that `cases` and measurements of `frameworks` need: what a case runs on (its own,
/// or else the first of the framework among `chosen`, or its default), and those that a case names:
/// in the full size where `full` allows it and the machine can run the case.
pub fn needed(
    cases: &[Case],
    frameworks: &[Framework],
    chosen: &[RuntimeName],
    full: bool,
) -> Wanted {
    let mut wanted = Wanted::default();
    let of_run = |framework| suites::runtime_of(chosen, framework);
    let of_cases = cases.iter().flat_map(|case| {
        let frameworks = case.frameworks().into_iter();
        frameworks.filter_map(|framework| case.own_runtime(framework).or_else(|| of_run(framework)))
    });
    let of_measurements = frameworks.iter().filter_map(|&framework| of_run(framework));
    for name in of_cases.chain(of_measurements) {
        wanted.add(name, Size::Small, "what the cases run with");
    }
    for case in cases {
        for need in &case.needs {
            match need {
                Need::Runtime(name) => {
                    wanted.add(*name, Size::Small, &format!("needed by {}", case.id));
                }
                Need::FullRuntime(name)
                    if full && (has_gpu() || !case.needs.contains(&Need::Gpu)) =>
                {
                    wanted.add(*name, Size::Full, &format!("needed by {}", case.id));
                }
                // Gigabytes for few cases: they are skipped with the option that installs them.
                Need::FullRuntime(_)
                | Need::Gpu
                | Need::RuntimeForGpus(_)
                | Need::GpuMemoryReading
                | Need::UnusedGpus
                | Need::NoGpu
                | Need::PythonLibrary => {}
            }
        }
    }
    wanted
}

/// Bytes of the CUDA compiler that have to be downloaded before op libraries for `wanted` can be
/// built.
pub fn missing_cuda_compiler(cache: &Cache, wanted: &Wanted) -> Result<u64, Failure> {
    let sample = Sample::default();
    if !wanted
        .names()
        .any(|name| sample.has_device_kernels(name.framework))
    {
        return Ok(0);
    }
    let compiler = CudaCompiler::find().map_err(Failure::environment)?;
    Ok(compiler.missing_download(cache))
}

/// Installs the CUDA compiler, with progress, so that no library has to wait for it without a word.
pub fn install_cuda_compiler(
    cache: &Cache,
    download: u64,
    terminal: Terminal,
) -> Result<(), Failure> {
    if download >= LONG_DOWNLOAD {
        terminal.say(&format!(
            "installing the CUDA compiler, because kernels for GPUs are compiled on every machine: \
             {} to download",
            bytes(download)
        ));
    }
    let compiler = CudaCompiler::find().map_err(Failure::environment)?;
    let progress = terminal.installation(compiler.identity().to_owned());
    let installed = compiler.install(cache, &progress);
    drop(progress);
    installed.map(drop).map_err(Failure::environment)
}

/// Makes sure that everything of `wanted` is installed, and its bridges are compiled.
///
/// # Errors
/// The machine lacks something that installing needs, or an installation fails.
pub fn ensure(cache: &Cache, wanted: &Wanted, terminal: Terminal) -> Result<(), Failure> {
    let missing = wanted.missing(cache);
    check_machine(Needs {
        toolchain: false,
        pip: !missing.is_empty(),
    })?;
    install(cache, &missing, terminal)?;
    wanted
        .names()
        .filter_map(|name| cache.find(&name))
        .try_for_each(|runtime| bridge(cache, &runtime, terminal))
}

/// Ends with everything that the machine lacks, each in one sentence.
pub fn check_machine(needs: Needs) -> Result<(), Failure> {
    let missing = preflight::missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let sentences: Vec<String> = missing.iter().map(ToString::to_string).collect();
    Err(Failure::environment(anyhow!(
        "{}",
        sentences.join("\nerror: ")
    )))
}

/// Installs `orders` one after the other, with progress, and compiles the bridge of each.
pub fn install(cache: &Cache, orders: &[Order<'_>], terminal: Terminal) -> Result<(), Failure> {
    if orders.is_empty() {
        return Ok(());
    }
    let pip = Pip::find().map_err(Failure::environment)?;
    for order in orders {
        if order.entry.download_size(order.size) >= LONG_DOWNLOAD {
            terminal.say(&order.announcement());
        }
        let progress = terminal.installation(order.entry.name().to_string());
        let installed = runtimes::install(cache, order.entry, order.size, &pip, &progress);
        drop(progress);
        let runtime = installed.map_err(Failure::environment)?;
        terminal.say(&format!(
            "installed {} in {}",
            runtime.name,
            runtime.package_dir.display()
        ));
        bridge(cache, &runtime, terminal)?;
    }
    Ok(())
}

/// Compiles the bridge to `runtime` now, so that no server has to wait for it.
fn bridge(cache: &Cache, runtime: &Runtime, terminal: Terminal) -> Result<(), Failure> {
    let spinner = bridges::is_missing(runtime, cache)
        .map_err(Failure::environment)?
        .then(|| terminal.spinner(&format!("compiling the bridge to {}", runtime.name)));
    let built = bridges::build(runtime, cache);
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    built.map(drop).map_err(Failure::environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RuntimeName {
        text.parse().expect("a runtime")
    }

    #[test]
    fn the_largest_size_counts_with_its_reason() {
        let mut wanted = Wanted::default();
        let pytorch = name("pytorch-2.11.0");
        wanted.add(pytorch, Size::Small, "what the cases run with");
        wanted.add(pytorch, Size::Full, "needed by a case");
        wanted.add(pytorch, Size::Small, "the default");
        let folder = tempfile::tempdir().expect("a scratch folder");
        let cache = Cache::at(folder.path()).expect("a cache");
        let orders = wanted.missing(&cache);
        assert_eq!(orders.len(), 1);
        assert_eq!((orders[0].size, orders[0].have), (Size::Full, None));
        assert_eq!(orders[0].reason, "needed by a case");
    }

    #[test]
    fn the_full_size_is_installed_for_a_case_only_where_it_is_asked_for() {
        let cases = suites::cases(&suites::Selection {
            filter: Some(regex::Regex::new("torchvision-nms").expect("a pattern")),
            ..Default::default()
        });
        assert_eq!(cases.len(), 1);
        let size = |full| {
            let wanted = needed(&cases, &[], &[], full);
            let folder = tempfile::tempdir().expect("a scratch folder");
            let cache = Cache::at(folder.path()).expect("a cache");
            wanted.missing(&cache).iter().map(|order| order.size).max()
        };
        assert_eq!(size(false), Some(Size::Small));
        assert_eq!(size(true), Some(Size::Full));
    }

    #[test]
    fn a_case_gets_the_runtime_that_it_runs_on() {
        let filter = regex::Regex::new("onnxruntime/model-config/absolute-path$");
        let mut cases = suites::cases(&suites::Selection {
            filter: Some(filter.expect("a pattern")),
            ..Default::default()
        });
        let names = |cases: &[Case], chosen: &[RuntimeName]| -> Vec<String> {
            let wanted = needed(cases, &[], chosen, false);
            wanted.names().map(|name| name.to_string()).collect()
        };
        let (older, oldest) = (name("onnxruntime-1.27.0"), name("onnxruntime-1.20.1"));
        assert_eq!(names(&cases, &[]), ["onnxruntime-1.32.0"]);
        assert_eq!(names(&cases, &[older, oldest]), ["onnxruntime-1.27.0"]);
        cases[0].arrangement.launch.default_runtime = Some(oldest);
        cases[0].needs.push(Need::Runtime(oldest));
        assert_eq!(names(&cases, &[older]), ["onnxruntime-1.20.1"]);
    }

    #[test]
    fn a_long_download_is_announced_with_size_packages_and_reason() {
        let entry = Catalog::builtin().get(&name("tensorrt-8.6.0"));
        let order = Order {
            entry: entry.expect("listed"),
            size: Size::Full,
            have: Some(Size::Small),
            reason: "what --full asks for".to_owned(),
        };
        let text = order.announcement();
        for part in [
            "tensorrt-8.6.0 in the full size, in place of the small one",
            "because it is what --full asks for",
            "GiB to download",
            "nvidia-cudnn-cu12",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let entry = Catalog::builtin().get(&name("tensorflow-2.19.1"));
        let order = Order {
            entry: entry.expect("listed"),
            size: Size::Small,
            have: None,
            reason: String::new(),
        };
        assert!(!order.announcement().contains("size"), "it has one size");
    }
}
