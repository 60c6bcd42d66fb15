//! `LD_PRELOAD` of the server: what was asked for, what the dynamic loader made of it, and a front
//! that is free of it.
//!
//! The dynamic loader maps preloaded libraries before `main`, also into the front, which must stay
//! clean. So the front notes what it finds and executes itself again without the variable; what it
//! noted travels in a variable of its own, which is gone before anything else runs.

use std::ffi::{CStr, OsStr, OsString, c_int, c_void};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_encode};

use super::program::own_program;

/// The dynamic loader's variable.
pub const VARIABLE: &str = "LD_PRELOAD";

/// Carries the findings over the second execution.
const HANDOVER: &str = "REFERENCE_SERVER_PRELOADED";

/// What became of one entry of `LD_PRELOAD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The entry as it was given.
    pub entry: OsString,
    /// The file that the dynamic loader mapped for it; `None` where it ignored the entry.
    pub mapped: Option<PathBuf>,
}

/// Frees this process of preloaded libraries. The first act of the front: it executes the program
/// anew where `LD_PRELOAD` lists anything, and returns what was found then.
pub fn take_over() -> Vec<Finding> {
    let entries = std::env::var_os(VARIABLE).map_or_else(Vec::new, |list| split(&list));
    if !entries.is_empty() {
        execute_again(&findings(&entries, &mapped_objects()));
    }
    let Some(handed_over) = std::env::var_os(HANDOVER) else {
        return Vec::new();
    };
    // SAFETY: the process has one thread; this is its first act.
    unsafe { std::env::remove_var(HANDOVER) };
    decode(&handed_over)
}

/// Frees a worker's environment of the variable, so that nothing that an op library starts
/// inherits it. The first act of a worker.
pub fn forget() {
    // SAFETY: no other thread of this program runs yet. One that a preloaded library started may
    // read the environment, and sees either state: nothing is freed.
    unsafe { std::env::remove_var(VARIABLE) };
}

/// The entries of the variable, as the dynamic loader separates them.
fn split(list: &OsStr) -> Vec<OsString> {
    list.as_bytes()
        .split(|byte| matches!(byte, b':' | b' '))
        .filter(|entry| !entry.is_empty())
        .map(|entry| OsStr::from_bytes(entry).to_owned())
        .collect()
}

/// Names of the objects in this process, as the dynamic loader knows them.
fn mapped_objects() -> Vec<PathBuf> {
    unsafe extern "C" fn note(
        object: *mut libc::dl_phdr_info,
        _size: usize,
        names: *mut c_void,
    ) -> c_int {
        // SAFETY: the loader hands out a record that is valid during the call, with a C string or
        // null; the last argument is what was given below.
        let (name, names) = unsafe { ((*object).dlpi_name, &mut *names.cast::<Vec<PathBuf>>()) };
        if !name.is_null() {
            // SAFETY: as above.
            let name = unsafe { CStr::from_ptr(name) };
            names.push(OsStr::from_bytes(name.to_bytes()).into());
        }
        0
    }
    let mut names: Vec<PathBuf> = Vec::new();
    // SAFETY: the function is called for each object before this call returns, with our vector.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut names).cast()) };
    names
}

fn findings(entries: &[OsString], objects: &[PathBuf]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for entry in entries {
        if findings.iter().all(|finding| finding.entry != *entry) {
            let mapped = objects.iter().find(|object| is_entry(object, entry));
            findings.push(Finding {
                entry: entry.clone(),
                mapped: mapped.and_then(|path| std::path::absolute(path).ok()),
            });
        }
    }
    findings
}

/// Whether `object` is what the dynamic loader mapped for `entry`.
fn is_entry(object: &Path, entry: &OsStr) -> bool {
    let path = Path::new(entry);
    // A bare name is searched for; `$LIB` and its like are replaced. The file's name stays.
    if !is_path(entry) || entry.as_bytes().contains(&b'$') {
        return object.file_name().is_some() && object.file_name() == path.file_name();
    }
    let identity = |path: &Path| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.dev(), data.ino()))
    };
    object == path || identity(object).is_some_and(|object| identity(path) == Some(object))
}

/// Whether the dynamic loader takes an entry for a path, not for a name to search for.
pub fn is_path(entry: &OsStr) -> bool {
    entry.as_bytes().contains(&b'/')
}

/// Executes this program again with the same arguments. Does not return.
fn execute_again(findings: &[Finding]) {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let arguments: Vec<OsString> = arguments.collect();
    let error = Command::new(own_program())
        .arg0(&name)
        .args(&arguments)
        .env_remove(VARIABLE)
        .env(HANDOVER, encode(findings))
        .exec();
    eprintln!(
        "failed to start the server again without {VARIABLE}: {error}; give the libraries with \
         --preload instead"
    );
    std::process::exit(1);
}

/// `entry=path` for a library that was mapped, `entry` for one that was ignored, separated by `:`.
fn encode(findings: &[Finding]) -> String {
    let quoted = |text: &OsStr| percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string();
    let each: Vec<String> = findings
        .iter()
        .map(|finding| match &finding.mapped {
            Some(path) => format!("{}={}", quoted(&finding.entry), quoted(path.as_os_str())),
            None => quoted(&finding.entry),
        })
        .collect();
    each.join(":")
}

fn decode(text: &OsStr) -> Vec<Finding> {
    let plain = |quoted: &[u8]| OsString::from_vec(percent_decode(quoted).collect());
    text.as_bytes()
        .split(|byte| *byte == b':')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            Finding {
                entry: halves.next().map(plain).unwrap_or_default(),
                mapped: halves.next().map(|path| PathBuf::from(plain(path))),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn entries_are_separated_by_colons_and_spaces_and_empty_ones_are_nothing() {
        let entries = |list: &str| split(OsStr::new(list));
        assert_eq!(entries("libx.so:"), ["libx.so"]);
        assert_eq!(
            entries(":a.so  b.so::/c/d.so "),
            ["a.so", "b.so", "/c/d.so"]
        );
        assert_eq!(entries(" : "), [""; 0]);
    }

    #[test]
    fn what_the_loader_mapped_is_found_by_name_and_by_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libx.so.1");
        let link = folder.path().join("libx.so");
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let objects = [PathBuf::new(), link.clone()];
        let entries: Vec<OsString> = [
            "libx.so".into(),
            file.clone().into_os_string(),
            "/$LIB/libx.so".into(),
            "libx.so".into(),
            "liby.so".into(),
            "/nowhere/libx.so".into(),
        ]
        .into();
        let found = findings(&entries, &objects);
        assert_eq!(found.len(), 5);
        for finding in &found[..3] {
            assert_eq!(finding.mapped.as_ref(), Some(&link), "{finding:?}");
        }
        for finding in &found[3..] {
            assert_eq!(finding.mapped, None, "{finding:?}");
        }
    }

    #[test]
    fn this_process_has_objects() {
        let names = mapped_objects();
        let is_libc = |name: &PathBuf| {
            name.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("libc.so"))
        };
        assert!(names.iter().any(is_libc), "{names:?}");
    }

    proptest! {
        #[test]
        fn findings_survive_the_handover(
            given in proptest::collection::vec(
                (proptest::collection::vec(1..=255_u8, 1..20),
                 proptest::option::of(proptest::collection::vec(1..=255_u8, 1..20))),
                0..5,
            )
        ) {
            let given: Vec<Finding> = given
                .into_iter()
                .map(|(entry, mapped)| Finding {
                    entry: OsString::from_vec(entry),
                    mapped: mapped.map(|path| PathBuf::from(OsString::from_vec(path))),
                })
                .collect();
            prop_assert_eq!(decode(OsStr::new(&encode(&given))), given);
        }

        #[test]
        fn any_list_is_split_into_entries_that_the_loader_would_see(list in "[ab/.: ]{0,40}") {
            let entries = split(OsStr::new(&list));
            let joined: Vec<&str> = list.split([':', ' ']).filter(|part| !part.is_empty()).collect();
            prop_assert_eq!(entries, joined);
        }

        #[test]
        fn any_handover_is_read(text in "\\PC{0,60}") {
            decode(OsStr::new(&text));
        }
    }
}
