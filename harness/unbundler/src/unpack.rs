//! Unpacking a bundle.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::error::reading;
use crate::{CLibraryVersion, Parts, UnpackError};

/// The file of a bundle that says what it is. It is the last one in the archive, so a folder without
/// it holds no whole bundle.
pub const MANIFEST: &str = "bundle.json";

/// What was unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Where it is.
    pub folder: PathBuf,
    /// Number of files and folders.
    pub entries: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// What on this machine is too old for it, as a sentence.
    pub warning: Option<String>,
}

/// Unpacks `parts` into `folder`. The C library of this machine is compared with what the programs in
/// it need; they may be meant for another one, so that is no error.
///
/// # Errors
/// `folder` holds another bundle, or something cannot be written.
pub fn unpack(parts: &Parts, folder: &Path) -> Result<Unpacked, UnpackError> {
    if folder.join(MANIFEST).exists() {
        return Err(UnpackError::Occupied {
            folder: folder.to_owned(),
        });
    }
    fs::create_dir_all(folder).map_err(reading(folder))?;
    let decoder = zstd::Decoder::new(parts.archive()?).map_err(UnpackError::Archive)?;
    let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 18, decoder));
    archive.set_preserve_permissions(true);
    let mut entries = 0;
    for entry in archive.entries().map_err(UnpackError::Archive)? {
        let mut entry = entry.map_err(UnpackError::Archive)?;
        let path = entry.path().map_err(UnpackError::Archive)?.into_owned();
        entry
            .unpack_in(folder)
            .map_err(|source| UnpackError::Write {
                file: path,
                folder: folder.to_owned(),
                source,
            })?;
        entries += 1;
    }
    let index = parts.index();
    Ok(Unpacked {
        folder: folder.to_owned(),
        entries,
        bytes: index.unpacked,
        warning: index
            .c_library
            .and_then(|needed| warning(needed, CLibraryVersion::installed())),
    })
}

fn warning(needed: CLibraryVersion, installed: Option<CLibraryVersion>) -> Option<String> {
    match installed {
        Some(version) if version >= needed => None,
        Some(version) => Some(format!(
            "this machine has glibc {version}, and what is in the bundle needs {needed} or newer: it \
             does not run here; use a newer system, or make the bundle on an older one"
        )),
        None => Some(format!(
            "this machine has no GNU C library in the usual places, and what is in the bundle needs \
             glibc {needed} or newer: it does not run here; use a system that has it"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_c_library_is_told_and_a_newer_one_is_not() {
        let version = |minor| CLibraryVersion { major: 2, minor };
        assert_eq!(warning(version(34), Some(version(34))), None);
        assert_eq!(warning(version(4), Some(version(34))), None);
        let text = warning(version(38), Some(version(4))).unwrap();
        assert!(
            text.contains("glibc 2.4") && text.contains("2.38"),
            "{text}"
        );
        assert!(warning(version(38), None).unwrap().contains("2.38"));
    }
}
