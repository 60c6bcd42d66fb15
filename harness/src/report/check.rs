//! What a user brought, as the page shows it.

use std::collections::BTreeMap;

use op_library::{Collision, CollisionKind, Finding, ProbeOutcome, ProbedOp, Severity};
use serde::Serialize;
use suites::{CaseResult, Framework, Verdict};

use super::cases::{anchor, badge, words};
use super::context::Badge;
use crate::quantity::count;
use crate::results::{
    About, Check, CheckedLibrary, CheckedModel, CheckedPair, Fit, Trouble, full_name, plain,
};

/// Everything that was brought.
#[derive(Debug, Serialize)]
pub struct CheckPage {
    /// Library by runtime, one table a framework.
    pub tables: Vec<FitTable>,
    /// The libraries, one block each.
    pub libraries: Vec<LibraryBlock>,
    /// Libraries in one process, those that collide first.
    pub pairs: Vec<PairRow>,
    /// What comes of the collisions by loading path.
    pub consequences: Vec<ConsequenceRow>,
    /// Which pairs were not opened together.
    pub apart: Option<String>,
    /// The models.
    pub models: Vec<ModelRow>,
}

/// The libraries and runtimes of one framework.
#[derive(Debug, Serialize)]
pub struct FitTable {
    /// The framework.
    pub framework: String,
    /// The runtimes: the columns.
    pub runtimes: Vec<String>,
    /// The libraries.
    pub rows: Vec<FitRow>,
}

/// One library in a table.
#[derive(Debug, Serialize)]
pub struct FitRow {
    /// What it is called.
    pub label: String,
    /// The target with more about it.
    pub anchor: String,
    /// One for each column; `None` where it was not tried.
    pub cells: Vec<Option<FitCell>>,
}

/// One library in one runtime.
#[derive(Debug, Serialize)]
pub struct FitCell {
    /// The runtime.
    pub runtime: String,
    /// What was observed.
    pub observed: Badge,
    /// How many ops it registered, where it did.
    pub ops: Option<String>,
    /// What was predicted.
    pub predicted: String,
    /// Whether the prediction was wrong.
    pub wrong: bool,
    /// The target with the evidence.
    pub anchor: String,
}

/// One library.
#[derive(Debug, Serialize)]
pub struct LibraryBlock {
    /// What it is called.
    pub label: String,
    /// The target of links to it.
    pub anchor: String,
    /// Whether any runtime can use it.
    pub verdict: Badge,
    /// With which runtimes it works, in a sentence.
    pub works: String,
    /// What its file is.
    pub facts: Vec<String>,
    /// Why it does not work with the others.
    pub troubles: Vec<TroubleItem>,
    /// What else was found.
    pub findings: Vec<FindingItem>,
    /// What it registers, and with which runtime that was seen.
    pub registers: Option<Registers>,
}

/// Why a library does not work with some runtimes.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct TroubleItem {
    /// The runtimes.
    pub runtimes: String,
    /// What comes of it there.
    pub outcome: String,
    /// Why.
    pub reason: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct FindingItem {
    /// The CSS class: `error` or `warning`.
    pub class: &'static str,
    /// A sign that says the same without colour.
    pub symbol: &'static str,
    /// The runtimes that it holds for; empty: whatever the runtime is.
    pub runtimes: String,
    /// What was found.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

/// What a library registers.
#[derive(Debug, Serialize)]
pub struct Registers {
    /// How many ops, and with which runtime.
    pub summary: String,
    /// The ops.
    pub ops: Vec<OpItem>,
}

/// One op.
#[derive(Debug, Serialize)]
pub struct OpItem {
    /// Its name, with domain or namespace and version.
    pub name: String,
    /// What it takes and returns.
    pub schemas: Vec<String>,
    /// What executes it.
    pub kernels: String,
}

/// Two libraries in one process.
#[derive(Debug, Serialize)]
pub struct PairRow {
    /// The first.
    pub first: String,
    /// The second.
    pub second: String,
    /// The runtime.
    pub runtime: String,
    /// What both provide.
    pub shared: String,
    /// What was predicted.
    pub predicted: String,
    /// Whether the prediction was wrong.
    pub wrong: bool,
    /// What was observed, and how that compares with the prediction.
    pub verdict: Badge,
    /// The target with the evidence.
    pub anchor: String,
}

/// What comes of a kind of collision on one loading path.
#[derive(Debug, Serialize)]
pub struct ConsequenceRow {
    /// What is the same.
    pub what: String,
    /// The loading path.
    pub path: String,
    /// Where both come into one process.
    pub one_process: String,
    /// In the reference server with isolation op-set.
    pub op_set: String,
}

/// One model.
#[derive(Debug, Serialize)]
pub struct ModelRow {
    /// Its name.
    pub name: String,
    /// Its framework.
    pub framework: String,
    /// The runtime that served it.
    pub runtime: String,
    /// The op libraries that its worker had.
    pub libraries: Vec<String>,
    /// Load, first run, unload.
    pub steps: Vec<StepCell>,
    /// Why it was not served.
    pub message: String,
}

/// A step with a model.
#[derive(Debug, Serialize)]
pub struct StepCell {
    /// What came of it.
    pub verdict: Badge,
    /// The target with the evidence.
    pub anchor: String,
}

/// The page of `check`, whose evidence is in `cases`.
pub fn check_page(check: &Check, cases: &[CaseResult]) -> CheckPage {
    let mut pairs: Vec<&CheckedPair> = check.pairs.iter().collect();
    pairs.sort_by_key(|pair| pair.collisions.is_empty());
    CheckPage {
        tables: Framework::ALL
            .into_iter()
            .filter_map(|framework| fit_table(check, framework, cases))
            .collect(),
        libraries: check.libraries.iter().map(library_block).collect(),
        pairs: pairs
            .into_iter()
            .map(|pair| pair_row(pair, cases))
            .collect(),
        consequences: consequences(check),
        apart: check
            .apart_text()
            .map(|text| format!("{}.", sentence(&text))),
        models: check
            .models
            .iter()
            .map(|model| model_row(model, cases))
            .collect(),
    }
}

fn fit_table(check: &Check, framework: Framework, cases: &[CaseResult]) -> Option<FitTable> {
    let of_framework =
        |library: &&CheckedLibrary| library.fits.iter().any(|fit| fit.framework == framework);
    let libraries: Vec<&CheckedLibrary> = check.libraries.iter().filter(of_framework).collect();
    let mut runtimes: Vec<&str> = Vec::new();
    for fit in libraries.iter().flat_map(|library| &library.fits) {
        if fit.framework == framework && !runtimes.contains(&fit.runtime.as_str()) {
            runtimes.push(&fit.runtime);
        }
    }
    let row = |library: &CheckedLibrary| FitRow {
        label: library.label.clone(),
        anchor: library_anchor(library),
        cells: runtimes
            .iter()
            .map(|runtime| {
                let mut fits = library.fits.iter();
                let fit = fits.find(|fit| fit.runtime == *runtime)?;
                Some(fit_cell(fit, cases))
            })
            .collect(),
    };
    (!libraries.is_empty()).then(|| FitTable {
        framework: framework.title().to_owned(),
        rows: libraries.into_iter().map(row).collect(),
        runtimes: runtimes.iter().map(|&runtime| runtime.to_owned()).collect(),
    })
}

fn fit_cell(fit: &Fit, cases: &[CaseResult]) -> FitCell {
    let ops = fit.observed.as_ref().filter(|_| fit.is_usable());
    FitCell {
        runtime: fit.runtime.clone(),
        observed: observed(fit),
        ops: ops.map(|observed| count(observed.ops.len(), "op")),
        predicted: in_words(&fit.predicted.verdict).to_owned(),
        wrong: verdict_of(&fit.case, cases) == Some(Verdict::Fail),
        anchor: anchor("case", &fit.case),
    }
}

/// What came of a library in a runtime.
fn observed(fit: &Fit) -> Badge {
    let verdict = match fit.observed.as_ref().map(|observed| observed.outcome) {
        Some(ProbeOutcome::Registered) => Verdict::Pass,
        Some(ProbeOutcome::NotReached) | None => Verdict::Skip,
        Some(_) => Verdict::Fail,
    };
    Badge {
        text: fit.outcome().to_owned(),
        ..badge(verdict)
    }
}

/// `text` as the beginning of a sentence.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// A verdict of the inspector in words that stand beside an observation.
fn in_words(verdict: &str) -> &str {
    match verdict {
        "loads" => "works",
        "registers-nothing" => "registers nothing",
        "needs-trial" => "cannot be told",
        other => other,
    }
}

fn library_block(library: &CheckedLibrary) -> LibraryBlock {
    let works: Vec<&str> = library.usable().map(|fit| fit.runtime.as_str()).collect();
    let verdict = if works.is_empty() {
        Verdict::Fail
    } else {
        Verdict::Pass
    };
    LibraryBlock {
        label: library.label.clone(),
        anchor: library_anchor(library),
        verdict: Badge {
            text: match verdict {
                Verdict::Pass => "can be used",
                _ if !library.was_tried() => "could not be tried",
                _ => "cannot be used",
            }
            .to_owned(),
            ..badge(verdict)
        },
        works: match works.as_slice() {
            [] if !library.was_tried() => "It could be tried with no runtime.".to_owned(),
            [] => "It works with none of the runtimes that it was tried with.".to_owned(),
            works => format!("It works with {}.", works.join(", ")),
        },
        facts: [format!("the file {}", library.path.display())]
            .into_iter()
            .chain(library.facts.iter().cloned())
            .collect(),
        troubles: library
            .troubles()
            .into_iter()
            .map(TroubleItem::from)
            .collect(),
        findings: findings(library),
        registers: library.usable().next().and_then(registers),
    }
}

impl From<Trouble<'_>> for TroubleItem {
    fn from(trouble: Trouble<'_>) -> Self {
        Self {
            runtimes: trouble.runtimes.join(", "),
            outcome: trouble.outcome.to_owned(),
            reason: trouble.reason.to_owned(),
            remedy: trouble.remedy.map(str::to_owned),
        }
    }
}

/// What was found beside the reasons, the worst first; the same finding once.
fn findings(library: &CheckedLibrary) -> Vec<FindingItem> {
    let mut runtimes_of: BTreeMap<&Finding, Vec<&str>> = BTreeMap::new();
    for finding in &library.findings {
        runtimes_of.entry(finding).or_default();
    }
    for fit in &library.fits {
        let others = fit.findings.iter();
        for finding in others.filter(|finding| finding.message != fit.predicted.reason) {
            runtimes_of.entry(finding).or_default().push(&fit.runtime);
        }
    }
    runtimes_of
        .into_iter()
        .map(|(finding, runtimes)| {
            let (class, symbol) = match finding.severity {
                Severity::Error => ("fail", "✗"),
                Severity::Warning => ("error", "⚠"),
            };
            FindingItem {
                class,
                symbol,
                runtimes: runtimes.join(", "),
                message: finding.message.clone(),
                remedy: finding.remedy.clone(),
            }
        })
        .collect()
}

fn registers(fit: &Fit) -> Option<Registers> {
    let observed = fit.observed.as_ref()?;
    let item = |op: &ProbedOp| OpItem {
        name: full_name(op),
        schemas: op.schemas.clone(),
        kernels: op.kernels.join(", "),
    };
    let level = observed
        .api_level
        .map(|level| format!(", and asks for level {level} of ONNX Runtime's interface"));
    Some(Registers {
        summary: format!(
            "It registers {} with {}{}",
            count(observed.ops.len(), "op"),
            fit.runtime,
            level.unwrap_or_default()
        ),
        ops: observed.ops.iter().map(item).collect(),
    })
}

fn pair_row(pair: &CheckedPair, cases: &[CaseResult]) -> PairRow {
    let case = cases.iter().find(|case| case.id == pair.case);
    PairRow {
        first: pair.first.clone(),
        second: pair
            .second
            .clone()
            .unwrap_or_else(|| "a copy of itself".to_owned()),
        runtime: pair.runtime.clone(),
        shared: shared(&pair.collisions),
        predicted: pair.predicted.text().to_owned(),
        wrong: case.is_some_and(|case| case.verdict == Verdict::Fail),
        verdict: case.map_or_else(|| badge(Verdict::Skip), |case| words(About::Pair, case)),
        anchor: anchor("case", &pair.case),
    }
}

/// The first names that both provide, and how many others there are.
fn shared(collisions: &[Collision]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<&str> = collisions
        .iter()
        .flat_map(|collision| &collision.names)
        .map(|name| match name.as_str() {
            "" => "the default domain",
            name => name,
        })
        .collect();
    match names.len() {
        0 => "nothing".to_owned(),
        few if few <= SHOWN + 1 => names.join(", "),
        many => format!("{} and {} more", names[..SHOWN].join(", "), many - SHOWN),
    }
}

/// What comes of each kind of collision that there is, once.
fn consequences(check: &Check) -> Vec<ConsequenceRow> {
    let mut kinds: Vec<&Collision> = Vec::new();
    for collision in check.pairs.iter().flat_map(|pair| &pair.collisions) {
        let same = |known: &&Collision| {
            (known.framework, known.kind) == (collision.framework, collision.kind)
        };
        if !kinds.iter().any(same) {
            kinds.push(collision);
        }
    }
    let rows = |collision: &Collision| -> Vec<ConsequenceRow> {
        let what = format!(
            "{}: the same {}",
            collision.framework.title(),
            match (collision.kind, collision.framework) {
                (CollisionKind::Namespace, Framework::OnnxRuntime) => "domain",
                (CollisionKind::Namespace, _) => "namespace",
                (CollisionKind::Op, Framework::TensorRt) => "plugin",
                (CollisionKind::Op, _) => "op",
                (CollisionKind::Kernel, _) => "kernel",
            }
        );
        let consequences = collision.consequences.iter();
        consequences
            .map(|consequence| ConsequenceRow {
                what: what.clone(),
                path: consequence.path.clone(),
                one_process: consequence.one_process.clone(),
                op_set: consequence.op_set.clone(),
            })
            .collect()
    };
    kinds.into_iter().flat_map(rows).collect()
}

fn model_row(model: &CheckedModel, cases: &[CaseResult]) -> ModelRow {
    let cell = |id: &String| {
        let case = cases.iter().find(|case| case.id == *id)?;
        Some(StepCell {
            verdict: words(About::Model, case),
            anchor: anchor("case", id),
        })
    };
    ModelRow {
        name: model.name.clone(),
        framework: model.framework.title().to_owned(),
        runtime: model.runtime.clone().unwrap_or_else(|| "none".to_owned()),
        libraries: model
            .mapped
            .iter()
            .map(|path| path.display().to_string())
            .collect(),
        steps: model.cases.iter().filter_map(cell).collect(),
        message: plain(&model.message),
    }
}

fn verdict_of(id: &str, cases: &[CaseResult]) -> Option<Verdict> {
    let mut cases = cases.iter();
    Some(cases.find(|case| case.id == id)?.verdict)
}

fn library_anchor(library: &CheckedLibrary) -> String {
    anchor("library", &library.label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report;
    use crate::sample::sample_check;

    #[test]
    fn links_lead_somewhere() {
        let results = sample_check();
        let page = report::html(&results, &[]).unwrap();
        let targets: Vec<&str> = page
            .split("href=\"#")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(targets.len() > 10);
        for target in targets {
            assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
        }
    }

    #[test]
    fn a_reason_stands_once_with_every_runtime_that_it_holds_for() {
        let results = sample_check();
        let check = results.check.as_ref().unwrap();
        let page = check_page(check, &results.cases);
        let broken = &page.libraries[1];
        assert_eq!(broken.verdict.text, "cannot be used");
        assert_eq!(broken.troubles.len(), 1, "{:?}", broken.troubles);
        assert_eq!(broken.troubles[0].runtimes, "pytorch-2.11.0, pytorch-2.9.1");
        assert!(broken.troubles[0].remedy.is_some());
    }

    #[test]
    fn what_was_seen_stands_beside_what_was_predicted() {
        let results = sample_check();
        let check = results.check.as_ref().unwrap();
        let page = check_page(check, &results.cases);
        let table = &page.tables[0];
        assert_eq!(table.runtimes, ["pytorch-2.11.0", "pytorch-2.9.1"]);
        let cell = table.rows[0].cells[0].as_ref().unwrap();
        assert_eq!(
            (cell.observed.text.as_str(), cell.predicted.as_str()),
            ("works", "works")
        );
        let cell = table.rows[0].cells[1].as_ref().unwrap();
        assert_eq!((cell.observed.text.as_str(), cell.wrong), ("crashes", true));
    }
}
