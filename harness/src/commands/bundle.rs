//! `harness bundle`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Parser;
use jiff::Timestamp;
use runtimes::{Cache, Framework, RuntimeName};
use suites::{Need, RunOptions, Stock};

use super::work::Work;
use super::{Failure, print, provision};
use crate::bundle::{Contents, Manifest, pack, unpacker};
use crate::command_line::{Arguments, Bundle, Command, Run};
use crate::commit::commit;
use crate::exit_code::Exit;
use crate::preflight::Needs;
use crate::quantity::bytes;
use crate::terminal::{CaseProgress, Terminal};

/// Prepares a run and packs everything that it needs.
pub fn bundle(arguments: &Bundle) -> Result<Exit, Failure> {
    let terminal = Terminal::standard_error();
    let mut selection = arguments.select.arguments();
    selection.extend(arguments.quick.then(|| "--quick".to_owned()));
    let work = Work::select(&run_of(&selection)?)?;
    // What this machine cannot measure for want of a GPU the other one may.
    let mut measured = work.measured();
    measured.extend(&work.unmeasurable);
    let of_gpu = work.on_gpu.iter();
    measured.extend(of_gpu.filter(|framework| !work.measured().contains(framework)));
    let select = &arguments.select;
    let needed = provision::needed(&work.cases, &measured, &select.runtimes, select.full);
    check_left_out(&arguments.without_runtime, needed.names())?;

    let cache = provision::cache(&arguments.cache)?;
    provision::check_machine(Needs {
        toolchain: true,
        pip: false,
    })?;
    provision::ensure(&cache, &needed, terminal)?;
    let server = built(terminal, "the reference server", |line| {
        suites::server_binary(arguments.server_bin.as_deref(), line)
    })?;
    let program = built(terminal, "the program that unpacks", |line| {
        unpacker::build(line)
    })?;
    let mut options = RunOptions::new(&server, cache.root());
    options.runtimes.clone_from(&select.runtimes);
    let stock = stock(&work, &measured, &options, terminal)?;

    let (left_out, packed): (Vec<RuntimeName>, Vec<RuntimeName>) = needed
        .names()
        .partition(|name| arguments.without_runtime.contains(name));
    let contents = contents(&cache, &server, &packed, &left_out, &stock)?;
    let of_gpu = work
        .cases
        .iter()
        .filter(|case| case.needs.contains(&Need::Gpu));
    let of_gpu: BTreeSet<Framework> = of_gpu.flat_map(suites::Case::frameworks).collect();
    let mut on_gpu = packed.clone();
    on_gpu.retain(|name| of_gpu.contains(&name.framework));
    let needs = contents.needs(&on_gpu);
    let manifest = Manifest {
        harness_version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: commit(),
        made: Timestamp::now(),
        selection,
        runtimes: packed,
        left_out,
        c_library: needs.c_library,
        cuda: needs.cuda,
    };
    write(arguments, &contents, &manifest, &program, terminal)
}

/// The command line that the other machine runs.
fn run_of(selection: &[String]) -> Result<Run, Failure> {
    let line = ["harness", "run"].into_iter();
    let line = line.chain(selection.iter().map(String::as_str));
    match Arguments::try_parse_from(line)
        .map_err(Failure::internal)?
        .command
    {
        Command::Run(run) => Ok(run),
        other => Err(Failure::internal(anyhow!("not a run: {other:?}"))),
    }
}

fn check_left_out(
    left_out: &[RuntimeName],
    needed: impl Iterator<Item = RuntimeName>,
) -> Result<(), Failure> {
    let needed: BTreeSet<RuntimeName> = needed.collect();
    match left_out.iter().find(|name| !needed.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let needed: Vec<String> = needed.iter().map(ToString::to_string).collect();
            Err(Failure::usage(anyhow!(
                "{name} cannot be left out, because no case needs it; the cases need {}",
                needed.join(", ")
            )))
        }
    }
}

fn built<E: std::error::Error + Send + Sync + 'static>(
    terminal: Terminal,
    what: &str,
    build: impl FnOnce(&mut dyn FnMut(&str)) -> Result<PathBuf, E>,
) -> Result<PathBuf, Failure> {
    let spinner = terminal.spinner(&format!("building {what}"));
    let built = build(&mut |line| spinner.set_message(line.to_owned()));
    spinner.finish_and_clear();
    built.map_err(Failure::environment)
}

fn stock(
    work: &Work,
    measured: &[Framework],
    options: &RunOptions,
    terminal: Terminal,
) -> Result<Stock, Failure> {
    let (sender, events) = std::sync::mpsc::channel();
    let shown = std::thread::spawn(move || {
        let mut progress = CaseProgress::new(terminal);
        events.iter().for_each(|event| progress.show(&event));
        progress.end();
    });
    let stock = suites::stock(&work.cases, measured, options, &sender);
    drop(sender);
    // A display that failed takes nothing away from what was built.
    let _ = shown.join();
    let stock = stock.map_err(Failure::environment)?;
    for message in &stock.missing {
        terminal.say(&format!(
            "! {message}; the cases that use it will be errors in a run of the bundle"
        ));
    }
    Ok(stock)
}

fn contents(
    cache: &Cache,
    server: &Path,
    packed: &[RuntimeName],
    left_out: &[RuntimeName],
    stock: &Stock,
) -> Result<Contents, Failure> {
    let own = std::env::current_exe()
        .context("failed to find the harness's own executable")
        .map_err(Failure::environment)?;
    let mut contents = Contents::default();
    contents.add_programs(&own, server);
    for name in packed.iter().chain(left_out) {
        let Some(runtime) = cache.find(name) else {
            continue;
        };
        if packed.contains(name) {
            contents
                .add_runtime(cache, &runtime)
                .map_err(Failure::environment)?;
        }
        if let Some(bridge) = bridges::build(&runtime, cache).map_err(Failure::environment)? {
            contents
                .add_product(cache, bridges::request(name), &bridge)
                .map_err(Failure::environment)?;
        }
    }
    for (request, file) in &stock.products {
        contents
            .add_product(cache, request.clone(), file)
            .map_err(Failure::environment)?;
    }
    for folder in &stock.packages {
        contents
            .add_package(cache, folder)
            .map_err(Failure::environment)?;
    }
    Ok(contents)
}

fn write(
    arguments: &Bundle,
    contents: &Contents,
    manifest: &Manifest,
    program: &Path,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let program = std::fs::read(program)
        .with_context(|| format!("failed to read '{}'", program.display()))
        .map_err(Failure::environment)?;
    let split = arguments.split.map_or(u64::MAX, |size| size.0);
    let spinner = terminal.spinner("packing");
    let packed = pack(
        contents,
        manifest,
        &program,
        &arguments.out,
        split,
        |path| {
            spinner.set_message(format!("packing {}", path.display()));
        },
    );
    spinner.finish_and_clear();
    let packed = packed.map_err(Failure::environment)?;
    let names: Vec<String> = manifest.runtimes.iter().map(ToString::to_string).collect();
    let needs = manifest
        .c_library
        .as_ref()
        .map_or_else(String::new, |needed| {
            format!(
                "; needs glibc {} or newer, for {}",
                needed.version, needed.file
            )
        });
    print(&format!(
        "packed {} into {} of {} ({}){needs}\nnext, where all parts were copied to: ./part-000 --out DIR \
         && cd DIR && ./harness run --bundle .\n{}\n",
        bytes(packed.unpacked),
        match packed.parts.len() {
            1 => "one part".to_owned(),
            count => format!("{count} parts"),
        },
        bytes(packed.bytes),
        if names.is_empty() {
            "no runtime".to_owned()
        } else {
            names.join(", ")
        },
        arguments.out.display()
    ))?;
    Ok(Exit::AsExpected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_needed_can_be_left_out() {
        let name = |text: &str| text.parse::<RuntimeName>().expect("a runtime");
        let needed = || [name("onnxruntime-1.32.0")].into_iter();
        assert!(check_left_out(&[name("onnxruntime-1.32.0")], needed()).is_ok());
        let refused = check_left_out(&[name("pytorch-2.11.0")], needed());
        let text = refused.expect_err("it is not needed").error.to_string();
        assert!(
            text.contains("pytorch-2.11.0") && text.contains("onnxruntime-1.32.0"),
            "{text}"
        );
    }
}
