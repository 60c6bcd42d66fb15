//! What happens in a run, as it happens.

use serde::Serialize;

use crate::observation::CaseResult;

/// One thing that happened in a run. Terminal, JUnit and JSON only consume these.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run begins with these cases; always the first event.
    Planned {
        /// Their ids, in the order in which they are started.
        ids: Vec<String>,
        /// How many run at the same time.
        jobs: usize,
    },
    /// A sample op library is being built, or a published one installed.
    Building {
        /// Which one, and for which runtime.
        what: String,
        /// How many were begun before it.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// A sample op library could not be built, or a published one not be installed; the cases that
    /// use it are errors. Told once for each runtime or package.
    NotBuilt {
        /// Which one, and the compiler's own message.
        message: String,
    },
    /// A case begins.
    Started {
        /// Its id.
        id: String,
    },
    /// A case has ended, been skipped, or gone wrong.
    Finished {
        /// What was seen.
        result: Box<CaseResult>,
    },
    /// The run was cancelled; cases that had not ended have no result.
    Cancelled,
}
