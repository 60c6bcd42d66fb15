//! Machine code of a library, read and not executed: which functions it calls, and with which
//! constants.
//!
//! Only functions are decoded in which something worth knowing is called. They are followed from
//! their beginning in a straight line: what a branch would change is forgotten, so that a constant
//! that is still known at a call is one that gets there.

mod api_level;
mod calls;
mod function_types;
mod interpreter;
mod program;
mod reach;
mod state;

pub(crate) use api_level::{ApiLevel, requested_api_level};
pub(crate) use calls::{Call, Callee, Text, Watch, calls};
pub(crate) use function_types::FunctionTypes;
pub(crate) use interpreter::returned_text;
pub(crate) use program::Program;
pub(crate) use reach::runs_when_opened;
pub(crate) use state::Value;
