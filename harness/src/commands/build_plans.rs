//! `harness build-plans`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, anyhow};
use runtimes::{Cache, Catalog, Framework, Runtime, RuntimeName, Size};
use suites::Cancellation;
use test_ops::{Builder, Library, Model, ModelRepository, PlanBuilder, Sample};

use super::{Failure, print, provision};
use crate::bundle::Bundle;
use crate::command_line::BuildPlans as Arguments;
use crate::engine_plans::{self, Scope, WantedPlan};
use crate::exit_code::Exit;
use crate::interrupt;
use crate::preflight::Needs;
use crate::quantity::{count, quantity};
use crate::terminal::Terminal;

/// Builds the plans that the cache lacks, and copies all of them where they are asked for.
pub fn build_plans(arguments: &Arguments) -> Result<Exit, Failure> {
    let terminal = Terminal::standard_error();
    let bundle = arguments.bundle.as_deref().map(Bundle::open).transpose();
    let bundle = bundle.map_err(Failure::environment)?;
    let made_for = bundle.as_ref().map(Bundle::made_for).transpose();
    let made_for = made_for.map_err(Failure::environment)?;
    let of_run = made_for.as_ref().map(|run| run.select.runtimes.as_slice());
    let name = runtime_of(arguments.runtime, of_run.unwrap_or_default())?;
    let scope = match &made_for {
        Some(run) if arguments.filter.is_none() => Scope::of_run(&run.select, run.quick),
        _ => Scope::everything(),
    };
    let plans = engine_plans::wanted(&scope, &name, arguments.filter.as_ref());
    check_selected(&plans, arguments, bundle.is_some())?;
    // Before anything is downloaded or compiled for nothing.
    check_gpu(suites::has_gpu())?;

    let cache_arguments = bundle.as_ref().map(Bundle::cache);
    let cache = provision::cache(cache_arguments.as_ref().unwrap_or(&arguments.cache))?;
    match &bundle {
        Some(bundle) => {
            bundle
                .refer(&cache, &arguments.runtime_at)
                .map_err(Failure::environment)?;
            let missing = cache.find(&name).is_none().then_some(name);
            bundle
                .check(true, missing.into_iter().collect())
                .map_err(Failure::environment)?;
        }
        None => prepare(&cache, name, terminal)?,
    }
    let runtime = installed(&cache, name)?;
    let builder = compile(&cache, &runtime, bundle.is_some())?;
    let device = builder.device().map_err(Failure::environment)?.to_owned();

    let cancellation = Cancellation::default();
    interrupt::watch(cancellation.clone());
    let mut work = Work {
        cache,
        runtime,
        builder,
        libraries: BTreeMap::new(),
    };
    let repository = arguments.out.as_ref().map(ModelRepository::create);
    let repository = repository.transpose().map_err(Failure::environment)?;
    terminal.say(&format!(
        "{} for {device}, with {name}; one takes some ten seconds to build",
        count(plans.len(), "plan")
    ));
    let (mut built, mut failed) = (0, 0);
    let bar = terminal.bar(plans.len());
    for plan in &plans {
        if cancellation.is_cancelled() {
            break;
        }
        bar.set_message(plan.model.name.clone());
        let outcome = work.provide(plan, repository.as_ref());
        match &outcome {
            Ok(Provided::Cached) => {}
            Ok(Provided::Built { .. }) => built += 1,
            Err(_) => failed += 1,
        }
        bar.inc(1);
        bar.suspend(|| print(&line(&plan.model.name, &outcome)))?;
    }
    let done = bar.position();
    bar.finish_and_clear();
    if cancellation.is_cancelled() {
        return Err(Failure::environment(anyhow!(
            "ended early: {done} of {} were looked at; those that were built are kept",
            count(plans.len(), "plan")
        )));
    }
    let there = plans.len() - failed;
    print(&format!(
        "{there} of {} are there, {built} of them new, in '{}'\n",
        count(plans.len(), "plan"),
        PlanBuilder::folder(&work.cache).display()
    ))?;
    if let Some(repository) = repository {
        print(&format!(
            "a model repository of them is in '{}'; serve it with the reference server \
             (--model-repository) on a machine with this kind of GPU\n",
            repository.root().display()
        ))?;
    }
    Ok(if failed == 0 {
        Exit::AsExpected
    } else {
        Exit::Environment
    })
}

/// The TensorRT that was `asked` for, or that is among those `of_run`, or the default one.
fn runtime_of(asked: Option<RuntimeName>, of_run: &[RuntimeName]) -> Result<RuntimeName, Failure> {
    let default = || suites::runtime_of(of_run, Framework::TensorRt);
    let name = asked
        .or_else(default)
        .ok_or_else(|| Failure::internal(anyhow!("the catalogue has no TensorRT")))?;
    if PlanBuilder::is_for(&name) {
        return Ok(name);
    }
    let why = match name.framework {
        Framework::TensorRt => "it is the lean runtime, without a builder",
        _ => "it is no TensorRT",
    };
    Err(Failure::usage(anyhow!(
        "{name} builds no plans: {why}; name one of TensorRT 8, such as --runtime tensorrt-8.6.0"
    )))
}

fn check_selected(
    plans: &[WantedPlan],
    arguments: &Arguments,
    in_bundle: bool,
) -> Result<(), Failure> {
    if !plans.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(match &arguments.filter {
        Some(filter) => anyhow!(
            "no plan has a name that matches '{filter}', and no case or measurement that runs a plan \
             has such an id; `cargo harness list --framework tensorrt` prints the cases"
        ),
        None if in_bundle => anyhow!(
            "the cases and measurements that the bundle was made for run no plan; make it again with \
             some that do (`cargo harness bundle --framework tensorrt`)"
        ),
        None => anyhow!("no case and no measurement runs a plan"),
    }))
}

fn check_gpu(has_gpu: bool) -> Result<(), Failure> {
    if has_gpu {
        return Ok(());
    }
    Err(Failure::environment(anyhow!(
        "this machine has no NVIDIA GPU, and a plan is built by running on the GPU that it is for: run \
         `harness build-plans` on the GPU host (in a container: start it with the GPU); where nothing \
         can be compiled there, take a bundle to it (`cargo harness bundle --framework tensorrt --out \
         DIR`, then `./harness build-plans --bundle .`)"
    )))
}

/// What the op libraries and the plan builder are compiled with. The runtime is not installed: its
/// builder takes gigabytes, which are downloaded where they are asked for.
fn prepare(cache: &Cache, name: RuntimeName, terminal: Terminal) -> Result<(), Failure> {
    installed(cache, name)?;
    let mut wanted = provision::Wanted::default();
    wanted.add(name, Size::Small, "what plans are built with");
    let cuda_compiler = provision::missing_cuda_compiler(cache, &wanted)?;
    provision::check_machine(Needs {
        toolchain: true,
        pip: cuda_compiler > 0,
    })?;
    if cuda_compiler > 0 {
        provision::install_cuda_compiler(cache, cuda_compiler, terminal)?;
    }
    Ok(())
}

fn installed(cache: &Cache, name: RuntimeName) -> Result<Runtime, Failure> {
    cache.find(&name).ok_or_else(|| {
        Failure::environment(anyhow!(
            "{name} is not installed in '{}', and building plans takes it in its full size, with the \
             builder: install it with `cargo harness setup --runtime {name} --full`",
            cache.root().display()
        ))
    })
}

fn compile(cache: &Cache, runtime: &Runtime, in_bundle: bool) -> Result<PlanBuilder, Failure> {
    let compiled = PlanBuilder::compile(cache, runtime);
    let told = if in_bundle {
        compiled.context(
            "the bundle cannot build plans: install the runtime in full on the machine that makes \
             bundles, and make it again there with cases that run a plan",
        )
    } else {
        compiled.map_err(anyhow::Error::from)
    };
    told.map_err(Failure::environment)
}

/// How a plan came to be there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Provided {
    /// The cache had it.
    Cached,
    /// It was built.
    Built {
        /// In how many milliseconds.
        milliseconds: f64,
    },
}

/// One plan in one line.
fn line(name: &str, outcome: &anyhow::Result<Provided>) -> String {
    let state = match outcome {
        Ok(Provided::Cached) => "cached".to_owned(),
        Ok(Provided::Built { milliseconds }) => {
            format!("built in {}", quantity(*milliseconds, "ms"))
        }
        Err(error) => return format!("{:<17} {name}: {}\n", "not built", super::sentence(error)),
    };
    format!("{state:<17} {name}\n")
}

/// What plans are built with.
struct Work {
    cache: Cache,
    runtime: Runtime,
    builder: PlanBuilder,
    /// The op library of each domain.
    libraries: BTreeMap<String, PathBuf>,
}

impl Work {
    /// Makes sure that the plan is in the cache, and in `repository` where there is one.
    fn provide(
        &mut self,
        plan: &WantedPlan,
        repository: Option<&ModelRepository>,
    ) -> anyhow::Result<Provided> {
        let libraries = self.libraries_of(&plan.model)?;
        let place = self.builder.place(&self.cache, &plan.model, &libraries)?;
        let mut provided = Provided::Cached;
        if !place.is_file() {
            let begin = Instant::now();
            self.builder.plan(&self.cache, &plan.model, &libraries)?;
            provided = Provided::Built {
                milliseconds: begin.elapsed().as_secs_f64() * 1e3,
            };
        }
        if let Some(repository) = repository {
            let plugins: Vec<_> = plan.model.domains.iter().cloned().zip(libraries).collect();
            let parameters = self.parameters();
            engine_plans::add(repository, plan, &place, &plugins, &parameters)?;
        }
        Ok(provided)
    }

    /// The op libraries of a model's plugins, one for each domain: a sample, as cases have it.
    fn libraries_of(&mut self, model: &Model) -> anyhow::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for domain in &model.domains {
            let file = match self.libraries.get(domain) {
                Some(file) => file.clone(),
                None => {
                    let sample = Sample::default().with_domain(domain);
                    let library = Library::new(Framework::TensorRt, sample);
                    Builder::in_cache(&self.cache).build(&library, &self.runtime)?
                }
            };
            self.libraries.insert(domain.clone(), file.clone());
            files.push(file);
        }
        Ok(files)
    }

    /// A model names its runtime where a server would take another one.
    fn parameters(&self) -> Vec<(String, String)> {
        let default = Catalog::builtin().default_of(Framework::TensorRt);
        let name = self.runtime.name;
        if default.is_some_and(|entry| entry.name() == name) {
            return Vec::new();
        }
        vec![("runtime".to_owned(), name.to_string())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RuntimeName {
        text.parse().expect("a runtime")
    }

    #[test]
    fn plans_are_built_with_tensorrt_8_and_the_refusal_of_others_says_so() {
        let chosen = |asked: Option<&str>, of_run: &[&str]| {
            let of_run: Vec<RuntimeName> = of_run.iter().map(|text| name(text)).collect();
            runtime_of(asked.map(name), &of_run)
                .map_err(|failure| (failure.exit, failure.error.to_string()))
        };
        assert_eq!(chosen(None, &[]), Ok(name("tensorrt-8.6.0")));
        assert_eq!(
            chosen(None, &["pytorch-2.11.0", "tensorrt-8.5.3.1"]),
            Ok(name("tensorrt-8.5.3.1"))
        );
        for (other, why) in [
            ("pytorch-2.11.0", "no TensorRT"),
            ("tensorrt-10.16.1", "lean runtime"),
        ] {
            let (exit, text) = chosen(Some(other), &[]).expect_err("it builds none");
            assert_eq!(exit, Exit::Usage);
            assert!(
                text.contains(why) && text.contains("--runtime tensorrt-8.6.0"),
                "{text}"
            );
        }
    }

    #[test]
    fn what_stands_in_the_way_is_told_with_what_to_do() {
        let text = |failure: Failure| {
            assert_eq!(failure.exit, Exit::Environment);
            super::super::sentence(&failure.error)
        };
        let told = text(check_gpu(false).expect_err("there is none"));
        for part in ["no NVIDIA GPU", "on the GPU host", "build-plans --bundle ."] {
            assert!(told.contains(part), "{told}");
        }
        let folder = tempfile::tempdir().expect("a scratch folder");
        let cache = Cache::at(folder.path()).expect("a cache");
        let told = text(installed(&cache, name("tensorrt-8.6.0")).expect_err("not installed"));
        assert!(
            told.contains("setup --runtime tensorrt-8.6.0 --full"),
            "{told}"
        );
    }

    #[test]
    fn a_plan_is_one_line_whatever_became_of_it() {
        let lines = [
            Ok(Provided::Cached),
            Ok(Provided::Built {
                milliseconds: 12_340.0,
            }),
            Err(anyhow!("the GPU is busy")),
        ]
        .map(|outcome| line("bias_gelu_fp32_nx64", &outcome));
        assert_eq!(
            lines,
            [
                "cached            bias_gelu_fp32_nx64\n",
                "built in 12.3 s   bias_gelu_fp32_nx64\n",
                "not built         bias_gelu_fp32_nx64: the GPU is busy\n",
            ]
        );
    }
}
