//! Everything ready-made that cases use, for a machine that can build nothing.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::mpsc::Sender;

use runtimes::{Cache, Framework};
use test_ops::{Builder, Format, Library, PlanBuilder, Sample};

use crate::case::{Case, Need};
use crate::event::Event;
use crate::experiment::{Supply, Variant};
use crate::options::RunOptions;
use crate::runner::{RunError, build_variants};

/// Everything ready-made that cases use, beside runtimes, their bridges and the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Each with what [`runtimes::Prebuilt`] lists it under: op libraries and plan builders.
    pub products: Vec<(String, PathBuf)>,
    /// The folders of published op libraries.
    pub packages: Vec<PathBuf>,
    /// What could not be made, each a sentence: the cases that use it will be errors.
    pub missing: Vec<String>,
}

/// Builds and installs what `cases` use, and the sample library of each framework in `measured`, and
/// says where it is. Cases that this machine cannot run for want of a GPU or a Python count too; not so
/// those whose runtimes are not installed.
///
/// # Errors
/// The cache cannot be used.
pub fn stock(
    cases: &[Case],
    measured: &[Framework],
    options: &RunOptions,
    events: &Sender<Event>,
) -> Result<Stock, RunError> {
    // A receiver that is gone only means that nobody listens.
    let tell = |event| drop(events.send(event));
    let cache = Cache::at(&options.runtime_cache)?;
    let installed = cache.installed();
    let builder = Builder::in_cache(&cache);
    let supply = Supply::new(options, &installed, &builder);

    let possible = |case: &&Case| {
        let mut needs = case.needs.iter();
        needs.all(|need| match need {
            Need::Gpu
            | Need::RuntimeForGpus(_)
            | Need::GpuMemoryReading
            | Need::UnusedGpus
            | Need::NoGpu
            | Need::PythonLibrary => true,
            Need::Runtime(_) | Need::FullRuntime(_) => need.is_met(&installed),
        })
    };
    let cases: Vec<&Case> = cases.iter().filter(possible).collect();
    let samples = measured.iter().filter_map(|&framework| {
        let library = Library::new(framework, Sample::default());
        Some((library, options.runtime_of(framework)?))
    });
    let of_cases = cases.iter().flat_map(|case| {
        let placed = supply.variants(case);
        placed.into_iter().chain(plugins(case, &supply))
    });
    let mut seen = HashSet::new();
    let variants: Vec<Variant> = of_cases
        .chain(samples)
        .filter(|(_, runtime)| supply.runtime(*runtime).is_some())
        .filter(|variant| seen.insert(variant.clone()))
        .collect();

    let failed = build_variants(variants.clone(), &supply, options, &tell);
    let mut stock = Stock::default();
    for variant in &variants {
        if let Some((_, message)) = failed.iter().find(|(failed, _)| failed == variant) {
            stock.missing.push(message.clone());
            continue;
        }
        let request = Builder::request(&variant.0, &variant.1);
        match supply.build(variant) {
            Ok(file) => stock.products.push((request, file)),
            Err(error) => stock.missing.push(error.to_string()),
        }
    }
    let mut seen = HashSet::new();
    for library in cases.into_iter().flat_map(Supply::published) {
        if seen.insert(library.package.file.as_str()) {
            match supply.package(library) {
                Ok(folder) => stock.packages.push(folder),
                Err(error) => stock.missing.push(error.to_string()),
            }
        }
    }
    let used = variants.iter().map(|(_, runtime)| *runtime);
    let used: HashSet<_> = used.filter(PlanBuilder::is_for).collect();
    for runtime in used.into_iter().filter_map(|name| supply.runtime(name)) {
        match PlanBuilder::compile(&cache, runtime) {
            Ok(builder) => {
                let request = PlanBuilder::request(&runtime.name);
                stock.products.push((request, builder.program().to_owned()));
            }
            Err(error) => stock.missing.push(error.to_string()),
        }
    }
    Ok(stock)
}

/// The libraries that plans of `case` are built with.
fn plugins(case: &Case, supply: &Supply<'_>) -> Vec<Variant> {
    let framework = Framework::TensorRt;
    let Some(runtime) = supply.default_runtime(case, framework) else {
        return Vec::new();
    };
    let models = case.arrangement.models.iter().map(|folder| &folder.model);
    models
        .filter(|model| model.format == Format::Plan)
        .flat_map(|model| &model.domains)
        .map(|domain| {
            let sample = Sample::default().with_domain(domain);
            (Library::new(framework, sample), runtime)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Selection;

    #[test]
    fn a_case_that_needs_a_gpu_has_its_plugins_in_stock() {
        let cases = crate::cases(&Selection {
            frameworks: vec![Framework::TensorRt],
            ..Selection::default()
        });
        let needs_gpu = |case: &&Case| case.needs.contains(&Need::Gpu);
        let case = cases.iter().find(needs_gpu).expect("there are such cases");
        let options = RunOptions::new("/nonexistent", "/nonexistent");
        let cache = Cache::at("/nonexistent".as_ref()).expect("a path");
        let builder = Builder::in_cache(&cache);
        let supply = Supply::new(&options, &[], &builder);
        let of_plans = plugins(case, &supply);
        assert!(!of_plans.is_empty(), "{}", case.id);
    }

    #[test]
    fn runtimes_that_are_not_installed_have_nothing_in_stock() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let cases = crate::cases(&Selection {
            frameworks: vec![Framework::OnnxRuntime],
            ..Selection::default()
        });
        let options = RunOptions::new("/nonexistent", folder.path());
        let (events, _) = std::sync::mpsc::channel();
        let stock = stock(&cases, &[Framework::OnnxRuntime], &options, &events).expect("a stock");
        assert_eq!(stock.products, []);
    }
}
