//! TensorFlow: `tensorflow/libtensorflow_cc.so.2`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::cuda;
use super::place::{self, Search};
use crate::{Framework, LocateError, Origin, Runtime, RuntimeName, Size, Version};

/// The library that a worker opens: kernels, sessions and the C API.
const LIBRARY: &str = "libtensorflow_cc.so.2";

/// The distributions that hold the library. Others whose names begin alike (`tensorflow_datasets`)
/// have versions of their own.
const DISTRIBUTIONS: [&str; 9] = [
    "tensorflow",
    "tensorflow_cpu",
    "tensorflow_gpu",
    "tensorflow_intel",
    "tensorflow_cpu_aws",
    "tensorflow_rocm",
    "intel_tensorflow",
    "tf_nightly",
    "tf_nightly_cpu",
];

/// Those of them that have no part for GPUs.
const CPU_DISTRIBUTIONS: [&str; 3] = ["tensorflow_cpu", "tensorflow_cpu_aws", "tf_nightly_cpu"];

const SEARCH: Search<'_> = Search {
    framework: Framework::TensorFlow,
    folders: &["", "tensorflow", "lib"],
    is_library: |name| {
        // Followed links end at the full name in an archive of the C library.
        name.strip_prefix("libtensorflow_cc.so.2")
            .or_else(|| name.strip_prefix("libtensorflow.so.2"))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    },
    pattern: LIBRARY,
};

/// Finds TensorFlow at `path`: the library, `site-packages`, or its `tensorflow`.
pub(crate) fn locate(path: &Path) -> Result<Runtime, LocateError> {
    let library = SEARCH.run(path)?;
    let package_dir = place::package_dir(&library, &["lib"]);
    let version = version(&library, &package_dir).ok_or_else(|| LocateError::NoVersion {
        path: library.clone(),
        evidence: "a tensorflow-<version>.dist-info beside its folder",
        example: "libtensorflow_cc.so.2.21.0",
    })?;
    let site_packages = package_dir.parent().unwrap_or(Path::new("/"));
    let mut library_dirs = vec![library.parent().unwrap_or(Path::new("/")).to_owned()];
    library_dirs.extend(cuda::library_dirs(site_packages));
    // The package of the CPU build has another name, and CUDA's packages may be there for others.
    let has_cuda = place::version_of_distribution(site_packages, &CPU_DISTRIBUTIONS).is_none()
        && ["libcublas.so.12", "libcublas.so.11"]
            .iter()
            .any(|library| cuda::holds(&library_dirs, library));
    Ok(Runtime {
        name: RuntimeName::new(Framework::TensorFlow, version),
        main_library: library,
        library_dirs,
        origin: Origin::InPlace,
        size: if has_cuda { Size::Full } else { Size::Small },
        include_dirs: include_dirs(&package_dir),
        bundled: Vec::new(),
        python: None,
        package_dir,
    })
}

/// The header folder, which holds what the headers include of others, too.
pub(crate) fn include_dirs(package_dir: &Path) -> Vec<PathBuf> {
    place::holding([package_dir.join("include")], "tensorflow")
}

/// What `tf.sysconfig.get_compile_flags()` answers for the wheels. The alignment is part of the
/// layout of tensors.
pub(crate) fn compile_arguments(_: &Runtime) -> Vec<OsString> {
    [
        "-std=c++17",
        "-D_GLIBCXX_USE_CXX11_ABI=1",
        "-DEIGEN_MAX_ALIGN_BYTES=64",
    ]
    .map(OsString::from)
    .to_vec()
}

fn version(library: &Path, package_dir: &Path) -> Option<Version> {
    let name = library.file_name()?.to_str()?;
    let (_, numbers) = name.split_once(".so.")?;
    let complete = |version: &Version| version.numbers().len() == 3;
    place::leading_version(numbers)
        .filter(complete)
        .or_else(|| place::version_of_distribution(package_dir.parent()?, &DISTRIBUTIONS))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_wheel_is_found_and_pips_record_tells_its_version() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let root = fs::canonicalize(folder.path()).expect("exists");
        fs::create_dir_all(root.join("tensorflow/include/tensorflow")).expect("folders");
        fs::write(root.join("tensorflow").join(LIBRARY), "").expect("a file");
        let message = locate(&root).unwrap_err().to_string();
        assert!(message.contains("dist-info"), "{message}");

        fs::create_dir(root.join("tensorflow_cpu-2.21.0.dist-info")).expect("a folder");
        fs::create_dir(root.join("tensorflow_datasets-4.9.9.dist-info")).expect("a folder");
        for given in ["", "tensorflow", "tensorflow/libtensorflow_cc.so.2"] {
            let runtime = locate(&root.join(given)).expect("found");
            assert_eq!(runtime.name.to_string(), "tensorflow-2.21.0");
            assert_eq!(runtime.include_dirs, [root.join("tensorflow/include")]);
        }
    }

    #[test]
    fn a_build_for_gpus_beside_cudas_packages_is_the_full_size() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let root = fs::canonicalize(folder.path()).expect("exists");
        let cublas = root.join("nvidia/cublas/lib");
        for path in ["tensorflow", "tensorflow-2.21.0.dist-info"] {
            fs::create_dir(root.join(path)).expect("a folder");
        }
        fs::write(root.join("tensorflow").join(LIBRARY), "").expect("a file");
        assert_eq!(locate(&root).expect("found").size, Size::Small);
        fs::create_dir_all(&cublas).expect("folders");
        fs::write(cublas.join("libcublas.so.12"), "").expect("a file");
        let runtime = locate(&root).expect("found");
        assert_eq!(runtime.size, Size::Full);
        assert!(runtime.library_dirs.contains(&cublas));

        let cpu = root.join("tensorflow_cpu-2.21.0.dist-info");
        fs::rename(root.join("tensorflow-2.21.0.dist-info"), cpu).expect("renamed");
        assert_eq!(locate(&root).expect("found").size, Size::Small);
    }

    #[test]
    fn an_archive_tells_its_version_in_the_file_name() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::create_dir(folder.path().join("lib")).expect("a folder");
        let library = folder.path().join("lib/libtensorflow.so.2.18.1");
        fs::write(library, "").expect("a file");
        let runtime = locate(folder.path()).expect("found");
        assert_eq!(runtime.name.to_string(), "tensorflow-2.18.1");
    }
}
