//! How many cases of each kind there are: the table in the package's README, rendered from the
//! definitions.

use std::fmt::Write;

use runtimes::{Framework, Version};

use super::cases;
use crate::case::{Case, Suite};
use crate::making::table;
use crate::scope::RuntimeRange;

/// What is loaded, with `VERSION` in place of one.
fn kind(case: &Case) -> String {
    let name = case.name();
    let what = name.split_once('@').map_or(name, |(what, _)| what);
    let parts: Vec<&str> = what
        .split('-')
        .map(|part| part.parse::<Version>().map_or(part, |_| "VERSION"))
        .collect();
    parts.join("-")
}

fn render() -> String {
    let (few, all) = (
        cases(&RuntimeRange::DefaultAndOther),
        cases(&RuntimeRange::All),
    );
    let mut kinds: Vec<String> = Vec::new();
    for case in &all {
        let kind = kind(case);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut text = String::from("| what is loaded |");
    for framework in Framework::ALL {
        write!(text, " {} |", framework.title()).expect("a string takes all");
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(Framework::ALL.len()));
    text.push('\n');
    for name in &kinds {
        write!(text, "| `{name}` |").expect("a string takes all");
        for framework in Framework::ALL {
            let count = |cases: &[Case]| {
                cases
                    .iter()
                    .filter(|case| case.framework == framework && kind(case) == *name)
                    .count()
            };
            match (count(&few), count(&all)) {
                (_, 0) => text.push_str(" |"),
                (few, all) => write!(text, " {few} / {all} |").expect("a string takes all"),
            }
        }
        text.push('\n');
    }
    writeln!(text, "\nAltogether {} / {} cases.", few.len(), all.len())
        .expect("a string takes all");
    text
}

#[test]
fn the_readme_has_the_table_of_the_definitions() {
    table::assert_is_in_readme(Suite::VersionMismatch, &render());
}
