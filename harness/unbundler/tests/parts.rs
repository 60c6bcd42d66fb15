//! Bundles of made-up content, cut small, damaged and mixed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use unbundler::{BundleId, PartWriter, Parts, UnpackError, WriteError, beside, part_name, unpack};

/// More than a first part keeps free, so that there is room for content.
const LIMIT: u64 = 100_000;

/// The parts of a bundle with one file of `size` bytes that do not compress.
fn bundle(folder: &Path, mark: &str, size: usize) -> Vec<PathBuf> {
    let writer = PartWriter::create(folder, BundleId::of(mark), LIMIT, b"#!program").unwrap();
    let mut encoder = zstd::Encoder::new(writer, 1).unwrap();
    let mut archive = tar::Builder::new(&mut encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(size as u64);
    header.set_mode(0o755);
    archive
        .append_data(&mut header, "folder/file", content(size).as_slice())
        .unwrap();
    archive.finish().unwrap();
    drop(archive);
    encoder.flush().unwrap();
    encoder.finish().unwrap().finish(None, size as u64).unwrap()
}

fn content(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

fn problem(files: &[PathBuf]) -> String {
    Parts::find(files).unwrap_err().to_string()
}

#[test]
fn what_was_cut_is_put_together_again() {
    let folder = tempfile::tempdir().unwrap();
    let files = bundle(folder.path(), "a", 350_000);
    assert_eq!(files.len(), 5, "{files:?}");
    for file in &files {
        assert!(fs::metadata(file).unwrap().len() <= LIMIT);
    }
    assert_eq!(beside(&files[0]).unwrap(), files);
    // The order in which they are named does not matter.
    let reversed: Vec<PathBuf> = files.iter().rev().cloned().collect();
    let out = folder.path().join("out");
    let unpacked = unpack(&Parts::find(&reversed).unwrap(), &out).unwrap();
    assert_eq!((unpacked.entries, unpacked.bytes), (1, 350_000));
    assert!(fs::read(out.join("folder/file")).unwrap() == content(350_000));
}

#[test]
fn a_part_that_is_missing_damaged_or_short_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = bundle(folder.path(), "a", 350_000);
    let mut bytes = fs::read(&files[1]).unwrap();
    bytes[5_000] ^= 1;
    fs::write(&files[1], &bytes).unwrap();
    fs::write(&files[2], &fs::read(&files[2]).unwrap()[..50_000]).unwrap();
    fs::remove_file(&files[3]).unwrap();
    let text = problem(&beside(&files[0]).unwrap());
    for part in [
        "part-001' is damaged: its content",
        "part-002' is damaged: it is 50000 bytes long instead of 100000",
        "part-003 is missing",
        "copy them again",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("part-004"), "{text}");

    bytes.fill(0);
    fs::write(&files[1], &bytes).unwrap();
    let text = problem(&beside(&files[0]).unwrap());
    assert!(
        text.contains("part-001' is damaged: it does not begin"),
        "{text}"
    );
}

#[test]
fn damage_anywhere_in_the_first_part_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = bundle(folder.path(), "a", 350_000);
    let whole = fs::read(&files[0]).unwrap();
    for at in [
        0,
        20,
        1_000,
        whole.len() - 300,
        whole.len() - 60,
        whole.len() - 1,
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&files[0], &bytes).unwrap();
        let text = problem(&files);
        assert!(text.contains("part-000"), "at {at}: {text}");
    }
    fs::write(&files[0], &whole[..whole.len() - 1]).unwrap();
    let text = problem(&files);
    assert!(text.contains("lost its end"), "{text}");
}

#[test]
fn a_part_of_another_bundle_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let files = bundle(&one, "one", 350_000);
    bundle(&other, "other", 350_000);
    fs::copy(other.join(part_name(2)), &files[2]).unwrap();
    let text = problem(&files);
    let mark = BundleId::of("other").to_string();
    assert!(text.contains("part-002' is of another bundle"), "{text}");
    assert!(text.contains(&mark) && !text.contains("part-001"), "{text}");
}

#[test]
fn a_folder_that_holds_a_bundle_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let files = bundle(folder.path(), "a", 1_000);
    let again = PartWriter::create(folder.path(), BundleId::of("b"), LIMIT, b"");
    assert!(
        matches!(again, Err(WriteError::Occupied { .. })),
        "{again:?}"
    );
    fs::write(folder.path().join(unbundler::MANIFEST), "").unwrap();
    let error = unpack(&Parts::find(&files).unwrap(), folder.path()).unwrap_err();
    assert!(matches!(error, UnpackError::Occupied { .. }), "{error}");
}

#[test]
fn a_part_that_cannot_hold_the_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = PartWriter::create(folder.path(), BundleId::of("a"), 1_000, b"program");
    let text = error.unwrap_err().to_string();
    assert!(text.contains("--split of at least"), "{text}");
}
