//! ONNX Runtime: `libonnxruntime.so.<version>`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{cuda, find};
use crate::{Framework, LocateError, Origin, Runtime, RuntimeName, Size, Version};

const FRAMEWORK: Framework = Framework::OnnxRuntime;
const LIBRARY: &str = "libonnxruntime.so";
const PATTERN: &str = "libonnxruntime.so.<version>, libonnxruntime.so.1 or libonnxruntime.so";

/// The part that needs a GPU.
const CUDA_PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// Folders below the given one that hold the library: in a wheel, beside it, in an SDK archive.
const FOLDERS: [&str; 5] = ["", "capi", "onnxruntime/capi", "lib", "lib64"];

/// The function that every ONNX Runtime exports and clients start from.
const ENTRY: &[u8] = b"\0OrtGetApiBase\0";

/// Official builds export their symbols under the version `VERS_<version>`.
const SYMBOL_VERSION: &[u8] = b"\0VERS_";

/// The level of the C interface that `OrtApiBase::GetApi` offers at most: release 1.N raises
/// `ORT_API_VERSION` to N, and every release offers all levels before its own.
pub(crate) const fn api_level(version: &Version) -> Option<u32> {
    if version.major() == 1 {
        Some(version.minor())
    } else {
        None
    }
}

/// Finds ONNX Runtime at `path`, a library or a folder.
pub(crate) fn locate(path: &Path) -> Result<Runtime, LocateError> {
    let unreadable = |path: &Path, source| LocateError::Unreadable {
        framework: FRAMEWORK,
        path: path.to_owned(),
        source,
    };
    let given = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
    let library = if given.is_dir() {
        search(&given)?
    } else {
        given
    };
    let evidence = Evidence::read(&library).map_err(|source| unreadable(&library, source))?;
    if !evidence.has_entry {
        return Err(LocateError::NotThisFramework {
            framework: FRAMEWORK,
            path: library,
            reason: "the file does not hold the name OrtGetApiBase",
        });
    }
    let version = version_in_file_name(&library)
        .or(evidence.version)
        .ok_or_else(|| LocateError::NoVersion {
            path: library.clone(),
            evidence: "a symbol version VERS_<version> in the file",
            example: "libonnxruntime.so.1.32.0",
        })?;
    let folder = library.parent().unwrap_or(Path::new("/")).to_owned();
    let in_package = ["capi", "lib", "lib64"]
        .iter()
        .any(|name| folder.ends_with(name));
    let package_dir = match folder.parent() {
        Some(parent) if in_package => parent.to_owned(),
        _ => folder.clone(),
    };
    let mut library_dirs = vec![folder];
    if let Some(site_packages) = package_dir.parent() {
        library_dirs.extend(cuda::library_dirs(site_packages));
    }
    let has_cuda = cuda::holds(&library_dirs[..1], CUDA_PROVIDER)
        && cuda::holds(&library_dirs, "libcublas.so");
    Ok(Runtime {
        name: RuntimeName::new(FRAMEWORK, version),
        main_library: library,
        library_dirs,
        package_dir,
        origin: Origin::InPlace,
        size: if has_cuda { Size::Full } else { Size::Small },
        include_dirs: Vec::new(),
        bundled: Vec::new(),
        python: None,
    })
}

/// The library in `folder` or in one of the usual folders below it. Where one folder holds several,
/// the highest version wins, and a name with a version wins over a name without.
fn search(folder: &Path) -> Result<PathBuf, LocateError> {
    let searched: Vec<PathBuf> = FOLDERS.iter().map(|below| folder.join(below)).collect();
    for folder in &searched {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        let best = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| is_library_name(path))
            .filter_map(|path| fs::canonicalize(path).ok())
            .filter(|path| path.is_file())
            .max_by_key(|path| (version_in_file_name(path), path.clone()));
        if let Some(library) = best {
            return Ok(library);
        }
    }
    Err(LocateError::NotFound {
        framework: FRAMEWORK,
        path: folder.to_owned(),
        pattern: PATTERN,
        searched,
    })
}

fn is_library_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.strip_prefix(LIBRARY))
        .is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix('.')
                    .is_some_and(|version| version.parse::<Version>().is_ok())
        })
}

/// The version behind `libonnxruntime.so.`, where it is a full one: `.so.1` is a compatibility
/// name, not a version.
fn version_in_file_name(path: &Path) -> Option<Version> {
    path.file_name()?
        .to_str()?
        .strip_prefix(LIBRARY)?
        .strip_prefix('.')?
        .parse()
        .ok()
        .filter(|version: &Version| version.numbers().len() >= 2)
}

/// What a look into the file tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Evidence {
    has_entry: bool,
    version: Option<Version>,
}

impl Evidence {
    fn read(path: &Path) -> io::Result<Self> {
        Self::scan(File::open(path)?)
    }

    /// Scans in blocks that overlap by more than the longest text looked for.
    fn scan(mut input: impl Read) -> io::Result<Self> {
        const BLOCK: usize = 1 << 20;
        const OVERLAP: usize = 64;
        let mut found = Self::default();
        let mut window = Vec::with_capacity(BLOCK + OVERLAP);
        loop {
            let read = input.by_ref().take(BLOCK as u64).read_to_end(&mut window)?;
            found.has_entry |= find(&window, ENTRY).is_some();
            found.version = found.version.or_else(|| version_in(&window));
            let complete = found.has_entry && found.version.is_some();
            if read == 0 || complete {
                return Ok(found);
            }
            window.drain(..window.len().saturating_sub(OVERLAP));
        }
    }
}

fn version_in(window: &[u8]) -> Option<Version> {
    let start = find(window, SYMBOL_VERSION)? + SYMBOL_VERSION.len();
    let rest = &window[start..];
    let text = &rest[..rest.iter().position(|byte| *byte == 0)?];
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    const CONTENT: &[u8] = b"\x7fELF..\0OrtGetApiBase\0VERS_1.24.2\0..";

    /// A folder with a file at each of `files`.
    fn folder(files: &[&str]) -> TempDir {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders");
            fs::write(path, CONTENT).expect("a file");
        }
        folder
    }

    #[test]
    fn finds_the_library_from_every_folder_of_a_wheel() {
        let wheel = folder(&["onnxruntime/capi/libonnxruntime.so.1.27.0"]);
        let root = fs::canonicalize(wheel.path()).expect("exists");
        for given in [
            "",
            "onnxruntime",
            "onnxruntime/capi",
            "onnxruntime/capi/libonnxruntime.so.1.27.0",
        ] {
            let runtime = locate(&root.join(given)).expect("found");
            assert_eq!(runtime.name.to_string(), "onnxruntime-1.27.0");
            assert_eq!(runtime.package_dir, root.join("onnxruntime"));
            assert_eq!(runtime.library_dirs, [root.join("onnxruntime/capi")]);
            assert_eq!(runtime.origin, Origin::InPlace);
        }
    }

    #[test]
    fn cuda_libraries_of_other_packages_belong_to_it() {
        let wheel = folder(&[
            "onnxruntime/capi/libonnxruntime.so.1.31.1",
            "onnxruntime/capi/libonnxruntime_providers_cuda.so",
            "nvidia/cudnn/lib/libcudnn.so.9",
        ]);
        let root = fs::canonicalize(wheel.path()).expect("exists");
        let runtime = locate(&root).expect("found");
        let cudnn = root.join("nvidia/cudnn/lib");
        assert_eq!(runtime.library_dirs, [root.join("onnxruntime/capi"), cudnn]);
        assert_eq!(runtime.size, Size::Small);
        fs::create_dir_all(root.join("nvidia/cu13/lib")).expect("a folder");
        fs::write(root.join("nvidia/cu13/lib/libcublas.so.13"), "").expect("a file");
        assert_eq!(locate(&root).expect("found").size, Size::Full);
    }

    #[test]
    fn follows_the_links_of_an_sdk() {
        let sdk = folder(&["lib/libonnxruntime.so.1.30.1"]);
        let lib = fs::canonicalize(sdk.path()).expect("exists").join("lib");
        symlink("libonnxruntime.so.1.30.1", lib.join("libonnxruntime.so.1")).expect("a link");
        symlink("libonnxruntime.so.1", lib.join("libonnxruntime.so")).expect("a link");
        for given in [sdk.path().to_owned(), lib.join("libonnxruntime.so")] {
            let runtime = locate(&given).expect("found");
            assert_eq!(runtime.main_library, lib.join("libonnxruntime.so.1.30.1"));
            assert_eq!(runtime.name.to_string(), "onnxruntime-1.30.1");
        }
    }

    #[test]
    fn a_name_without_version_is_answered_by_the_symbol_version() {
        let sdk = folder(&["libonnxruntime.so.1", "renamed.so"]);
        for given in ["libonnxruntime.so.1", "renamed.so"] {
            let runtime = locate(&sdk.path().join(given)).expect("found");
            assert_eq!(runtime.name.to_string(), "onnxruntime-1.24.2");
        }
    }

    #[test]
    fn the_highest_version_of_a_folder_wins() {
        let sdk = folder(&[
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.27.0",
            "libonnxruntime.so.1",
        ]);
        let runtime = locate(sdk.path()).expect("found");
        assert_eq!(runtime.name.to_string(), "onnxruntime-1.27.0");
    }

    #[test]
    fn errors_say_what_was_looked_for_and_where() {
        let empty = folder(&[
            "libonnxruntime_providers_shared.so",
            "notes/libonnxruntime.so",
        ]);
        let message = locate(empty.path()).unwrap_err().to_string();
        assert!(message.contains("libonnxruntime.so.<version>"), "{message}");
        assert!(message.contains("/capi'"), "{message}");

        let message = locate(&empty.path().join("absent"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("absent': No such file"), "{message}");

        let other = folder(&[]);
        fs::write(other.path().join("libonnxruntime.so.1"), b"a text").expect("a file");
        let message = locate(other.path()).unwrap_err().to_string();
        assert!(message.contains("is not ONNX Runtime"), "{message}");

        fs::write(
            other.path().join("libonnxruntime.so.1"),
            b"\0OrtGetApiBase\0",
        )
        .expect("a file");
        let message = locate(other.path()).unwrap_err().to_string();
        assert!(message.contains("failed to tell the version"), "{message}");
    }

    proptest! {
        // Each case scans a megabyte.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn evidence_is_found_wherever_blocks_end(padding in 1_048_500_usize..1_048_600) {
            let mut content = vec![b'x'; padding];
            content.extend_from_slice(CONTENT);
            let found = Evidence::scan(content.as_slice()).unwrap();
            prop_assert_eq!(found, Evidence { has_entry: true, version: Some(Version::new(1, 24, 2)) });
        }
    }
}
