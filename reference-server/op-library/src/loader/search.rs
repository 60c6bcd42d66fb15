//! Where the dynamic loader looks for a needed library.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::elf::{Header, Image};

use super::ld_so_cache;
use super::store::{Candidate, image_of};

/// The folders that are searched last, by distribution: Debian's, the 64-bit ones, the plain ones.
#[cfg(target_arch = "x86_64")]
const DEFAULT_FOLDERS: [&str; 6] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];
#[cfg(target_arch = "aarch64")]
const DEFAULT_FOLDERS: [&str; 6] = [
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// What `$LIB` stands for; which one it is depends on how the loader was built.
#[cfg(target_arch = "x86_64")]
const LIB_TOKENS: [&str; 3] = ["lib/x86_64-linux-gnu", "lib64", "lib"];
#[cfg(target_arch = "aarch64")]
const LIB_TOKENS: [&str; 3] = ["lib/aarch64-linux-gnu", "lib64", "lib"];

#[cfg(target_arch = "x86_64")]
const PLATFORM_TOKEN: &str = "x86_64";
#[cfg(target_arch = "aarch64")]
const PLATFORM_TOKEN: &str = "aarch64";

/// A library that was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub path: PathBuf,
    pub image: Arc<Image>,
    /// Found through the system's index or default folders: part of the installation, not of what
    /// came with the op library.
    pub system: bool,
}

/// A library that was not found.
#[derive(Clone, Debug)]
pub(super) struct NotFound {
    /// Files of the right name that the loader would pass over or stop at, with what they are.
    pub passed_over: Vec<(PathBuf, Option<Header>)>,
}

/// One object's own part of the search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requester<'a> {
    pub path: &'a Path,
    pub image: &'a Image,
}

/// Looks for `name`, which the first of `chain` needs; the others are who needed that one, and so
/// on. `library_path` are the folders of `LD_LIBRARY_PATH`.
pub(super) fn find(
    name: &str,
    chain: &[Requester<'_>],
    library_path: &[PathBuf],
) -> Result<Found, NotFound> {
    let mut not_found = NotFound {
        passed_over: Vec::new(),
    };
    let Some(requester) = chain.first() else {
        return Err(not_found);
    };
    let origin = requester.path.parent().unwrap_or(Path::new("/"));
    if name.contains('/') {
        for path in expand(name, origin) {
            if let Some(found) = consider(&path, false, &mut not_found) {
                return Ok(found);
            }
        }
        return Err(not_found);
    }

    let mut folders: Vec<PathBuf> = Vec::new();
    // RUNPATH switches RPATH off, the inherited one included.
    if requester.image.runpath.is_none() {
        for object in chain.iter().filter(|object| object.image.runpath.is_none()) {
            folders.extend(
                object
                    .image
                    .rpath
                    .iter()
                    .flat_map(|list| split(list, object.path)),
            );
        }
    }
    folders.extend(library_path.iter().cloned());
    folders.extend(
        requester
            .image
            .runpath
            .iter()
            .flat_map(|list| split(list, requester.path)),
    );
    for folder in folders {
        if let Some(found) = consider(&folder.join(name), false, &mut not_found) {
            return Ok(found);
        }
    }
    find_in_index_or_defaults(name, &mut not_found).ok_or(not_found)
}

/// The file that the dynamic loader opens for `name`, a file name without a folder, where the
/// program itself asks: in `first`, on the `LD_LIBRARY_PATH` of this process, then where the system
/// keeps its libraries.
pub fn locate(name: &str, first: &[PathBuf]) -> Option<PathBuf> {
    let mut passed_over = NotFound {
        passed_over: Vec::new(),
    };
    first
        .iter()
        .cloned()
        .chain(inherited_library_path())
        .filter(|folder| !folder.as_os_str().is_empty())
        .find_map(|folder| consider(&folder.join(name), false, &mut passed_over))
        .or_else(|| find_in_index_or_defaults(name, &mut passed_over))
        .map(|found| found.path)
}

/// `LD_LIBRARY_PATH` of this process.
pub(super) fn inherited_library_path() -> Vec<PathBuf> {
    let folders = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .filter(|folder| !folder.as_os_str().is_empty())
        .collect()
}

/// Looks for `name` where no object has a say.
pub(super) fn find_in_system(name: &str) -> Option<Found> {
    find_in_index_or_defaults(
        name,
        &mut NotFound {
            passed_over: Vec::new(),
        },
    )
}

fn find_in_index_or_defaults(name: &str, not_found: &mut NotFound) -> Option<Found> {
    let indexed = ld_so_cache::current().get(name).cloned();
    let defaults = DEFAULT_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(name));
    indexed
        .into_iter()
        .chain(defaults)
        .find_map(|path| consider(&path, true, not_found))
}

fn consider(path: &Path, system: bool, not_found: &mut NotFound) -> Option<Found> {
    match image_of(path)? {
        Candidate::Library(image) => Some(Found {
            path: path.to_owned(),
            image,
            system,
        }),
        Candidate::OtherArchitecture(header) => {
            not_found.passed_over.push((path.to_owned(), Some(header)));
            None
        }
        Candidate::Unusable => {
            not_found.passed_over.push((path.to_owned(), None));
            None
        }
    }
}

/// The folders of an RPATH or RUNPATH of the object at `path`.
fn split(list: &str, path: &Path) -> Vec<PathBuf> {
    let origin = path.parent().unwrap_or(Path::new("/"));
    list.split(':')
        .filter(|folder| !folder.is_empty())
        .flat_map(|folder| expand(folder, origin))
        .collect()
}

/// Replaces `$ORIGIN`, `$LIB` and `$PLATFORM`, with or without braces.
fn expand(text: &str, origin: &Path) -> Vec<PathBuf> {
    let replace = |text: &str, token: &str, value: &str| {
        text.replace(&format!("${{{token}}}"), value)
            .replace(&format!("${token}"), value)
    };
    let text = replace(text, "ORIGIN", &origin.to_string_lossy());
    let text = replace(&text, "PLATFORM", PLATFORM_TOKEN);
    if text.contains("$LIB") || text.contains("${LIB}") {
        return LIB_TOKENS
            .iter()
            .map(|lib| PathBuf::from(replace(&text, "LIB", lib)))
            .collect();
    }
    vec![PathBuf::from(text)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_expanded() {
        let expanded = expand("${ORIGIN}/../$PLATFORM", Path::new("/opt/ops"));
        assert_eq!(expanded, [Path::new("/opt/ops/..").join(PLATFORM_TOKEN)]);
        assert!(expand("/usr/$LIB", Path::new("/")).contains(&PathBuf::from("/usr/lib64")));
    }

    #[test]
    fn empty_parts_of_a_list_name_no_folder() {
        let folders = split(":/a::$ORIGIN/lib:", Path::new("/opt/ops/x.so"));
        assert_eq!(
            folders,
            [PathBuf::from("/a"), PathBuf::from("/opt/ops/lib")]
        );
    }

    proptest! {
        #[test]
        fn every_list_is_split(list in "[$A-Z{}:/.]{0,40}") {
            let _ = split(&list, Path::new("/opt/ops/x.so"));
        }
    }
}
