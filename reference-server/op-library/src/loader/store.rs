//! Images of libraries that other libraries need, each read once per process.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

use crate::elf::{Bytes, FileBytes, Header, Image, ObjectType};

/// What the loader makes of a file.
#[derive(Clone, Debug)]
pub(crate) enum Candidate {
    /// A library of this machine's architecture.
    Library(Arc<Image>),
    /// A library of another architecture, which the loader passes over as if it were not there.
    OtherArchitecture(Header),
    /// A file that the loader stops at with an error.
    Unusable,
}

impl Candidate {
    /// The library, if it is a usable one.
    pub(crate) const fn library(&self) -> Option<&Arc<Image>> {
        match self {
            Self::Library(image) => Some(image),
            Self::OtherArchitecture(_) | Self::Unusable => None,
        }
    }
}

/// Which content a path had when it was read: a file that is replaced or changed gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

static READ: LazyLock<Mutex<HashMap<PathBuf, (Stamp, Candidate)>>> = LazyLock::new(Mutex::default);

/// The file at `path`; `None` where there is no regular file that can be read.
pub(crate) fn image_of(path: &Path) -> Option<Candidate> {
    let file = File::open(path).ok()?;
    let data = file.metadata().ok()?;
    if !data.is_file() {
        return None;
    }
    let stamp = Stamp {
        device: data.dev(),
        inode: data.ino(),
        size: data.size(),
        modified: (data.mtime(), data.mtime_nsec()),
        changed: (data.ctime(), data.ctime_nsec()),
    };
    if let Some((read, candidate)) = READ.lock().get(path)
        && *read == stamp
    {
        return Some(candidate.clone());
    }
    let candidate = read(&FileBytes::new(file, data.len()));
    READ.lock()
        .insert(path.to_owned(), (stamp, candidate.clone()));
    Some(candidate)
}

fn read(bytes: &dyn Bytes) -> Candidate {
    let start = bytes
        .read(0, bytes.len().min(Header::MAX_SIZE))
        .unwrap_or_default();
    match Header::parse(&start) {
        Ok(header) if !header.is_native() => Candidate::OtherArchitecture(header),
        Ok(header) if header.object_type == ObjectType::Shared => match Image::read(&header, bytes)
        {
            Ok(image) => Candidate::Library(Arc::new(image)),
            Err(_) => Candidate::Unusable,
        },
        _ => Candidate::Unusable,
    }
}
