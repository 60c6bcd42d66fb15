//! Finding the parts of one bundle among files, and checking them.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::reading;
use crate::header::{HEADER_SIZE, Header};
use crate::trailer;
use crate::{BundleId, Index, Part, Problem, UnpackError, part_name};

/// The parts of one bundle, each as it was written.
#[derive(Debug)]
pub struct Parts {
    index: Index,
    /// Of each part its file and where the archive's bytes in it begin.
    files: Vec<(PathBuf, u64)>,
}

/// A file that may be a part other than the first.
struct Candidate<'a> {
    path: &'a Path,
    header: Option<Header>,
}

impl Parts {
    /// The bundle whose first part is among `files`, with its other parts from among them. All of
    /// them are read and checked.
    ///
    /// # Errors
    /// There is no first part, or something is wrong with parts: all that is, together.
    pub fn find(files: &[PathBuf]) -> Result<Self, UnpackError> {
        let mut first = None;
        let mut candidates = Vec::new();
        for path in files {
            let mut file = File::open(path).map_err(reading(path))?;
            match trailer::read(&mut file).map_err(reading(path))? {
                Some(found) if first.is_none() => first = Some((path, found)),
                Some(_) => {}
                None => {
                    file.rewind().map_err(reading(path))?;
                    let header = Header::read(&mut file).map_err(reading(path))?;
                    candidates.push(Candidate { path, header });
                }
            }
        }
        let (path, first) = first.ok_or_else(|| UnpackError::NoFirst {
            files: files.to_vec(),
        })?;
        let index = first.index;
        let mut problems = Vec::new();
        let mut found = Vec::new();
        for (number, part) in index.parts.iter().enumerate() {
            let chosen = match number {
                0 => Ok((path.clone(), first.header + HEADER_SIZE)),
                _ => choose(&candidates, index.bundle, number).map(|path| (path, HEADER_SIZE)),
            };
            // What is there is checked although something is missing: one message tells all.
            match chosen {
                Ok((path, start)) => {
                    problems.extend(check(&path, *part, number == 0)?);
                    found.push((path, start));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(UnpackError::Parts(problems));
        }
        Ok(Self {
            index,
            files: found,
        })
    }

    /// What the first part lists.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The archive, from all parts in their order.
    ///
    /// # Errors
    /// A part cannot be opened any more.
    pub(crate) fn archive(&self) -> Result<Box<dyn Read>, UnpackError> {
        let mut archive: Box<dyn Read> = Box::new(io::empty());
        for ((path, start), part) in self.files.iter().zip(&self.index.parts) {
            let mut file = File::open(path).map_err(reading(path))?;
            file.seek(SeekFrom::Start(*start)).map_err(reading(path))?;
            archive = Box::new(archive.chain(file.take(part.size - start)));
        }
        Ok(archive)
    }
}

/// The file of part `number` among `candidates`.
fn choose(
    candidates: &[Candidate<'_>],
    bundle: BundleId,
    number: usize,
) -> Result<PathBuf, Problem> {
    let name = part_name(u32::try_from(number).unwrap_or(u32::MAX));
    let is = |header: Header| header.bundle == bundle && header.number as usize == number;
    if let Some(candidate) = candidates.iter().find(|file| file.header.is_some_and(is)) {
        return Ok(candidate.path.to_owned());
    }
    let mut named = candidates.iter();
    let named = named.find(|file| {
        let file = file.path.file_name().unwrap_or_default();
        file.to_str() == Some(&name)
    });
    Err(match named {
        None => Problem::Missing { name },
        Some(Candidate { path, header: None }) => Problem::NoHeader {
            path: path.to_path_buf(),
        },
        Some(Candidate {
            path,
            header: Some(header),
        }) if header.bundle != bundle => Problem::OtherBundle {
            path: path.to_path_buf(),
            found: header.bundle,
            expected: bundle,
        },
        // Another part of this bundle has come to bear the name.
        Some(_) => Problem::Missing { name },
    })
}

/// What is wrong with the file of `part`. Behind the archive of the first part stands the list, whose
/// own hash was checked when it was read.
fn check(path: &Path, part: Part, is_first: bool) -> Result<Option<Problem>, UnpackError> {
    let file = File::open(path).map_err(reading(path))?;
    let found = file.metadata().map_err(reading(path))?.len();
    if !is_first && found != part.size {
        return Ok(Some(Problem::Length {
            path: path.to_owned(),
            found,
            expected: part.size,
        }));
    }
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(file.take(part.size))
        .map_err(reading(path))?;
    Ok((hasher.finalize() != part.hash).then(|| Problem::Content {
        path: path.to_owned(),
    }))
}

/// The files that may be parts of the bundle of which `first` is one: itself, and what lies beside
/// it with a part's name.
///
/// # Errors
/// Its folder cannot be read.
pub fn beside(first: &Path) -> Result<Vec<PathBuf>, UnpackError> {
    let folder = first.parent().unwrap_or(Path::new("."));
    let mut files = vec![first.to_owned()];
    for entry in fs::read_dir(folder).map_err(reading(folder))? {
        let path = entry.map_err(reading(folder))?.path();
        let name = path.file_name().unwrap_or_default();
        let is_part = name
            .to_str()
            .and_then(|name| name.strip_prefix("part-"))
            .is_some_and(|number| number.parse::<u32>().is_ok());
        if is_part && path != first {
            files.push(path);
        }
    }
    files[1..].sort();
    Ok(files)
}
