//! PyTorch: `torch/lib/libtorch_cpu.so`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::place::{self, Search};
use super::{cuda, find};
use crate::{Framework, LocateError, Origin, Runtime, RuntimeName, Size, Version};

/// The library that a worker opens: the dispatcher and all CPU kernels.
const LIBRARY: &str = "libtorch_cpu.so";

/// The library of the base types, which tells the C++ ABI of all others.
const BASE_LIBRARY: &str = "libc10.so";

const SEARCH: Search<'_> = Search {
    framework: Framework::PyTorch,
    folders: &["lib", "torch/lib", ""],
    is_library: |name| name == LIBRARY,
    pattern: LIBRARY,
};

/// Finds PyTorch at `path`: the library, `site-packages`, its `torch`, or a libtorch archive.
pub(crate) fn locate(path: &Path) -> Result<Runtime, LocateError> {
    let library = SEARCH.run(path)?;
    let package_dir = place::package_dir(&library, &["lib"]);
    let version = version(&package_dir).ok_or_else(|| LocateError::NoVersion {
        path: library.clone(),
        evidence: "version.py, build-version or a torch-<version>.dist-info beside it",
        example: "the torch folder of an installed wheel",
    })?;
    let site_packages = package_dir.parent().unwrap_or(Path::new("/"));
    let mut library_dirs = vec![library.parent().unwrap_or(Path::new("/")).to_owned()];
    library_dirs.extend(cuda::library_dirs(site_packages));
    let has_cuda = cuda::holds(&library_dirs[..1], "libtorch_cuda.so")
        && cuda::holds(&library_dirs, "libcublas.so");
    Ok(Runtime {
        name: RuntimeName::new(Framework::PyTorch, version),
        main_library: library,
        library_dirs,
        origin: Origin::InPlace,
        size: if has_cuda { Size::Full } else { Size::Small },
        include_dirs: include_dirs(&package_dir),
        bundled: bundled(&package_dir),
        python: place::python_tag(&package_dir),
        package_dir,
    })
}

/// The header folders: ATen and c10, and the C++ frontend's `torch/torch.h`.
pub(crate) fn include_dirs(package_dir: &Path) -> Vec<PathBuf> {
    let include = package_dir.join("include");
    let frontend = include.join("torch/csrc/api/include");
    [include, frontend]
        .into_iter()
        .filter(|folder| folder.join("torch").is_dir())
        .collect()
}

/// TorchVision's operators, where its package is installed beside PyTorch's.
pub(crate) fn bundled(package_dir: &Path) -> Vec<PathBuf> {
    let vision = package_dir.with_file_name("torchvision").join("_C.so");
    vision.is_file().then_some(vision).into_iter().collect()
}

/// Language standard and ABI. Wheels before 2.6 have `std::string` of before GCC 5; the macro does
/// not tell in the headers, the symbols of the libraries do.
pub(crate) fn compile_arguments(runtime: &Runtime) -> Vec<OsString> {
    let folder = runtime.main_library.parent().unwrap_or(Path::new("/"));
    let base = fs::read(folder.join(BASE_LIBRARY)).unwrap_or_default();
    let is_old = !base.is_empty() && find(&base, b"__cxx1112basic_string").is_none();
    vec![
        "-std=c++17".into(),
        format!("-D_GLIBCXX_USE_CXX11_ABI={}", u8::from(!is_old)).into(),
    ]
}

/// `__version__` of `torch/version.py`, the `build-version` of a libtorch archive, or pip's record.
fn version(package_dir: &Path) -> Option<Version> {
    let python = fs::read_to_string(package_dir.join("version.py")).ok();
    let python = python.as_deref().and_then(version_in_python);
    let archive = || {
        let text = fs::read_to_string(package_dir.join("build-version")).ok()?;
        place::leading_version(&text)
    };
    let distribution = || place::version_of_distribution(package_dir.parent()?, &["torch"]);
    python.or_else(archive).or_else(distribution)
}

fn version_in_python(text: &str) -> Option<Version> {
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    let quote = line.find(['\'', '"'])?;
    place::leading_version(&line[quote + 1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    /// A folder with a file at each of `files`, which hold what stands behind them.
    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for (file, content) in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("inside the folder")).expect("folders");
            fs::write(path, content).expect("a file");
        }
        folder
    }

    const WHEEL: [(&str, &str); 4] = [
        ("torch/lib/libtorch_cpu.so", ""),
        (
            "torch/lib/libc10.so",
            "\0_ZN3c105ErrorERKNSt7__cxx1112basic_stringE\0",
        ),
        (
            "torch/version.py",
            "from typing import Optional\n__version__ = '2.11.0+cu130'\n",
        ),
        ("torch/include/torch/csrc/api/include/torch/torch.h", ""),
    ];

    #[test]
    fn a_wheel_is_found_from_each_of_its_folders() {
        let wheel = folder(&WHEEL);
        let root = fs::canonicalize(wheel.path()).expect("exists");
        for given in ["", "torch", "torch/lib", "torch/lib/libtorch_cpu.so"] {
            let runtime = locate(&root.join(given)).expect("found");
            assert_eq!(runtime.name.to_string(), "pytorch-2.11.0");
            assert_eq!(runtime.package_dir, root.join("torch"));
            assert_eq!(runtime.size, Size::Small);
            assert!(runtime.bundled.is_empty());
            assert_eq!(
                runtime.include_dirs,
                [
                    root.join("torch/include"),
                    root.join("torch/include/torch/csrc/api/include")
                ]
            );
            let arguments = compile_arguments(&runtime);
            assert!(arguments.contains(&"-D_GLIBCXX_USE_CXX11_ABI=1".into()));
        }
    }

    #[test]
    fn cuda_packages_make_it_full_and_torchvision_is_bundled() {
        let mut files = WHEEL.to_vec();
        files.push(("torch/lib/libtorch_cuda.so", ""));
        files.push(("torchvision/_C.so", ""));
        let site_packages = folder(&files);
        let root = fs::canonicalize(site_packages.path()).expect("exists");
        let runtime = locate(&root).expect("found");
        assert_eq!(runtime.size, Size::Small, "no cuBLAS");
        assert_eq!(runtime.bundled, [root.join("torchvision/_C.so")]);

        fs::create_dir_all(root.join("nvidia/cu13/lib")).expect("folders");
        fs::write(root.join("nvidia/cu13/lib/libcublas.so.13"), "").expect("a file");
        let runtime = locate(&root).expect("found");
        assert_eq!(runtime.size, Size::Full);
        assert_eq!(
            runtime.library_dirs,
            [root.join("torch/lib"), root.join("nvidia/cu13/lib")]
        );
    }

    #[test]
    fn an_archive_tells_its_version_and_its_old_abi() {
        let archive = folder(&[
            ("lib/libtorch_cpu.so", ""),
            ("lib/libc10.so", "\0_ZN3c105ErrorERKSs\0"),
            ("build-version", "2.4.1+cpu\n"),
        ]);
        let runtime = locate(archive.path()).expect("found");
        assert_eq!(runtime.name.to_string(), "pytorch-2.4.1");
        let arguments = compile_arguments(&runtime);
        assert!(arguments.contains(&"-D_GLIBCXX_USE_CXX11_ABI=0".into()));
    }

    #[test]
    fn errors_say_what_was_looked_for() {
        let empty = folder(&[("notes.txt", "")]);
        let message = locate(empty.path()).unwrap_err().to_string();
        assert!(message.contains("looked for libtorch_cpu.so"), "{message}");
        let anonymous = folder(&[("lib/libtorch_cpu.so", "")]);
        let message = locate(anonymous.path()).unwrap_err().to_string();
        assert!(message.contains("version.py"), "{message}");
    }

    proptest! {
        #[test]
        fn any_version_file_is_read_or_refused(text in "(__version__ ?= ?'?)?\\PC{0,20}") {
            let _ = version_in_python(&text);
        }
    }
}
