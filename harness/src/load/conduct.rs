//! A load test from the first question to the last measurement.

use suites::Cancellation;
use tokio::runtime::Runtime;

use super::error::LoadTestError;
use super::load_test::LoadTest;
use super::pace::Pace;
use super::plan::{Paces, Plan};
use super::record::Load;
use super::search::highest;
use crate::measurement::Measurement;

/// What is told while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// The server has told what it is.
    Met(&'a Load),
    /// A measurement begins.
    Began(Pace),
    /// It has ended.
    Ended(&'a Measurement),
    /// It has no result.
    Failed(Pace, &'a str),
}

/// What came of it.
#[derive(Debug)]
pub struct Measured {
    /// What was put under load.
    pub load: Load,
    /// A measurement for each pace.
    pub measurements: Vec<Measurement>,
    /// Paces without a measurement, with the reason.
    pub problems: Vec<String>,
}

/// Makes the load test. What fails at one pace does not end it.
///
/// # Errors
/// [`LoadTestError`]: nothing was measured.
pub fn conduct(
    plan: &Plan,
    cancellation: &Cancellation,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Measured, LoadTestError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LoadTestError::SetUp)?;
    let mut test = runtime.block_on(LoadTest::prepare(plan))?;
    tell(Event::Met(&test.load));
    let mut measurements: Vec<Measurement> = Vec::new();
    let mut problems = Vec::new();
    let mut point = |pace: Pace, seed: u64| -> Option<bool> {
        if cancellation.is_cancelled() {
            return None;
        }
        tell(Event::Began(pace));
        let repeated = measurements.iter().filter(|m| is_of(m, pace)).count();
        match runtime.block_on(test.measure(plan, pace, seed, repeated, cancellation)) {
            Ok(measurement) => {
                tell(Event::Ended(&measurement));
                let load = measurement.load.as_ref();
                let is_met = load.is_some_and(|load| load.target_met == Some(true));
                measurements.push(measurement);
                Some(is_met)
            }
            Err(reason) => {
                tell(Event::Failed(pace, &reason));
                problems.push(format!("{pace}: {reason}"));
                Some(false)
            }
        }
    };
    match &plan.paces {
        Paces::Each(paces) => {
            for pace in paces {
                point(*pace, plan.seed);
            }
        }
        Paces::Search {
            search,
            arrivals,
            connections,
        } => {
            let mut seed = plan.seed;
            let found = highest(search, |rate| {
                // Another schedule each time: a confirmation must not repeat a lucky one.
                seed = seed.wrapping_add(1);
                let pace = Pace::Open {
                    rate,
                    arrivals: *arrivals,
                    connections: *connections,
                };
                point(pace, seed).ok_or(())
            });
            test.load.highest_rate = found.ok().flatten();
        }
    }
    let met = |m: &Measurement| m.load.as_ref().and_then(|load| load.target_met);
    test.load.target_met = plan.target.map(|_| match &plan.paces {
        Paces::Each(_) => measurements.iter().any(|m| met(m) == Some(true)),
        Paces::Search { .. } => test.load.highest_rate.is_some(),
    });
    runtime.block_on(test.let_go(plan.limit));
    shut_down(runtime);
    Ok(Measured {
        load: test.load,
        measurements,
        problems,
    })
}

/// Ends the connections without waiting for a server that does not answer.
fn shut_down(runtime: Runtime) {
    runtime.shutdown_background();
}

/// Whether a measurement was made at `pace`.
fn is_of(measurement: &Measurement, pace: Pace) -> bool {
    let load = measurement.load.as_ref();
    match pace {
        Pace::Closed { concurrency } => measurement.concurrency == Some(concurrency),
        Pace::Open { rate, .. } => load.and_then(|load| load.rate) == Some(rate),
    }
}
