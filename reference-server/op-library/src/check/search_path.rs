//! Do the folders exist in which it wants its libraries looked for?

use std::path::Path;

use crate::elf::Image;
use crate::{Finding, FindingId, Severity};

const REMEDY: &str = "put what it needs beside it and link it with -Wl,-rpath,'$ORIGIN', or \
                      correct the entry with patchelf --set-rpath";

/// An entry of the library's `RPATH` or `RUNPATH` holds only where it was built, or depends on the
/// working directory.
pub(crate) fn check(path: &Path, image: &Image) -> Vec<Finding> {
    // RUNPATH switches RPATH off.
    let (kind, list) = match (&image.runpath, &image.rpath) {
        (Some(list), _) => ("RUNPATH", list),
        (None, Some(list)) => ("RPATH", list),
        (None, None) => return Vec::new(),
    };
    let entries = || list.split(':').map(Entry::of);
    let missing: Vec<&str> = entries()
        .filter_map(|entry| match entry {
            Entry::Absolute(folder) if !Path::new(folder).is_dir() => Some(folder),
            _ => None,
        })
        .collect();
    // A list that is empty as a whole names no folder.
    let relative = entries().filter(|_| !list.is_empty());
    let relative: Vec<&str> = relative
        .filter_map(|entry| match entry {
            Entry::Relative(folder) => Some(folder),
            _ => None,
        })
        .collect();
    let file = path.display();
    let missing = (!missing.is_empty()).then(|| Finding {
        severity: Severity::Warning,
        id: FindingId::SearchPathMissing,
        message: format!(
            "'{file}' looks for its libraries in {}, which this machine does not have ({kind}): \
             what it was to find there is looked for elsewhere",
            folders(&missing)
        ),
        remedy: REMEDY.to_owned(),
    });
    let relative = (!relative.is_empty()).then(|| Finding {
        severity: Severity::Warning,
        id: FindingId::SearchPathRelative,
        message: format!(
            "'{file}' looks for its libraries in {}, relative to the working directory of \
             whatever loads it ({kind})",
            folders(&relative)
        ),
        remedy: REMEDY.to_owned(),
    });
    missing.into_iter().chain(relative).collect()
}

/// One folder of the list, as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry<'a> {
    /// It begins with the folder of the library itself, or cannot be told.
    Origin,
    Absolute(&'a str),
    /// It depends on the working directory, as an empty one does, too.
    Relative(&'a str),
}

impl<'a> Entry<'a> {
    /// Source: `ld.so(8)`, "Dynamic string tokens".
    fn of(text: &'a str) -> Self {
        if text.starts_with("$ORIGIN") || text.starts_with("${ORIGIN}") {
            Self::Origin
        } else if !text.starts_with('/') {
            Self::Relative(text)
        } else if text.contains('$') {
            Self::Origin
        } else {
            Self::Absolute(text)
        }
    }
}

/// The first of them, and how many there are beside it.
fn folders(all: &[&str]) -> String {
    let first = match all[0] {
        "" => "the empty entry of its search path".to_owned(),
        folder => format!("'{folder}'"),
    };
    match all.len() - 1 {
        0 => first,
        1 => format!("{first} and one other folder"),
        more => format!("{first} and {more} other folders"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(list: &str) -> Vec<FindingId> {
        let image = Image {
            runpath: Some(list.to_owned()),
            rpath: Some("switched/off".to_owned()),
            ..Image::default()
        };
        let findings = check(Path::new("/ops/x.so"), &image);
        findings.into_iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn folders_that_hold_everywhere_are_told_from_the_others() {
        use FindingId::{SearchPathMissing, SearchPathRelative};
        assert_eq!(found(""), []);
        assert_eq!(found("$ORIGIN:${ORIGIN}/../lib:/usr:/usr/$LIB"), []);
        assert_eq!(found("/usr:/no/such/folder"), [SearchPathMissing]);
        assert_eq!(found("$ORIGIN:build/lib"), [SearchPathRelative]);
        assert_eq!(found("$ORIGIN:"), [SearchPathRelative]);
        assert_eq!(
            found("/no/such/folder:."),
            [SearchPathMissing, SearchPathRelative]
        );
    }

    #[test]
    fn the_switched_off_list_counts_where_it_stands_alone() {
        let image = Image {
            rpath: Some("/no/such/folder:/nor/this".to_owned()),
            ..Image::default()
        };
        let findings = check(Path::new("/ops/x.so"), &image);
        assert!(findings[0].message.contains("(RPATH)"), "{findings:?}");
        assert!(findings[0].message.contains("one other folder"));
    }
}
