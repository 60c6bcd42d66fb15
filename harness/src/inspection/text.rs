//! What was found about libraries, for people.

use std::fmt::Write;

use op_library::{Finding, Severity};
use runtimes::Framework;

use super::record::{LibraryRecord, Record, VerdictRecord};
use crate::quantity::bytes;

/// The whole text, one block a library.
pub fn render(record: &Record) -> String {
    let blocks: Vec<String> = record.libraries.iter().map(library).collect();
    blocks.join("\n")
}

fn library(library: &LibraryRecord) -> String {
    let mut text = format!("{}\n", library.path.display());
    for line in facts(library) {
        push(&mut text, format_args!("  {line}"));
    }
    let own: Vec<&VerdictRecord> = Framework::ALL
        .into_iter()
        .filter(|framework| library.frameworks.contains(framework))
        .flat_map(|framework| library.verdicts_of(framework))
        .collect();
    if !own.is_empty() {
        text.push('\n');
    }
    let width = own.iter().map(|verdict| verdict.runtime.len()).max();
    for verdict in &own {
        push_verdict(&mut text, verdict, width.unwrap_or_default());
    }
    if own.is_empty() && library.size.is_some() {
        push(&mut text, format_args!("  {}", nobodys(library)));
    }
    if !library.findings.is_empty() {
        text.push('\n');
    }
    for finding in &library.findings {
        push_finding(&mut text, finding);
    }
    text
}

/// Why there is no verdict to be shown.
fn nobodys(library: &LibraryRecord) -> &'static str {
    if library.verdicts.is_empty() {
        "no runtime is installed that it could be judged against: `cargo harness setup` installs one \
         of each framework"
    } else if library.frameworks.is_empty() {
        "nothing in it belongs to ONNX Runtime, PyTorch, TensorFlow or TensorRT: no worker gets an op \
         from it"
    } else {
        "no runtime of its framework is installed or was named: `cargo harness runtimes` lists them"
    }
}

fn facts(library: &LibraryRecord) -> Vec<String> {
    let mut facts = Vec::new();
    if !library.frameworks.is_empty() {
        let titles: Vec<&str> = library
            .frameworks
            .iter()
            .map(|framework| framework.title())
            .collect();
        facts.push(format!("op library of {}", titles.join(" and ")));
    }
    if let Some(size) = library.size {
        let build_id = library
            .build_id
            .as_ref()
            .map_or_else(String::new, |id| format!(", build id {id}"));
        facts.push(format!("{}{build_id}", bytes(size)));
    }
    if !library.needed.is_empty() {
        facts.push(format!("needs {}", library.needed.join(", ")));
    }
    facts
}

fn push_verdict(text: &mut String, verdict: &VerdictRecord, width: usize) {
    let sign = match verdict.verdict {
        "loads" => '✓',
        "needs-trial" => '?',
        _ => '✗',
    };
    let VerdictRecord {
        runtime,
        verdict: name,
        reason,
        ..
    } = verdict;
    push(
        text,
        format_args!("  {sign} {runtime:width$}  {name}: {reason}"),
    );
    if let Some(remedy) = &verdict.remedy {
        push(text, format_args!("    → {remedy}"));
    }
    // The verdict's own reason is the first error.
    let others = verdict.findings.iter();
    for finding in others.filter(|finding| finding.message != *reason) {
        push(text, format_args!("    also: {}", finding.message));
    }
}

fn push_finding(text: &mut String, finding: &Finding) {
    let sign = match finding.severity {
        Severity::Error => "✗",
        Severity::Warning => "⚠",
    };
    push(text, format_args!("  {sign} {}", finding.message));
    push(text, format_args!("    → {}", finding.remedy));
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes all");
}
