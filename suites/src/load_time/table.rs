//! Which case is there for which framework on which path, and why the others are not: the table in
//! the package's README, rendered from the definitions.

use std::fmt::Write;

use runtimes::Framework;

use super::definitions;
use crate::arrangement::Route;
use crate::case::{LoadingPath, Suite};
use crate::making::{Absence, Scene};

/// The line above the table.
const BEGIN: &str = "<!-- load-time: begin -->";
/// The line below the table.
const END: &str = "<!-- load-time: end -->";
/// The environment variable that has the file written anew.
const UPDATE: &str = "UPDATE_TABLE";

/// Reasons that were met, in the order in which they were.
#[derive(Default)]
struct Notes(Vec<Absence>);

impl Notes {
    /// The number of a reason.
    fn number(&mut self, absence: Absence) -> usize {
        let known = self.0.iter().position(|known| *known == absence);
        known.unwrap_or_else(|| {
            self.0.push(absence);
            self.0.len() - 1
        }) + 1
    }
}

/// The table and the notes below it.
fn render() -> String {
    let mut notes = Notes::default();
    let mut text = String::from("| case |");
    for framework in Framework::ALL {
        for path in LoadingPath::ALL {
            write!(text, " {} {path} |", framework.title()).expect("a string takes all");
        }
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(Framework::ALL.len() * LoadingPath::ALL.len()));
    text.push('\n');
    for definition in definitions() {
        write!(text, "| `{}` |", definition.name).expect("a string takes all");
        for framework in Framework::ALL {
            for path in LoadingPath::ALL {
                let routes = Route::ALL.into_iter().filter(|route| route.path() == *path);
                let made: Vec<(Route, Option<Absence>)> = routes
                    .map(|route| {
                        let scene = Scene { framework, route };
                        (route, definition.at(Suite::LoadTime, scene).err())
                    })
                    .collect();
                write!(text, " {} |", cell(&made, &mut notes)).expect("a string takes all");
            }
        }
        text.push('\n');
    }
    text.push('\n');
    for (index, Absence(reason)) in notes.0.iter().enumerate() {
        writeln!(text, "{}. {reason}", index + 1).expect("a string takes all");
    }
    text
}

/// What one framework and path has of a case: all forms, one of them, or none.
fn cell(made: &[(Route, Option<Absence>)], notes: &mut Notes) -> String {
    let mut parts = Vec::new();
    let absent: Vec<Absence> = made.iter().filter_map(|(_, absence)| *absence).collect();
    if absent.is_empty() {
        return "✓".to_owned();
    }
    if absent.len() < made.len() {
        parts.extend(
            made.iter()
                .filter(|(_, absence)| absence.is_none())
                .map(|(route, _)| form(*route).to_owned()),
        );
    }
    let mut numbers: Vec<usize> = absent
        .into_iter()
        .map(|absence| notes.number(absence))
        .collect();
    numbers.dedup();
    parts.extend(numbers.into_iter().map(|number| format!("({number})")));
    parts.join(" ")
}

fn form(route: Route) -> &'static str {
    match route {
        Route::Environment => "`LD_PRELOAD`",
        Route::Flag => "`--preload`",
        Route::ModelConfig | Route::BackendConfig => "✓",
    }
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
