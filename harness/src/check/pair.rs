//! Libraries in one process: each with a copy of itself, and with the others.

use std::path::{Path, PathBuf};
use std::time::Instant;

use op_library::{Collision, ProbeOutcome, ProbedLibrary, Providers};
use runtimes::Framework;
use suites::{CaseResult, Isolation, Outcome, Prober};

use super::case::Outline;
use super::library::{again, did, milliseconds, phase};
use super::meeting::{collisions, foretold};
use super::side_by_side::side_by_side;
use super::subject::Subject;
use super::tried_runtime::TriedRuntime;
use crate::results::{About, CheckedLibrary, CheckedPair, Meeting};

/// Pairs that share nothing are opened one by one up to this number, and beyond it all in one process.
const FEW: usize = 6;

/// A library that works in a runtime, with what it provides: by its file, and by what it registered
/// there alone.
#[derive(Clone)]
struct Member<'a> {
    subject: &'a Subject,
    providers: Providers,
}

/// Libraries that are opened in one process of a runtime in which each of them works.
struct Company<'a> {
    first: Member<'a>,
    others: Others<'a>,
    runtime: &'a TriedRuntime,
    collisions: Vec<Collision>,
}

/// What is opened after the first one.
enum Others<'a> {
    /// A copy of it.
    Copy,
    /// Another library.
    One(Member<'a>),
    /// Several that share nothing, with it and among each other.
    Many(Vec<Member<'a>>),
}

/// Opens each of `subjects` with a copy of itself, and with each one behind it, in the first runtime
/// in which both work; `tell` gets each case as it is there. Whatever works in none has no case.
pub fn check_pairs(
    subjects: &[Subject],
    checked: &[CheckedLibrary],
    runtimes: &[TriedRuntime],
    prober: &Prober,
    isolation: Isolation,
    tell: &(dyn Fn(About, &CaseResult) + Sync),
) -> (Vec<CheckedPair>, Vec<CaseResult>) {
    let companies: Vec<Company<'_>> = Framework::ALL
        .into_iter()
        .flat_map(|framework| companies(framework, subjects, checked, runtimes))
        .collect();
    let met = side_by_side(&companies, suites::default_jobs(), |company| {
        let met = company.meet(prober, isolation);
        tell(About::Pair, &met.1);
        met
    });
    met.into_iter().unzip()
}

/// Who is opened together of one framework's libraries.
fn companies<'a>(
    framework: Framework,
    subjects: &'a [Subject],
    checked: &'a [CheckedLibrary],
    runtimes: &'a [TriedRuntime],
) -> Vec<Company<'a>> {
    let own = || {
        let runtimes = runtimes.iter();
        runtimes.filter(move |tried| tried.runtime.name.framework == framework)
    };
    let member = |index: usize, runtime: &TriedRuntime| -> Option<Member<'a>> {
        let mut fits = checked[index].usable();
        let fit = fits.find(|fit| fit.runtime == runtime.label)?;
        let subject = &subjects[index];
        let mut providers = Providers::of_file(&subject.library);
        providers.add_probed(framework, fit.observed.as_ref()?);
        Some(Member { subject, providers })
    };
    let mut companies = Vec::new();
    let mut unrelated = Vec::new();
    for index in 0..subjects.len() {
        let alone = own().find_map(|runtime| Some((runtime, member(index, runtime)?)));
        companies.extend(alone.map(|(runtime, first)| Company {
            collisions: collisions(framework, &first.providers, &first.providers),
            first,
            others: Others::Copy,
            runtime,
        }));
        for other in index + 1..subjects.len() {
            let both = own().find_map(|runtime| {
                Some((runtime, member(index, runtime)?, member(other, runtime)?))
            });
            let Some((runtime, first, second)) = both else {
                continue;
            };
            let company = Company {
                collisions: collisions(framework, &first.providers, &second.providers),
                first,
                others: Others::One(second),
                runtime,
            };
            if company.collisions.is_empty() {
                unrelated.push(company);
            } else {
                companies.push(company);
            }
        }
    }
    if unrelated.len() <= FEW {
        companies.extend(unrelated);
        return companies;
    }
    for runtime in own() {
        let members = (0..subjects.len()).filter_map(|index| member(index, runtime));
        let mut crowd: Vec<Member<'_>> = Vec::new();
        for candidate in members {
            let foreign = |known: &Member<'_>| {
                collisions(framework, &known.providers, &candidate.providers).is_empty()
            };
            if crowd.iter().all(foreign) {
                crowd.push(candidate);
            }
        }
        if crowd.len() > 1 {
            let first = crowd.remove(0);
            companies.push(Company {
                first,
                others: Others::Many(crowd),
                runtime,
                collisions: Vec::new(),
            });
        }
    }
    companies
}

impl Company<'_> {
    fn meet(&self, prober: &Prober, isolation: Isolation) -> (CheckedPair, CaseResult) {
        let begin = Instant::now();
        let outline = self.outline(isolation);
        let observed = self.open_all(prober);
        let case = match &observed {
            Err(reason) => outline.skipped(reason.clone()),
            Ok(observed) => self.compared(&outline, observed),
        };
        let seen = observed.as_ref().ok();
        let pair = CheckedPair {
            first: self.first.subject.label.clone(),
            second: match &self.others {
                Others::Copy => None,
                Others::One(second) => Some(second.subject.label.clone()),
                Others::Many(others) => Some(format!(
                    "{} others, which share nothing: {}",
                    others.len(),
                    labels(others).join(", ")
                )),
            },
            runtime: self.runtime.label.clone(),
            framework: self.runtime.runtime.name.framework,
            case: case.id.clone(),
            collisions: self.collisions.clone(),
            predicted: foretold(&self.collisions),
            observed: seen.map(|observed| Meeting::of(observed.outcome)),
            message: seen.map_or_else(String::new, |observed| observed.message.clone()),
        };
        let duration_ms = milliseconds(begin.elapsed());
        (
            pair,
            CaseResult {
                duration_ms,
                ..case
            },
        )
    }

    fn outline(&self, isolation: Isolation) -> Outline {
        let label = self.first.subject.name();
        let runtime = &self.runtime.label;
        let (name, description) = match &self.others {
            Others::Copy => (
                format!("{label}+copy@{runtime}"),
                "The library and a copy of it under another path are opened in one process, as \
                 happens where two models bring the same file.",
            ),
            Others::One(second) => (
                format!("{label}+{}@{runtime}", second.subject.name()),
                "The two libraries are opened in one process, one after the other, as happens where \
                 models share one.",
            ),
            Others::Many(others) => (
                format!("{label}+{}-others@{runtime}", others.len()),
                "All libraries that share nothing are opened in one process, one after the other, as \
                 happens where models share one.",
            ),
        };
        let members: &[Member<'_>] = match &self.others {
            Others::Copy => &[],
            Others::One(second) => std::slice::from_ref(second),
            Others::Many(others) => others,
        };
        let mut subjects = vec![self.first.subject];
        subjects.extend(members.iter().map(|member| member.subject));
        Outline {
            name,
            framework: self.runtime.runtime.name.framework,
            description: format!(
                "{description} What comes of it follows from what each registers alone."
            ),
            runtime: runtime.clone(),
            isolation,
            reproduce: again(&subjects, Some(self.runtime)),
        }
    }

    /// The first library behind the first one that did not register, or the last one.
    fn open_all(&self, prober: &Prober) -> Result<ProbedLibrary, String> {
        let scratch = tempfile::tempdir()
            .map_err(|error| format!("failed to make a folder for a copy: {error}"))?;
        let first = self.first.subject.path();
        let others: Vec<PathBuf> = match &self.others {
            Others::Copy => vec![copied(first, scratch.path())?],
            Others::One(second) => vec![second.subject.path().to_owned()],
            Others::Many(others) => others
                .iter()
                .map(|other| other.subject.path().to_owned())
                .collect(),
        };
        let mut paths = vec![first];
        paths.extend(others.iter().map(PathBuf::as_path));
        let probe = prober
            .probe(&self.runtime.runtime, &paths)
            .map_err(|error| error.to_string())?;
        let mut libraries = probe.libraries.into_iter();
        match libraries.next() {
            Some(first) if first.outcome == ProbeOutcome::Registered => {}
            Some(first) => {
                return Err(format!(
                    "the first library works alone, and now it {}: {}",
                    did(first.outcome),
                    first.message
                ));
            }
            None => return Err(NOTHING_NAMED.to_owned()),
        }
        let mut last = None;
        for library in libraries {
            let goes_on = library.outcome.goes_on();
            last = Some(library);
            if !goes_on {
                break;
            }
        }
        last.ok_or_else(|| NOTHING_NAMED.to_owned())
    }

    fn compared(&self, outline: &Outline, observed: &ProbedLibrary) -> CaseResult {
        let predicted = foretold(&self.collisions);
        let seen = Meeting::of(observed.outcome);
        let departure = (predicted != seen).then(|| {
            format!(
                "the prediction is wrong: it says that {}, and {}; please report this",
                predicted.text(),
                seen.text()
            )
        });
        let mut case = outline.ended(
            Some(outcome(predicted)),
            (outcome(seen), phase(observed.phase)),
            observed.message.trim(),
            departure.into_iter().collect(),
        );
        let names: Vec<&str> = self
            .collisions
            .iter()
            .flat_map(|collision| &collision.names)
            .map(String::as_str)
            .collect();
        case.evidence.steps = vec![
            match names.as_slice() {
                [] => "compare: they provide nothing in common".to_owned(),
                names => format!("compare: both provide {}", names.join(", ")),
            },
            format!("predict: {}", predicted.text()),
            format!(
                "open: '{}' {}",
                observed.path.display(),
                did(observed.outcome)
            ),
        ];
        case
    }
}

/// Why there is no observation of an experiment that was made.
const NOTHING_NAMED: &str = "the record of the experiment does not name the libraries";

fn labels(members: &[Member<'_>]) -> Vec<String> {
    let labels = members.iter().map(|member| member.subject.label.clone());
    labels.collect()
}

/// A copy of `file` in `folder`. What it needs is in the process already, wherever the copy would look
/// for it.
fn copied(file: &Path, folder: &Path) -> Result<PathBuf, String> {
    let copy = folder.join(file.file_name().unwrap_or_default());
    std::fs::copy(file, &copy)
        .map_err(|error| format!("failed to copy '{}': {error}", file.display()))?;
    Ok(copy)
}

/// What a server would make of models that name them, if they shared a worker.
fn outcome(meeting: Meeting) -> Outcome {
    match meeting {
        Meeting::Together => Outcome::Served,
        Meeting::Refused => Outcome::Rejected,
        Meeting::Crashed => Outcome::WorkerCrashed,
    }
}

#[cfg(test)]
mod tests {
    use op_library::ProbedOp;
    use runtimes::Runtime;

    use super::super::subject::subjects;
    use super::super::tried_runtime::tried_runtimes;
    use super::*;
    use crate::results::{Fit, Predicted};

    /// The names of those that are opened together, where each library registers these ops, or works
    /// nowhere.
    fn together(ops: &[Option<&[&str]>]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..ops.len())
            .map(|index| {
                let path = folder.path().join(format!("lib{index}.so"));
                std::fs::write(&path, "").unwrap();
                path
            })
            .collect();
        let library = folder.path().join("libtensorflow_cc.so.2");
        std::fs::write(&library, "\0TF_LoadLibrary\0").unwrap();
        let runtime = Runtime {
            name: "tensorflow-2.21.0".parse().unwrap(),
            main_library: library,
            library_dirs: Vec::new(),
            package_dir: folder.path().to_owned(),
            origin: runtimes::Origin::InPlace,
            size: runtimes::Size::Small,
            include_dirs: Vec::new(),
            bundled: Vec::new(),
            python: None,
        };
        let runtimes = tried_runtimes(vec![runtime]);
        let op = |name: &&str| ProbedOp {
            domain: String::new(),
            name: (*name).to_owned(),
            version: String::new(),
            schemas: Vec::new(),
            kernels: Vec::new(),
        };
        let fit = |ops: &[&str]| Fit {
            runtime: "tensorflow-2.21.0".to_owned(),
            framework: Framework::TensorFlow,
            case: String::new(),
            predicted: Predicted {
                verdict: "loads".to_owned(),
                reason: String::new(),
                remedy: None,
            },
            findings: Vec::new(),
            not_tried: None,
            observed: Some(ProbedLibrary {
                outcome: ProbeOutcome::Registered,
                ops: ops.iter().map(op).collect(),
                ..ProbedLibrary::not_reached(PathBuf::new())
            }),
        };
        let checked: Vec<CheckedLibrary> = ops
            .iter()
            .map(|ops| CheckedLibrary {
                label: String::new(),
                path: PathBuf::new(),
                facts: Vec::new(),
                case: String::new(),
                findings: Vec::new(),
                fits: ops.iter().map(|ops| fit(ops)).collect(),
            })
            .collect();
        let subjects = subjects(&paths).unwrap();
        companies(Framework::TensorFlow, &subjects, &checked, &runtimes)
            .iter()
            .map(|company| company.outline(Isolation::OpSet).name)
            .collect()
    }

    #[test]
    fn few_libraries_are_opened_pair_by_pair() {
        let names = together(&[Some(&["A"]), None, Some(&["A", "B"]), Some(&["C"])]);
        let pairs: Vec<&str> = names
            .iter()
            .map(|name| name.trim_end_matches("@tensorflow-2.21.0"))
            .collect();
        let expected = [
            "lib0.so+copy",
            "lib0.so+lib2.so",
            "lib2.so+copy",
            "lib3.so+copy",
            "lib0.so+lib3.so",
            "lib2.so+lib3.so",
        ];
        assert_eq!(pairs, expected);
    }

    #[test]
    fn of_many_those_that_share_nothing_are_opened_at_once() {
        let ops: [&[&str]; 6] = [&["A"], &["B"], &["A"], &["C"], &["D"], &["E"]];
        let names = together(&ops.map(Some));
        assert_eq!(names.len(), 6 + 1 + 1, "{names:?}");
        assert!(names.contains(&"lib0.so+lib2.so@tensorflow-2.21.0".to_owned()));
        assert!(names.contains(&"lib0.so+4-others@tensorflow-2.21.0".to_owned()));
    }
}
