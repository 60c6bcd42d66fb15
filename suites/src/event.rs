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
    /// Something that all cases need is being made, such as the sample op libraries.
    Preparing {
        /// What, in a few words.
        what: String,
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
