//! Which case is there for which framework on which path, and why the others are not: a table in
//! the package's README for each suite, rendered from its definitions.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use runtimes::Framework;

use super::{Absence, Definition, Scene};
use crate::arrangement::Route;
use crate::case::{LoadingPath, Suite};

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

/// Compares the table in the README with the definitions of `suite`.
///
/// # Panics
/// The two differ, or there is no table.
pub fn assert_in_readme<'a>(suite: Suite, definitions: impl Iterator<Item = &'a Definition>) {
    assert_is_in_readme(suite, &render(suite, definitions));
}

/// Compares the table in the README with `table`, that of `suite`.
///
/// # Panics
/// The two differ, or there is no table.
pub fn assert_is_in_readme(suite: Suite, table: &str) {
    let (begin, end) = (
        format!("<!-- {suite}: begin -->"),
        format!("<!-- {suite}: end -->"),
    );
    /// Tests of several suites may write the file at the same time.
    static FILE: Mutex<()> = Mutex::new(());
    let _alone = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("suites/README.md");
    let (before, rest) = readme.split_once(&begin).expect("the table begins");
    let (_, after) = rest.split_once(&end).expect("the table ends");
    let wanted = format!("{before}{begin}\n\n{table}\n{end}{after}");
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, &wanted).expect("suites/README.md is written");
        return;
    }
    assert!(
        readme == wanted,
        "the table of {suite} in {path} is not that of the definitions; write it anew with \
         {UPDATE}=1 cargo test -p suites the_readme_has"
    );
}

/// The table and the notes below it.
fn render<'a>(suite: Suite, definitions: impl Iterator<Item = &'a Definition>) -> String {
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
    for definition in definitions {
        write!(text, "| `{}` |", definition.name).expect("a string takes all");
        for framework in Framework::ALL {
            for path in LoadingPath::ALL {
                let routes = Route::ALL.into_iter().filter(|route| route.path() == *path);
                let made: Vec<(Route, Option<Absence>)> = routes
                    .map(|route| {
                        let scene = Scene { framework, route };
                        (route, definition.at(suite, scene).err())
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
