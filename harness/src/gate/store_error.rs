//! Why a baseline could not be saved, read or deleted.

use std::io;
use std::path::PathBuf;

use super::baseline::BASELINE_SCHEMA_VERSION;
use super::machine_key::Difference;

/// Why a baseline could not be saved, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The name cannot be that of a file.
    #[error(
        "'{name}' cannot name a baseline: use letters, digits, '-', '_' and '.', and begin with a letter \
         or digit, such as main or linux-x86_64"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// There is none.
    #[error("there is no baseline '{name}' in {}: {}", folder.display(), remedy(known))]
    Unknown {
        /// The name.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// The names that are there.
        known: Vec<String>,
    },
    /// There is one already.
    #[error(
        "there is a baseline '{name}' already: add these runs to it with --append, or put them in its \
         place with --replace"
    )]
    Exists {
        /// The name.
        name: String,
    },
    /// Runs that cannot be compared.
    #[error(
        "runs of different circumstances make no baseline: {}; save those of each machine and \
         configuration under a name of its own",
        listed(differences)
    )]
    Different {
        /// In what they differ.
        differences: Vec<Difference>,
    },
    /// The operating system refused.
    #[error("failed to {attempt} {}: {source}; check the path, its permissions and the free space", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error(
        "failed to read {} as a baseline: {source}; delete it and save it again from its runs",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The file is of another format.
    #[error(
        "failed to read {}: it has schema version {found}, this harness reads version \
         {BASELINE_SCHEMA_VERSION}; save it again from its runs",
        path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
}

fn remedy(known: &[String]) -> String {
    match known {
        [] => "make one with `harness baseline save NAME --runs DIR…`".to_owned(),
        known => format!("those that there are: {}", known.join(", ")),
    }
}

/// Differences in one line.
fn listed(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    format!("they differ in {}", texts.join(", "))
}
