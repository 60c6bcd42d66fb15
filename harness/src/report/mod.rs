//! `report.html` and the plots.
//!
//! Results are turned into contexts (plain strings and numbers), contexts go through templates
//! that are compiled in, and the outcome is one file without a reference to anything outside of
//! it. Each plot is a module under `plots` and is drawn once, for the page and for `plots/*.svg`.

mod cases;
mod check;
mod conflicts;
mod context;
mod heat_map;
mod load;
mod machine;
mod measurements;
mod page;
mod plots;

pub use page::{RenderError, html};
pub use plots::{Plot, PlotError, plots};
