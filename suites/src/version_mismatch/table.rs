//! How many cases of each kind there are: the table in the package's README, rendered from the
//! definitions.

use std::fmt::Write;

use runtimes::{Framework, Version};

use super::cases;
use crate::case::Case;
use crate::scope::RuntimeRange;

/// The line above the table.
const BEGIN: &str = "<!-- version-mismatch: begin -->";
/// The line below the table.
const END: &str = "<!-- version-mismatch: end -->";
/// The environment variable that has the file written anew.
const UPDATE: &str = "UPDATE_TABLE";

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
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("suites/README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the table begins");
    let (_, after) = rest.split_once(END).expect("the table ends");
    let wanted = format!("{before}{BEGIN}\n\n{}\n{END}{after}", render());
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, &wanted).expect("suites/README.md is written");
        return;
    }
    assert!(
        readme == wanted,
        "the table in {path} is not that of the definitions; write it anew with {UPDATE}=1 cargo \
         test -p suites table"
    );
}
