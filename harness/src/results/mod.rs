//! The files that a run leaves behind, one folder a run.
//!
//! `results.json` is the record; everything else (CSV, JUnit, summary, plots, report) is made from
//! it and can be made again. The folder's layout is something that other tools rely on.

mod check;
mod check_text;
mod check_words;
mod folder;
mod junit;
mod load_table;
mod machine;
mod merge;
mod record;
mod server_words;
mod summary;
mod tables;

pub use check::{
    Check, CheckedLibrary, CheckedModel, CheckedPair, Fit, Meeting, Predicted, Trouble, full_name,
};
pub use check_text::check_text;
pub use check_words::{About, CheckWords, name_in_id};
pub use folder::{FolderError, ResultsFolder};
pub use machine::Machine;
pub use merge::{MergeError, merge};
pub use record::{Counts, Overall, Part, Results, Run, RuntimeRecord, SCHEMA_VERSION, Selected};
pub use server_words::plain;
pub use summary::{summary_markdown, verdict_table};
