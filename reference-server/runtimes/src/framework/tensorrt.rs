//! TensorRT: `libnvinfer.so.<version>`, or the lean runtime's `libnvinfer_lean.so.<version>`.

use std::path::{Path, PathBuf};

use super::cuda;
use super::place::{self, Search};
use crate::{Framework, LocateError, Origin, Runtime, RuntimeName, Size, Version};

/// The environment variable that names the folder of an SDK's headers.
pub const TENSORRT_INCLUDE_VARIABLE: &str = "TENSORRT_INCLUDE_DIR";

/// The header that every TensorRT SDK has.
const HEADER: &str = "NvInfer.h";

/// The distributions that hold `libnvinfer`. Others whose names begin alike (`tensorrt_llm`) have
/// versions of their own.
const DISTRIBUTIONS: [&str; 8] = [
    "tensorrt",
    "tensorrt_libs",
    "tensorrt_cu11",
    "tensorrt_cu11_libs",
    "tensorrt_cu12",
    "tensorrt_cu12_libs",
    "tensorrt_cu13",
    "tensorrt_cu13_libs",
];

/// Those that hold `libnvinfer_lean`.
const LEAN_DISTRIBUTIONS: [&str; 8] = [
    "tensorrt_lean",
    "tensorrt_lean_libs",
    "tensorrt_lean_cu11",
    "tensorrt_lean_cu11_libs",
    "tensorrt_lean_cu12",
    "tensorrt_lean_cu12_libs",
    "tensorrt_lean_cu13",
    "tensorrt_lean_cu13_libs",
];

const SEARCH: Search<'_> = Search {
    framework: Framework::TensorRt,
    folders: &[
        "",
        "lib",
        "lib64",
        "tensorrt",
        "tensorrt_libs",
        "tensorrt_lean_libs",
        "lib/x86_64-linux-gnu",
        "targets/x86_64-linux-gnu/lib",
    ],
    is_library: |name| {
        numbers(name).is_some_and(|numbers| numbers.is_empty() || numbers.starts_with('.'))
    },
    pattern: "libnvinfer.so.<version> or libnvinfer_lean.so.<version>",
};

/// Finds TensorRT at `path`: the library, the folder of a wheel, or the root of an SDK.
pub(crate) fn locate(path: &Path) -> Result<Runtime, LocateError> {
    let library = SEARCH.run(path)?;
    let folder = library.parent().unwrap_or(Path::new("/")).to_owned();
    let package_dir = place::package_dir(&library, &["lib", "lib64"]);
    let version = version(&library, &package_dir).ok_or_else(|| LocateError::NoVersion {
        path: library.clone(),
        evidence: "a tensorrt-<version>.dist-info beside its folder",
        example: "libnvinfer.so.8.6.0",
    })?;
    let site_packages = package_dir.parent().unwrap_or(Path::new("/"));
    let mut library_dirs = vec![folder];
    library_dirs.extend(cuda::library_dirs(site_packages));
    let has_builder = cuda::holds(&library_dirs[..1], "libnvinfer_builder_resource.so");
    Ok(Runtime {
        name: RuntimeName::new(Framework::TensorRt, version),
        main_library: library,
        library_dirs,
        origin: Origin::InPlace,
        size: if has_builder { Size::Full } else { Size::Small },
        include_dirs: include_dirs(&package_dir),
        bundled: Vec::new(),
        python: None,
        package_dir,
    })
}

/// The SDK's header folder: the one that [`TENSORRT_INCLUDE_VARIABLE`] names, or the SDK's own.
/// Wheels have none.
pub(crate) fn include_dirs(package_dir: &Path) -> Vec<PathBuf> {
    let named = std::env::var_os(TENSORRT_INCLUDE_VARIABLE).map(PathBuf::from);
    let folders = named.into_iter().chain([package_dir.join("include")]);
    let mut folders = place::holding(folders, HEADER);
    folders.truncate(1);
    folders
}

/// What stands behind `libnvinfer.so` or `libnvinfer_lean.so` in a file name.
fn numbers(file_name: &str) -> Option<&str> {
    let rest = file_name.strip_prefix("libnvinfer")?;
    rest.strip_prefix("_lean")
        .unwrap_or(rest)
        .strip_prefix(".so")
}

fn version(library: &Path, package_dir: &Path) -> Option<Version> {
    let name = library.file_name()?.to_str()?;
    let numbers = numbers(name)?;
    let distributions: &[&str] = if name.starts_with("libnvinfer_lean") {
        &LEAN_DISTRIBUTIONS
    } else {
        &DISTRIBUTIONS
    };
    let complete = |version: &Version| version.numbers().len() >= 3;
    place::leading_version(numbers.trim_start_matches('.'))
        .filter(complete)
        .or_else(|| place::version_of_distribution(package_dir.parent()?, distributions))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root(files: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let root = fs::canonicalize(folder.path()).expect("exists");
        for file in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders");
            fs::write(path, "").expect("a file");
        }
        (folder, root)
    }

    #[test]
    fn a_wheel_is_found_and_the_builder_makes_it_full() {
        let (_folder, root) = root(&["tensorrt/libnvinfer.so.8", "tensorrt-8.6.0.dist-info/WHEEL"]);
        let runtime = locate(&root).expect("found");
        assert_eq!(runtime.name.to_string(), "tensorrt-8.6.0");
        assert_eq!(runtime.size, Size::Small);
        assert_eq!(runtime.package_dir, root.join("tensorrt"));

        fs::write(
            root.join("tensorrt/libnvinfer_builder_resource.so.8.6.0"),
            "",
        )
        .expect("a file");
        assert_eq!(
            locate(&root.join("tensorrt")).expect("found").size,
            Size::Full
        );
    }

    #[test]
    fn an_sdk_is_found_with_its_headers() {
        let (_folder, root) = root(&[
            "lib/libnvinfer.so.10.16.1",
            "lib/libnvinfer_plugin.so.10.16.1",
            "include/NvInfer.h",
        ]);
        let runtime = locate(&root).expect("found");
        assert_eq!(runtime.name.to_string(), "tensorrt-10.16.1");
        assert_eq!(runtime.include_dirs, [root.join("include")]);
    }

    #[test]
    fn a_lean_runtime_is_one_and_a_plugin_library_is_none() {
        let (_folder, root) = root(&[
            "tensorrt_lean_libs/libnvinfer_lean.so.11",
            "tensorrt_lean_cu13_libs-11.4.0.25.dist-info/WHEEL",
        ]);
        let runtime = locate(&root).expect("found");
        assert_eq!(runtime.name.to_string(), "tensorrt-11.4.0.25");
        assert_eq!(numbers("libnvinfer_plugin.so.8"), None);
        assert_eq!(numbers("libnvinfer.so.8.6.0"), Some(".8.6.0"));
    }
}
