//! What was found about libraries, for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::record::{LibraryRecord, Record, VerdictRecord};
use crate::quantity::bytes;
use op_library::{
    Collision, CollisionKind, Finding, ProbedLibrary, RegisteredKind, RegisteredName, Severity,
};

/// Names of one kind that are shown.
const MOST_NAMES: usize = 12;

/// The whole text: one block a library, then what collides.
pub fn render(record: &Record) -> String {
    let mut blocks: Vec<String> = record.libraries.iter().map(library).collect();
    blocks.extend(record.collisions.iter().map(collision));
    blocks.join("\n")
}

fn library(library: &LibraryRecord) -> String {
    let mut text = format!("{}\n", library.path.display());
    for line in facts(library) {
        push(&mut text, format_args!("  {line}"));
    }
    let verdicts = &library.verdicts;
    if !verdicts.is_empty() || library.note.is_some() {
        text.push('\n');
    }
    let width = verdicts.iter().map(|verdict| verdict.runtime.len()).max();
    for verdict in verdicts {
        push_verdict(&mut text, verdict, width.unwrap_or_default());
    }
    if let Some(note) = &library.note {
        push(&mut text, format_args!("  {note}"));
    }
    if !library.findings.is_empty() {
        text.push('\n');
    }
    for finding in &library.findings {
        push_finding(&mut text, finding);
    }
    text
}

/// What the file is, one fact a line.
pub fn facts(library: &LibraryRecord) -> Vec<String> {
    let mut facts = Vec::new();
    if !library.frameworks.is_empty() {
        let titles: Vec<&str> = library
            .frameworks
            .iter()
            .map(|framework| framework.title())
            .collect();
        let releases: Vec<String> = library
            .built_for_pytorch
            .iter()
            .map(ToString::to_string)
            .collect();
        let built_for = match releases.as_slice() {
            [] => String::new(),
            releases => format!(", built for PyTorch {}", releases.join(" or ")),
        };
        facts.push(format!("links {}{built_for}", titles.join(" and ")));
    }
    if let Some(size) = library.size {
        let build_id = library
            .build_id
            .as_ref()
            .map_or_else(String::new, |id| format!(", build id {id}"));
        facts.push(format!("{}{build_id}", bytes(size)));
    }
    if let Some(package) = &library.package {
        let requires: Vec<String> = package.requires.iter().map(ToString::to_string).collect();
        let requires = match requires.as_slice() {
            [] => String::new(),
            several => format!(", which requires {}", several.join(" and ")),
        };
        facts.push(format!("from the package {package}{requires}"));
    }
    if !library.needed.is_empty() {
        facts.push(format!("needs {}", library.needed.join(", ")));
    }
    facts.extend(registered(&library.registers));
    if let Some(interface) = &library.stable_abi.pytorch {
        facts.push(format!("PyTorch's stable ABI: {interface}"));
    }
    if let Some(interface) = &library.stable_abi.python {
        facts.push(format!("Python's limited API: {interface}"));
    }
    let gpu = &library.gpu_code;
    if gpu.is_for_nvidia() {
        let binaries = gpu.binaries.iter().map(|binary| binary.binary_name());
        let ptx = gpu.ptx.iter().map(|ptx| ptx.ptx_name());
        let names: Vec<String> = binaries.chain(ptx).collect();
        facts.push(format!("code for NVIDIA GPUs: {}", names.join(", ")));
    }
    if !gpu.amd.is_empty() {
        let names: Vec<&str> = gpu.amd.iter().map(String::as_str).collect();
        facts.push(format!("code for AMD GPUs: {}", names.join(", ")));
    }
    facts
}

/// One line for each kind of names.
fn registered(names: &[RegisteredName]) -> Vec<String> {
    let mut kinds: BTreeMap<RegisteredKind, Vec<String>> = BTreeMap::new();
    for name in names {
        let domain = name.domain.as_deref().filter(|domain| !domain.is_empty());
        let domain = domain.map_or_else(String::new, |domain| format!("{domain}::"));
        let full = format!("{domain}{}", name.name);
        let listed = kinds.entry(name.kind).or_default();
        if !listed.contains(&full) {
            listed.push(full);
        }
    }
    kinds
        .into_iter()
        .map(|(kind, names)| {
            let what = match kind {
                RegisteredKind::Domain => "defines the namespace",
                RegisteredKind::DomainFragment => "adds to the namespace",
                RegisteredKind::Op => "registers",
                RegisteredKind::Kernel => "has kernels for",
                RegisteredKind::Class => "registers the class",
                RegisteredKind::Plugin => "registers the plugin",
            };
            format!("{what} {}", listing(&names))
        })
        .collect()
}

/// The first names, and how many others there are.
fn listing(names: &[String]) -> String {
    let shown = &names[..names.len().min(MOST_NAMES)];
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
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
    if let Some(predicted) = verdict.predicted.filter(|predicted| predicted != name) {
        push(
            text,
            format_args!("    the file alone had told otherwise: {predicted}"),
        );
    }
    // The verdict's own reason is the first error.
    let others = verdict.findings.iter();
    for finding in others.filter(|finding| finding.message != *reason) {
        push(text, format_args!("    also: {}", finding.message));
    }
    if let Some(probe) = &verdict.probe {
        push_ops(text, probe);
    }
}

/// The ops that a trial found, each with what it takes and what executes it.
fn push_ops(text: &mut String, probe: &ProbedLibrary) {
    if let Some(level) = probe.api_level {
        push(text, format_args!("    it asked for API level {level}"));
    }
    for op in probe.ops.iter().take(MOST_NAMES) {
        let domain = match op.domain.as_str() {
            "" => String::new(),
            domain => format!("{domain}::"),
        };
        let version = match op.version.as_str() {
            "" => String::new(),
            version => format!(" version {version}"),
        };
        let kernels = match op.kernels.as_slice() {
            [] => String::new(),
            kernels => format!(" [{}]", kernels.join(", ")),
        };
        push(
            text,
            format_args!("    {domain}{}{version}{kernels}", op.name),
        );
        for schema in &op.schemas {
            push(text, format_args!("      {schema}"));
        }
    }
    if let Some(more) = probe
        .ops
        .len()
        .checked_sub(MOST_NAMES)
        .filter(|more| *more > 0)
    {
        push(
            text,
            format_args!("    and {more} more (--format json lists them)"),
        );
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

fn collision(collision: &Collision) -> String {
    let [first, second] = &collision.libraries;
    let what = match collision.kind {
        CollisionKind::Namespace => "the namespace or domain",
        CollisionKind::Op => "the op",
        CollisionKind::Kernel => "kernels for",
    };
    let mut text = format!(
        "collision: '{}' and '{}' both register {what} {} with {}\n",
        first.display(),
        second.display(),
        listing(&collision.names),
        collision.framework.title()
    );
    for consequence in &collision.consequences {
        push(
            &mut text,
            format_args!(
                "  {:14}  in one process: {}",
                consequence.path, consequence.one_process
            ),
        );
        push(
            &mut text,
            format_args!("  {:14}  isolation op-set: {}", "", consequence.op_set),
        );
    }
    text
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes all");
}
