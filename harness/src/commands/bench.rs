//! `harness bench`

use std::time::Instant;

use jiff::Timestamp;
use suites::{Cancellation, Isolation, Profile};

use super::closing::{command_line, exit};
use super::report::failure;
use super::{Failure, print};
use crate::command_line::Bench;
use crate::commit::commit;
use crate::exit_code::Exit;
use crate::experiments;
use crate::interrupt;
use crate::load::{self, Event, Load};
use crate::measurement::{Measurement, Warning};
use crate::quantity::{quantity, rate};
use crate::results::{Counts, Machine, Results, ResultsFolder, Run, SCHEMA_VERSION, Selected};
use crate::terminal::Terminal;

/// Puts a server under load and writes what came of it.
pub fn bench(arguments: &Bench) -> Result<Exit, Failure> {
    let (start, begin) = (Timestamp::now(), Instant::now());
    let terminal = Terminal::standard_error();
    let commit = commit();
    let folder =
        ResultsFolder::create(&arguments.results_dir, start, commit.as_deref()).map_err(failure)?;
    let cancellation = Cancellation::default();
    interrupt::watch(cancellation.clone());
    let machine = Machine::read();
    let mut tell = |event: Event<'_>| match event {
        Event::Met(load) => terminal.say(&introduction(load)),
        Event::Began(_) => {}
        Event::Ended(measurement) => terminal.say(&line(measurement)),
        Event::Failed(pace, reason) => terminal.say(&format!("! {pace}: {reason}")),
    };
    let measured = load::conduct(&arguments.plan(), &cancellation, &mut tell);
    let measured = measured.map_err(|error| {
        folder.remove_empty();
        match error.is_usage() {
            true => Failure::usage(error),
            false => Failure::environment(error),
        }
    })?;
    let mut warnings = experiments::machine_warnings(&machine);
    if arguments.insecure {
        warnings.push(Warning::UnverifiedServer {
            url: measured.load.url.clone(),
        });
    }
    let results = Results {
        schema_version: SCHEMA_VERSION,
        run: Run {
            command_line: command_line(),
            commit,
            harness_version: env!("CARGO_PKG_VERSION").to_owned(),
            isolation: Isolation::OpSet,
            profile: Profile::Reference,
            quick: false,
            selection: Selected::default(),
            shard: None,
            parts: Vec::new(),
            start,
            duration_s: begin.elapsed().as_secs_f64(),
            interrupted: cancellation.is_cancelled(),
            warnings,
            problems: measured.problems,
            notices: Vec::new(),
        },
        machine,
        runtimes: Vec::new(),
        summary: Counts::default(),
        cases: Vec::new(),
        measurements: measured.measurements,
        check: None,
        load: Some(measured.load),
    };
    folder.write(&results).map_err(failure)?;
    print(&closing(&results, &folder))?;
    Ok(exit(&results))
}

/// What was met, and the head of the table.
fn introduction(load: &Load) -> String {
    let batch = load.batch_size.map(|rows| format!(", batch size {rows}"));
    format!(
        "{} at {}, model {}: {}{}\n{:>22}  {:>10}  {:>9}  {:>9}  {:>9}  {:>9}  {:>13}",
        load.server,
        load.url,
        load.model,
        load.inputs.join(", "),
        batch.unwrap_or_default(),
        "",
        "answers",
        "p50",
        "p90",
        "p99",
        "p99.9",
        "client CPU"
    )
}

/// A line of the table, with its warnings beneath.
fn line(measurement: &Measurement) -> String {
    let Some(load) = &measurement.load else {
        return String::new();
    };
    let time = |value: f64| quantity(value, &measurement.unit);
    let or_none = |value: Option<f64>| value.map_or("–".to_owned(), time);
    let pace = match (load.rate, load.arrivals) {
        (Some(wanted), Some(arrivals)) => format!("{} {arrivals}", rate(wanted)),
        _ => format!("concurrency {}", load.slots),
    };
    let mut text = format!(
        "{pace:>22}  {:>10}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}/req",
        rate(measurement.throughput.unwrap_or(0.0)),
        time(measurement.median),
        or_none(measurement.p90),
        or_none(measurement.p99),
        or_none(load.p999),
        time(load.client_cpu_us),
    );
    match load.target_met {
        Some(true) => text.push_str("  ✓ target met"),
        Some(false) => text.push_str("  ✗ target missed"),
        None => {}
    }
    if let Some(server) = &load.server {
        text.push_str(&format!(
            "\n{:>22}  in the server: queue {}, input {}, infer {}, output {}; batch {:.1}",
            "",
            time(server.queue_us),
            time(server.compute_input_us),
            time(server.compute_infer_us),
            time(server.compute_output_us),
            server.mean_batch
        ));
    }
    if let Some(overhead) = &load.overhead {
        text.push_str(&format!(
            "\n{:>22}  with a server that does nothing: {} median, {}",
            "",
            time(overhead.median_us),
            rate(overhead.throughput)
        ));
    }
    if load.late > 0 {
        text.push_str(&format!("\n{:>22}  {} sent late", "", load.late));
    }
    for warning in &measurement.warnings {
        text.push_str(&format!("\n{:>22}  ⚠ {warning}", ""));
    }
    text
}

/// What is printed last.
fn closing(results: &Results, folder: &ResultsFolder) -> String {
    let mut text = String::new();
    for problem in &results.run.problems {
        text.push_str(&format!("! {problem}\n"));
    }
    for warning in &results.run.warnings {
        text.push_str(&format!("⚠ {warning}\n"));
    }
    text.push_str(&format!("{}\n", results.headline()));
    text.push_str(&format!("{}\n", folder.report().display()));
    text
}
