//! What a user brought, as the terminal shows it.

use std::fmt::Write;

use suites::{CaseResult, Verdict};

use super::check::{Check, CheckedLibrary, Trouble};
use super::check_words::{About, name_in_id};
use super::server_words::plain;

/// A line for each library and each model, with reasons and remedies beneath, and for whatever else
/// is not as it should be.
#[must_use]
pub fn check_text(check: &Check, cases: &[CaseResult]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let mut line = |content: String| {
        let _ = writeln!(text, "{content}");
    };
    for library in &check.libraries {
        line(headline(library));
        for trouble in library.troubles() {
            let Trouble {
                runtimes,
                outcome,
                reason,
                remedy,
            } = trouble;
            let runtimes = runtimes.join(", ");
            line(format!("    {runtimes}: {outcome}: {}", one_line(reason)));
            if let Some(remedy) = remedy {
                line(format!("      → {}", one_line(remedy)));
            }
        }
    }
    if let Some(apart) = check.apart_text() {
        line(format!("– {apart}"));
    }
    for model in &check.models {
        match &model.runtime {
            Some(runtime) => line(format!("✓ model {} is served by {runtime}", model.name)),
            None => {
                line(format!("✗ model {} is not served", model.name));
                for sentence in plain(&model.message).lines() {
                    line(format!("    {}", one_line(sentence)));
                }
            }
        }
    }
    let told = |case: &CaseResult| {
        let mut libraries = check.libraries.iter();
        let mut unserved = check.unserved();
        libraries.any(|library| library.case == case.id)
            || unserved.any(|model| model.cases.contains(&case.id))
    };
    for case in cases
        .iter()
        .filter(|case| case.verdict == Verdict::Fail && !told(case))
    {
        let name = name_in_id(&case.id);
        let words = About::of(&case.id, check).map(|about| about.words(case).text);
        line(
            format!("✗ {name} {}", words.unwrap_or_default())
                .trim_end()
                .to_owned(),
        );
        let message = plain(&case.message);
        let reasons = case.evidence.departures.iter().chain([&message]);
        for reason in reasons.filter(|reason| !reason.trim().is_empty()) {
            line(format!("    {}", one_line(reason)));
        }
    }
    text
}

fn headline(library: &CheckedLibrary) -> String {
    let works: Vec<&str> = library.usable().map(|fit| fit.runtime.as_str()).collect();
    match works.as_slice() {
        [] if !library.was_tried() => format!("✗ {} could not be tried", library.label),
        [] => format!(
            "✗ {} works with none of the runtimes that it was tried with",
            library.label
        ),
        works => format!("✓ {} works with {}", library.label, works.join(", ")),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_check;

    #[test]
    fn reasons_and_remedies_stand_beneath() {
        let results = sample_check();
        let check = results.check.as_ref().unwrap();
        insta::assert_snapshot!(check_text(check, &results.cases));
    }
}
