//! Joins the records of the parts of one run.

use std::path::{Path, PathBuf};

use suites::{CaseResult, Shard};

use super::record::{Counts, Part, Results, Run, RuntimeRecord};
use crate::measurement::Measurement;

/// Why records cannot be joined. Each names the folders that it is about.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// One is no part.
    #[error(
        "{} is a whole run: it was made without --shard; give the folders of the parts of one run",
        path.display()
    )]
    Whole {
        /// The folder.
        path: PathBuf,
    },
    /// One has been joined already.
    #[error(
        "{} was joined from parts already; give the folders of the parts themselves, those that \
         were missing too", path.display()
    )]
    Merged {
        /// The folder.
        path: PathBuf,
    },
    /// What a record says of its part cannot be read.
    #[error("failed to read which part {} is: {source}", path.display())]
    Shard {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: suites::ParseShardError,
    },
    /// Two are not parts of the same run.
    #[error(
        "{} and {} are not parts of one run: the {what} of the first is {first_value}, that of the \
         second {second_value}; give parts that were made at one commit and with one command line \
         but for --shard", first.display(), second.display()
    )]
    OtherRun {
        /// What differs, such as `commit`.
        what: &'static str,
        /// A folder.
        first: PathBuf,
        /// Its value.
        first_value: String,
        /// Another folder.
        second: PathBuf,
        /// Its value.
        second_value: String,
    },
}

/// A record and the folder that it was read from.
type Read = (PathBuf, Results);

/// Joins `records`, at least one, into the record of the whole run, whose command line is
/// `command_line`. Measurements are put into the order of `measurement_ids`.
///
/// Parts that are missing are a notice of the record. A part that is given twice counts once: the
/// one that began later, and where a case ended otherwise in it, that is a notice too.
///
/// # Errors
/// [`MergeError`].
///
/// # Panics
/// Without any record.
pub fn merge(
    mut records: Vec<Read>,
    command_line: Vec<String>,
    measurement_ids: &[String],
) -> Result<Results, MergeError> {
    let shards = records
        .iter()
        .map(|(path, results)| shard_of(path, results))
        .collect::<Result<Vec<Shard>, _>>()?;
    for pair in records.windows(2) {
        check_same_run(&pair[0], &pair[1])?;
    }
    let mut notices: Vec<String> = missing(&shards).into_iter().collect();
    records.sort_by_cached_key(|(_, results)| (number(results), results.run.start));
    records.dedup_by(|second, first| {
        let twice = second.1.run.shard == first.1.run.shard;
        if twice {
            // The second of the two goes: it has to be the one that began earlier.
            std::mem::swap(first, second);
            notices.extend(given_twice(second, first));
        }
        twice
    });

    let parts: Vec<Results> = records.into_iter().map(|(_, results)| results).collect();
    let mut cases: Vec<CaseResult> = parts.iter().flat_map(|part| &part.cases).cloned().collect();
    cases.sort_by(|a, b| a.id.cmp(&b.id));
    let mut measurements: Vec<Measurement> = parts
        .iter()
        .flat_map(|part| &part.measurements)
        .cloned()
        .collect();
    let position = |id: &str| measurement_ids.iter().position(|known| known == id);
    measurements.sort_by_key(|measurement| position(&measurement.id).unwrap_or(usize::MAX));
    let mut runtimes: Vec<RuntimeRecord> = Vec::new();
    for runtime in parts.iter().flat_map(|part| &part.runtimes) {
        if runtimes.iter().all(|known| known.name != runtime.name) {
            runtimes.push(runtime.clone());
        }
    }
    runtimes.sort_by(|a, b| a.name.cmp(&b.name));

    let first = parts.first().expect("there is a record to join").clone();
    let mut results = Results {
        run: Run {
            command_line,
            shard: None,
            start: parts
                .iter()
                .map(|part| part.run.start)
                .min()
                .unwrap_or(first.run.start),
            duration_s: parts.iter().map(|part| part.run.duration_s).sum(),
            interrupted: parts.iter().any(|part| part.run.interrupted),
            warnings: distinct(parts.iter().flat_map(|part| &part.run.warnings)),
            problems: parts.iter().flat_map(problems).collect(),
            parts: parts.iter().map(part).collect(),
            ..first.run
        },
        runtimes,
        summary: Counts::of(&cases),
        cases,
        measurements,
        ..first
    };
    notices.extend(different_machines(&results));
    results.run.notices = notices;
    Ok(results)
}

fn shard_of(path: &Path, results: &Results) -> Result<Shard, MergeError> {
    let path = path.to_owned();
    if !results.run.parts.is_empty() {
        return Err(MergeError::Merged { path });
    }
    match &results.run.shard {
        None => Err(MergeError::Whole { path }),
        Some(shard) => shard
            .parse()
            .map_err(|source| MergeError::Shard { path, source }),
    }
}

/// Everything in which the parts of one run agree, with its name.
fn identity(run: &Run) -> [(&'static str, String); 10] {
    let selection = &run.selection;
    let list = |values: &[String]| match values {
        [] => "all".to_owned(),
        values => values.join(", "),
    };
    let yes = |value: bool| if value { "yes" } else { "no" }.to_owned();
    let parts = run.shard.as_deref().and_then(|shard| shard.split_once('/'));
    [
        (
            "commit",
            run.commit.clone().unwrap_or_else(|| "unknown".to_owned()),
        ),
        (
            "number of parts",
            parts.map_or_else(String::new, |(_, count)| count.to_owned()),
        ),
        ("isolation", run.isolation.to_string()),
        ("profile", run.profile.to_string()),
        (
            "selection of frameworks (--framework)",
            list(&selection.frameworks),
        ),
        ("selection of suites (--suite)", list(&selection.suites)),
        (
            "selection of ids (--filter)",
            selection
                .filter
                .clone()
                .map_or_else(|| "all".to_owned(), |filter| format!("'{filter}'")),
        ),
        (
            "selection of runtimes (--runtime)",
            match selection.runtimes.as_slice() {
                [] => "the usual one".to_owned(),
                runtimes => runtimes.join(", "),
            },
        ),
        ("extent (--full)", yes(selection.full)),
        ("extent (--quick)", yes(run.quick)),
    ]
}

fn check_same_run((first, a): &Read, (second, b): &Read) -> Result<(), MergeError> {
    for ((what, first_value), (_, second_value)) in
        identity(&a.run).into_iter().zip(identity(&b.run))
    {
        if first_value != second_value {
            return Err(MergeError::OtherRun {
                what,
                first: first.clone(),
                first_value,
                second: second.clone(),
                second_value,
            });
        }
    }
    Ok(())
}

/// A notice for the parts that are not there.
fn missing(shards: &[Shard]) -> Option<String> {
    let all = shards.first()?.siblings();
    let missing: Vec<String> = all
        .filter(|shard| !shards.contains(shard))
        .map(|shard| shard.to_string())
        .collect();
    match missing.as_slice() {
        [] => None,
        [one] => Some(format!(
            "part {one} is missing: its cases and measurements are not in this report"
        )),
        several => Some(format!(
            "parts {} are missing: their cases and measurements are not in this report",
            several.join(", ")
        )),
    }
}

/// A notice for a part that was given twice; none where the two are copies of one record.
fn given_twice((earlier_path, earlier): &Read, (later_path, later): &Read) -> Option<String> {
    if earlier == later {
        return None;
    }
    let ended = |case: &CaseResult| (case.verdict, case.outcome, case.phase);
    let changed: Vec<String> = later
        .cases
        .iter()
        .filter_map(|case| {
            let before = earlier.cases.iter().find(|before| before.id == case.id)?;
            let differs = ended(before) != ended(case);
            differs.then(|| format!("{}: {}, then {}", case.id, before.verdict, case.verdict))
        })
        .collect();
    Some(format!(
        "part {} was given twice, {} and {}: the second counts, which began later; {}",
        later.run.shard.as_deref().unwrap_or_default(),
        earlier_path.display(),
        later_path.display(),
        if changed.is_empty() {
            "no case ended otherwise in it".to_owned()
        } else {
            format!("these cases ended otherwise in it: {}", changed.join("; "))
        }
    ))
}

/// A notice where measurements of several machines stand side by side.
fn different_machines(results: &Results) -> Option<String> {
    let mut machines = results.machines();
    machines.retain(|(_, parts)| parts.iter().any(|part| !part.measurements.is_empty()));
    (machines.len() > 1).then(|| {
        format!(
            "the measurements were made on {} different machines: compare only those of one part",
            machines.len()
        )
    })
}

fn part(results: &Results) -> Part {
    let run = &results.run;
    let measurements = results.measurements.iter();
    Part {
        shard: run.shard.clone().unwrap_or_default(),
        command_line: run.command_line.clone(),
        start: run.start,
        duration_s: run.duration_s,
        interrupted: run.interrupted,
        machine: results.machine.clone(),
        cases: results.cases.iter().map(|case| case.id.clone()).collect(),
        measurements: measurements.map(|measured| measured.id.clone()).collect(),
    }
}

fn problems(results: &Results) -> impl Iterator<Item = String> {
    let shard = results.run.shard.as_deref().unwrap_or_default();
    let problems = results.run.problems.iter();
    problems.map(move |problem| format!("part {shard}: {problem}"))
}

fn distinct<'a, T: PartialEq + Clone + 'a>(all: impl Iterator<Item = &'a T>) -> Vec<T> {
    let mut distinct: Vec<T> = Vec::new();
    for item in all {
        if !distinct.contains(item) {
            distinct.push(item.clone());
        }
    }
    distinct
}

/// Which part it is.
fn number(results: &Results) -> Option<Shard> {
    results.run.shard.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;
    use crate::report;
    use crate::results::summary_markdown;
    use crate::sample::sample_results;

    /// `whole` as `count` runs with --shard would have left it, one a minute after another.
    fn split(whole: &Results, count: usize) -> Vec<Read> {
        let first: Shard = format!("1/{count}").parse().unwrap();
        let part = |shard: Shard| {
            let mut part = whole.clone();
            part.run.shard = Some(shard.to_string());
            part.run
                .command_line
                .extend(["--shard".to_owned(), shard.to_string()]);
            part.run.duration_s = whole.run.duration_s / count as f64;
            part.cases = shard.part_of(whole.cases.iter().cloned()).collect();
            part.measurements = shard.part_of(whole.measurements.iter().cloned()).collect();
            part.summary = Counts::of(&part.cases);
            part
        };
        let parts = first.siblings().zip(0i64..).map(|(shard, minute)| {
            let mut part = part(shard);
            part.run.start += minute.minutes();
            (PathBuf::from(format!("results/{shard}")), part)
        });
        parts.collect()
    }

    fn joined(records: Vec<Read>) -> Result<Results, MergeError> {
        let ids: Vec<String> = sample_results()
            .measurements
            .iter()
            .map(|measurement| measurement.id.clone())
            .collect();
        merge(records, sample_results().run.command_line, &ids)
    }

    #[test]
    fn the_parts_joined_are_the_whole() {
        let mut whole = sample_results();
        whole.cases.sort_by(|a, b| a.id.cmp(&b.id));
        for count in [1, 3, 20] {
            let mut records = split(&whole, count);
            records.reverse();
            let joined = joined(records).unwrap();
            assert_eq!(joined.run.parts.len(), count);
            let seconds = joined.run.duration_s - whole.run.duration_s;
            assert!(seconds.abs() < 1e-6, "{seconds}");
            let as_one = |mut results: Results| {
                results.run.parts.clear();
                results.run.duration_s = 0.0;
                results
            };
            let (joined, whole) = (as_one(joined), as_one(whole.clone()));
            assert!(joined == whole, "{:?}", joined.run);
            let plots = |results| report::plots(results).unwrap();
            assert_eq!(
                report::html(&joined, &plots(&joined)).unwrap(),
                report::html(&whole, &plots(&whole)).unwrap()
            );
            assert_eq!(summary_markdown(&joined), summary_markdown(&whole));
        }
    }

    #[test]
    fn every_part_keeps_its_machine_and_what_it_did() {
        let mut records = split(&sample_results(), 3);
        records[1].1.machine.cpu = Some("Another CPU".to_owned());
        records[2].1.machine.load_average = Some(7.5);
        let joined = joined(records.clone()).unwrap();
        for (part, (_, record)) in joined.run.parts.iter().zip(&records) {
            assert_eq!(Some(&part.shard), record.run.shard.as_ref());
            assert_eq!(part.machine, record.machine);
            for case in &record.cases {
                assert_eq!(joined.part_of_case(&case.id), Some(part));
            }
            for measurement in &record.measurements {
                assert_eq!(joined.part_of_measurement(&measurement.id), Some(part));
            }
        }
        let machines = joined.machines();
        let parts: Vec<usize> = machines.iter().map(|(_, parts)| parts.len()).collect();
        assert_eq!(parts, [2, 1], "the load of a moment makes no other machine");
        let notices = joined.run.notices.join("\n");
        assert!(notices.contains("2 different machines"), "{notices}");
        let page = report::html(&joined, &report::plots(&joined).unwrap()).unwrap();
        for text in ["Another CPU", "Machine of part 2", "Machine of parts 1"] {
            assert!(page.contains(text), "{text}");
        }
    }

    #[test]
    fn a_part_that_is_missing_is_told_and_no_failure() {
        let mut records = split(&sample_results(), 4);
        records.remove(1);
        records.remove(2);
        let joined = joined(records).unwrap();
        let notice = "parts 2/4, 4/4 are missing";
        assert!(
            joined.run.notices[0].contains(notice),
            "{:?}",
            joined.run.notices
        );
        assert_eq!(joined.summary, Counts::of(&joined.cases));
        assert!(joined.run.problems.is_empty());
        let page = report::html(&joined, &[]).unwrap();
        assert!(page.contains("are missing") && summary_markdown(&joined).contains(notice));
        let missing = "2 of 4 parts are missing";
        let expected = format!("all as expected in the parts that are there; {missing}");
        assert_eq!(joined.headline(), expected);
        let mut failed = joined;
        failed.summary.failed = 1;
        assert_eq!(failed.headline(), format!("not as expected; {missing}"));
    }

    #[test]
    fn of_a_part_that_comes_twice_the_later_one_counts() {
        let whole = sample_results();
        let mut records = split(&whole, 2);
        records.push((PathBuf::from("copy"), records[0].1.clone()));
        let copied = joined(records.clone()).unwrap();
        assert!(copied.run.notices.is_empty(), "{:?}", copied.run.notices);

        let (_, again) = &mut records[2];
        again.run.start += 1.hour();
        again.run.problems.push("no disk".to_owned());
        let case = &mut again.cases[0];
        let id = case.id.clone();
        case.verdict = suites::Verdict::Fail;
        records.rotate_right(1);
        let repeated = joined(records).unwrap();
        assert_eq!(repeated.run.parts.len(), 2);
        assert_eq!(repeated.run.problems, ["part 1/2: no disk"]);
        assert_eq!(repeated.summary.failed, whole.summary.failed + 1);
        let [notice] = repeated.run.notices.as_slice() else {
            panic!("{:?}", repeated.run.notices);
        };
        for text in [
            "part 1/2 was given twice, results/1/2 and copy",
            &id,
            "pass, then fail",
        ] {
            assert!(notice.contains(text), "{notice}");
        }
    }

    #[test]
    fn what_is_no_part_of_the_same_run_is_refused_with_the_reason() {
        type Change = fn(&mut Results);
        let refusal = |change: Change| {
            let mut records = split(&sample_results(), 2);
            change(&mut records[1].1);
            joined(records).unwrap_err().to_string()
        };
        let cases: [(Change, &str); 8] = [
            (
                |results| results.run.shard = None,
                "results/2/2 is a whole run",
            ),
            (
                |results| results.run.shard = Some("2 of 2".into()),
                "names no part",
            ),
            (
                |results| results.run.parts = vec![part(&sample_results())],
                "joined from parts already",
            ),
            (
                |results| results.run.shard = Some("2/3".into()),
                "the number of parts of the first is 2, that of the second 3",
            ),
            (
                |results| results.run.commit = None,
                "that of the second unknown",
            ),
            (
                |results| results.run.isolation = suites::Isolation::Shared,
                "the isolation of the first is op-set, that of the second shared",
            ),
            (
                |results| results.run.selection.filter = Some("unload".into()),
                "(--filter) of the first is all, that of the second 'unload'",
            ),
            (|results| results.run.selection.full = true, "--full"),
        ];
        for (change, text) in cases {
            let refusal = refusal(change);
            assert!(refusal.contains(text), "{refusal}");
            assert!(refusal.contains("results/2/2"), "{refusal}");
        }
    }
}
