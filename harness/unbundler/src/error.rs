//! What can be wrong with a bundle.

use std::io;
use std::path::{Path, PathBuf};

use crate::BundleId;

/// Something is wrong with one part. Its text is a sentence without its end.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is not among the files.
    #[error("{name} is missing")]
    Missing {
        /// The name that it was written with.
        name: String,
    },
    /// It is of another length.
    #[error(
        "'{}' is damaged: it is {found} bytes long instead of {expected}", path.display()
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// The length that it was written with.
        expected: u64,
    },
    /// Its content is another one.
    #[error("'{}' is damaged: its content is not what was written", path.display())]
    Content {
        /// The file.
        path: PathBuf,
    },
    /// It does not begin as a part does.
    #[error("'{}' is damaged: it does not begin as a part of a bundle does", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// It is a part of another bundle.
    #[error(
        "'{}' is of another bundle: its mark is {found}, that of the first part is {expected}",
        path.display()
    )]
    OtherBundle {
        /// The file.
        path: PathBuf,
        /// Which bundle it is of.
        found: BundleId,
        /// Which bundle the first part is of.
        expected: BundleId,
    },
}

/// Why a bundle was not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// No file has the list of parts.
    #[error(
        "found no first part of a bundle: part-000, which lists the others, is missing, or lost its \
         end when it was copied ({}); copy it again",
        list(files)
    )]
    NoFirst {
        /// The files that were looked at.
        files: Vec<PathBuf>,
    },
    /// Parts are missing, damaged or of another bundle.
    #[error("nothing was unpacked: {}; copy {} again from where the bundle was made", sentences(.0), them(.0))]
    Parts(Vec<Problem>),
    /// There is another bundle already.
    #[error(
        "nothing was unpacked: '{}' holds another bundle; name an empty folder with --out, or \
         remove that one", folder.display()
    )]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("failed to read '{}': {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be unpacked.
    #[error(
        "failed to unpack '{}' into '{}': {source}; is there space, and the right to write there?",
        file.display(), folder.display()
    )]
    Write {
        /// The file in the bundle.
        file: PathBuf,
        /// Where it was to go.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive cannot be read although every part is as it was written.
    #[error("failed to read the archive in the parts: {0}; make the bundle again")]
    Archive(#[source] io::Error),
}

/// Why a bundle was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A part cannot be so small.
    #[error(
        "a part of {limit} bytes is too small: the first one holds the program that unpacks and \
         the list of parts; choose a --split of at least {least} bytes"
    )]
    TooSmall {
        /// What was asked for.
        limit: u64,
        /// What is possible.
        least: u64,
    },
    /// The list of parts does not fit into the first one.
    #[error(
        "{parts} parts are more than the first one can list; choose a larger --split than {limit} \
         bytes"
    )]
    TooMany {
        /// Number of parts.
        parts: usize,
        /// What was asked for.
        limit: u64,
    },
    /// There is a bundle already.
    #[error("'{}' holds parts of a bundle already; name another folder, or remove them", folder.display())]
    Occupied {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be written.
    #[error("failed to write '{}': {source}; is there space, and the right to write there?", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn list(files: &[PathBuf]) -> String {
    if files.is_empty() {
        return "there is no file that could be one".to_owned();
    }
    let names: Vec<String> = files
        .iter()
        .map(|path| format!("'{}'", path.display()))
        .collect();
    format!("looked at {}", names.join(", "))
}

fn sentences(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

fn them(problems: &[Problem]) -> &'static str {
    if problems.len() == 1 { "it" } else { "them" }
}

pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> UnpackError {
    |source| UnpackError::Read {
        path: path.to_owned(),
        source,
    }
}

pub(crate) fn writing(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    |source| WriteError::Io {
        path: path.to_owned(),
        source,
    }
}
