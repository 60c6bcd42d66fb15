//! Writing a bundle.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

use tar::{EntryType, Header};
use unbundler::{BundleId, CLibraryVersion, MANIFEST, PartWriter};

use super::contents::{CACHE, Source};
use super::{BundleError, Contents, Manifest};

/// How hard zstd tries: libraries come down to a third with it, at some 100 MB/s on two cores; what
/// higher levels save is a tenth of that, in several times as long.
const LEVEL: i32 = 5;

/// The list of what is ready-made, in the cache.
const PREBUILT: &str = "prebuilt.toml";

/// A bundle that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its parts, in order.
    pub parts: Vec<PathBuf>,
    /// Bytes of the parts.
    pub bytes: u64,
    /// Bytes of the files in it.
    pub unpacked: u64,
}

/// Writes `contents` and `manifest` into `folder`, in parts of at most `split` bytes, with `program` at
/// the head of the first. `progress` gets the path of each file before it is packed.
///
/// # Errors
/// A file cannot be read, or a part not be written.
pub fn pack(
    contents: &Contents,
    manifest: &Manifest,
    program: &[u8],
    folder: &Path,
    split: u64,
    mut progress: impl FnMut(&Path),
) -> Result<Packed, BundleError> {
    let text = serde_json::to_string_pretty(manifest).map_err(|error| BundleError::Manifest {
        path: MANIFEST.into(),
        reason: error.to_string(),
    })?;
    let bundle = BundleId::of(&format!("{text}\n{}", contents.description()));
    let parts = PartWriter::create(folder, bundle, split, program)?;
    let mut encoder = zstd::Encoder::new(parts, LEVEL).map_err(BundleError::Archive)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    encoder
        .multithread(u32::try_from(threads).unwrap_or(1))
        .map_err(BundleError::Archive)?;
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    let mut unpacked = 0;
    for (path, source) in contents.entries() {
        progress(path);
        unpacked += append(&mut archive, path, source)?;
    }
    let scratch = tempfile::tempdir().map_err(BundleError::Archive)?;
    contents.prebuilt().write(scratch.path())?;
    let list = fs::read(scratch.path().join(PREBUILT)).map_err(BundleError::Archive)?;
    append_text(&mut archive, &Path::new(CACHE).join(PREBUILT), &list)?;
    append_text(&mut archive, Path::new(MANIFEST), text.as_bytes())?;
    let encoder = archive.into_inner().map_err(BundleError::Archive)?;
    let parts = encoder.finish().map_err(BundleError::Archive)?;
    let c_library = manifest.c_library.as_ref();
    let c_library = c_library.and_then(|needed| CLibraryVersion::parse(&needed.version));
    let parts = parts.finish(c_library, unpacked)?;
    let lengths = parts.iter().map(fs::metadata);
    let bytes = lengths.map(|data| data.map_or(0, |data| data.len())).sum();
    Ok(Packed {
        parts,
        bytes,
        unpacked,
    })
}

/// Appends one entry; returns its bytes.
fn append(
    archive: &mut tar::Builder<impl Write>,
    path: &Path,
    source: &Source,
) -> Result<u64, BundleError> {
    let file = match source {
        Source::Folder => {
            let mut header = Header::new_gnu();
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            archive
                .append_data(&mut header, path, io::empty())
                .map_err(BundleError::Archive)?;
            return Ok(0);
        }
        Source::File(file) => file,
    };
    let failed = |source| BundleError::Pack {
        path: file.clone(),
        source,
    };
    archive.append_path_with_name(file, path).map_err(failed)?;
    let data = fs::symlink_metadata(file).map_err(failed)?;
    Ok(if data.is_file() { data.len() } else { 0 })
}

fn append_text(
    archive: &mut tar::Builder<impl Write>,
    path: &Path,
    text: &[u8],
) -> Result<(), BundleError> {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(text.len() as u64);
    archive
        .append_data(&mut header, path, text)
        .map_err(BundleError::Archive)
}
