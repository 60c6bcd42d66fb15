//! What a run does when servers, cases or users do not behave.

mod environment;

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use environment::{cache, script};
use suites::{
    Case, CaseResult, Event, Need, Outcome, Phase, RunError, RunOptions, Selection, Verdict, cases,
    run,
};
use test_ops::ParameterSource;

/// The case that this file plays with.
fn sample() -> Case {
    let filter = Some(
        "onnxruntime/model-config/absolute-path$"
            .parse()
            .expect("a pattern"),
    );
    let mut cases = cases(&Selection {
        filter,
        ..Selection::default()
    });
    assert_eq!(cases.len(), 1);
    cases.remove(0)
}

fn run_with(
    server: &str,
    cases: &[Case],
    change: impl FnOnce(&mut RunOptions),
) -> (Vec<CaseResult>, Receiver<Event>) {
    let (_folder, program) = script(server);
    let mut options = RunOptions::new(program, cache(cases).root());
    change(&mut options);
    let (sender, events) = channel();
    let results = run(cases, &options, &sender).expect("a run");
    (results, events)
}

#[test]
fn a_run_without_server_or_runtime_is_refused_with_the_remedy() {
    let (sender, _events) = channel();
    let empty = tempfile::tempdir().expect("a scratch folder");
    let options = RunOptions::new("/nonexistent/server", empty.path());
    let error = run(&[sample()], &options, &sender).expect_err("there is no server");
    assert!(matches!(error, RunError::NoServer(_)), "{error}");
    assert!(error.to_string().contains("--server-bin"), "{error}");

    let (_folder, program) = script("exit 0");
    let options = RunOptions::new(program, empty.path());
    let error = run(&[sample()], &options, &sender).expect_err("there is no runtime");
    assert!(matches!(error, RunError::NotInstalled { .. }), "{error}");
    assert!(error.to_string().contains("cargo harness setup"), "{error}");
}

#[test]
fn a_case_that_panics_is_an_error_and_the_others_go_on() {
    let mut broken = sample();
    broken.id += "-broken";
    let model = &mut broken.arrangement.models[0].model;
    model.dims = vec![-1, -1];
    model.parameter_source = ParameterSource::Constant;
    let (results, events) = run_with("echo no; exit 1", &[broken, sample()], |_| ());

    assert_eq!(results.len(), 2);
    assert_eq!(
        (results[0].verdict, results[0].outcome),
        (Verdict::Error, None)
    );
    assert!(
        results[0].message.contains("panicked"),
        "{}",
        results[0].message
    );
    assert_eq!(results[1].verdict, Verdict::Fail);
    assert_eq!(results[1].outcome, Some(Outcome::RefusedStart));
    assert_eq!(results[1].expected, Some(Outcome::Served));
    assert!(results[1].evidence.log_tail.contains(&"no".to_owned()));
    assert!(!results[1].evidence.departures.is_empty());

    let events: Vec<Event> = events.iter().collect();
    assert!(matches!(&events[0], Event::Planned { ids, .. } if ids.len() == 2));
    let finished = events
        .iter()
        .filter(|event| matches!(event, Event::Finished { .. }))
        .count();
    assert_eq!(finished, 2);
}

#[test]
fn a_case_that_takes_too_long_is_ended() {
    let begin = Instant::now();
    let (results, _) = run_with("sleep 1000", &[sample()], |options| {
        options.case_time_limit = Duration::from_millis(500);
    });
    assert_eq!(results[0].outcome, Some(Outcome::Hung));
    assert_eq!(
        (results[0].verdict, results[0].phase),
        (Verdict::Fail, Phase::Spawn)
    );
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_case_whose_needs_are_not_met_is_skipped_with_the_reason() {
    let mut case = sample();
    case.needs = vec![Need::Runtime("onnxruntime-9.9.9".parse().expect("a name"))];
    let (results, _) = run_with("exit 1", &[case], |_| ());
    assert_eq!(
        (results[0].verdict, results[0].outcome),
        (Verdict::Skip, None)
    );
    assert!(
        results[0].message.contains("onnxruntime-9.9.9"),
        "{}",
        results[0].message
    );
}

#[test]
fn a_cancelled_run_ends_at_once() {
    let (_folder, program) = script("sleep 1000 & sleep 1000");
    let options = RunOptions::new(program, cache(&[sample()]).root());
    let (sender, events) = channel();
    let cancellation = options.cancellation.clone();
    let canceller = std::thread::spawn(move || {
        let started = |event: &Event| matches!(event, Event::Started { .. });
        let seen = events.iter().find(started).is_some();
        cancellation.cancel();
        (seen, events)
    });
    let begin = Instant::now();
    let results = run(&[sample(), sample()], &options, &sender).expect("a run");
    drop(sender);
    let (seen, events) = canceller.join().expect("the canceller");
    assert!(seen && results.is_empty(), "{results:?}");
    assert!(events.iter().any(|event| matches!(event, Event::Cancelled)));
    assert!(begin.elapsed() < Duration::from_secs(60));
}
