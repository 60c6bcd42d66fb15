//! Is every library found that it needs?

use runtimes::{
    Catalog, CatalogEntry, Framework, Origin, Runtime, RuntimeName, Size, python_library_name,
};

use crate::loader::MissingLink;
use crate::{Finding, FindingId, OpLibrary, Severity};

/// A needed library is not where the dynamic loader looks.
pub(crate) fn missing(library: &OpLibrary, link: &MissingLink, runtime: &Runtime) -> Finding {
    let name = &link.name;
    let path = library.path.as_path();
    let through = if link.needed_by == path {
        String::new()
    } else {
        format!(" through '{}'", link.needed_by.display())
    };
    let passed_over: String = link
        .passed_over
        .iter()
        .map(|(file, architecture)| match architecture {
            Some(architecture) => format!(
                "; '{}' is built for another architecture ({architecture})",
                file.display()
            ),
            None => format!("; '{}' is not a usable shared library", file.display()),
        })
        .collect();
    Finding {
        severity: Severity::Error,
        id: FindingId::MissingDependency,
        message: format!(
            "'{}' needs the library {name}{through}, which is not found{passed_over}",
            path.display()
        ),
        remedy: remedy(name, library, runtime),
    }
}

/// Where the library `name` comes from, which `library` needs.
fn remedy(name: &str, library: &OpLibrary, runtime: &Runtime) -> String {
    let catalog = Catalog::builtin();
    let own = catalog.get(&runtime.name);
    if let Some(entry) = own
        && runtime.size == Size::Small
        && entry.size_with(name) == Some(Size::Full)
    {
        let instead = match runtime.origin {
            Origin::Cache => String::new(),
            Origin::InPlace => format!(
                " in the cache, or install the CUDA packages of the {} in '{}'",
                runtime.name,
                runtime.package_dir.display()
            ),
        };
        return format!(
            "the full size of {} has it: {}{instead}",
            runtime.name,
            installation(entry, Size::Full)
        );
    }
    let mut with_it = catalog
        .of(runtime.name.framework)
        .filter(|entry| Some(*entry) != own && entry.size_with(name).is_some())
        .peekable();
    let is_catalogued = with_it.peek().is_some();
    if let Some(entry) = with_it.find(|entry| may_fit(library, entry.name())) {
        return format!(
            "{} has it, so the library was probably built for that one: use that runtime ({}), or \
             build the library for {}",
            entry.name(),
            installation(entry, library.size_for(entry)),
            runtime.name
        );
    }
    if is_catalogued {
        return format!(
            "the runtimes of the catalogue that have it are of releases that the library is not for: \
             give an installation of the release that it was built for with --runtime, or use a build \
             of the library for {}",
            runtime.name
        );
    }
    let beside = library.path.with_file_name(name);
    if beside.is_file() {
        return format!(
            "'{}' is there, where the loader does not look: link the library with \
             -Wl,-rpath,'$ORIGIN', or name the folder in LD_LIBRARY_PATH when the server is started",
            beside.display()
        );
    }
    if runtime.name.framework == Framework::TensorRt && name.starts_with("libnvinfer") {
        return format!(
            "{} is installed as its lean runtime, which runs plans and has no {name}: give the \
             libraries of a whole TensorRT of that version with --runtime, or link against the lean \
             runtime",
            runtime.name
        );
    }
    if let Some(origin) = of_other_software(name) {
        return origin.to_owned();
    }
    let python = runtime.python.as_deref().and_then(python_library_name);
    if python.as_deref() == Some(name) || name.starts_with("libpython") {
        let package = name.split(".so").next().unwrap_or(name);
        return format!(
            "install the shared library of that Python (Debian and Ubuntu: apt-get install {package})"
        );
    }
    format!(
        "install the package that holds {name}, or put it beside the library that needs it and \
         link that one with -Wl,-rpath,'$ORIGIN'"
    )
}

/// Libraries, by the beginnings of their names, that come with something else than a package of the
/// framework, and what to do then.
const OTHER_SOFTWARE: [(&[&str], &str); 5] = [
    (
        &[
            "libcuda.so",
            "libnvidia-ml.so",
            "libnvcuvid.so",
            "libnvidia-encode.so",
        ],
        "install the NVIDIA driver, which it is a part of; on a machine without an NVIDIA GPU use a \
         build of the library for the CPU",
    ),
    (
        &["libtorch_hip.so", "libc10_hip.so", "libamdhip64.so"],
        "the library was built for PyTorch's ROCm packages: give such an installation with --runtime, \
         or use a build of the library for this PyTorch",
    ),
    (
        &["libtorch_xpu.so", "libc10_xpu.so"],
        "the library was built for PyTorch's packages for Intel GPUs: give such an installation with \
         --runtime, or use a build of the library for this PyTorch",
    ),
    (
        &["libtorch_npu.so"],
        "the library extends the package torch-npu: use a build of the library for this PyTorch",
    ),
    (
        &["libtensorflow_framework.so.1"],
        "the library was built for TensorFlow 1: build it for TensorFlow 2",
    ),
];

fn of_other_software(name: &str) -> Option<&'static str> {
    // TensorFlow before 1.14 has no number in that name.
    if name == "libtensorflow_framework.so" {
        return of_other_software("libtensorflow_framework.so.1");
    }
    OTHER_SOFTWARE
        .into_iter()
        .find(|(names, _)| names.iter().any(|start| name.starts_with(start)))
        .map(|(_, remedy)| remedy)
}

/// Whether what the library and its package tell about the release allows `runtime`.
fn may_fit(library: &OpLibrary, runtime: RuntimeName) -> bool {
    let releases = library.pytorch_releases();
    let was_built_for_it =
        releases.is_empty() || releases.iter().any(|release| release.is_of(runtime));
    let package = library.package.as_ref();
    (runtime.framework != Framework::PyTorch || was_built_for_it)
        && package.is_none_or(|package| package.advice(runtime).is_none())
}

/// The command that installs `entry` in `size`, with what it downloads.
fn installation(entry: &CatalogEntry, size: Size) -> String {
    let option = match size {
        Size::Small => "",
        Size::Full => " --full",
    };
    let mebibytes = entry.download_size(size).div_ceil(1 << 20);
    format!(
        "`cargo harness setup --runtime {}{option}` installs it where it is missing, {mebibytes} MiB to \
         download",
        entry.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_other_software_is_told() {
        let cases = [
            ("libcuda.so.1", "driver"),
            ("libtorch_hip.so", "ROCm"),
            ("libtensorflow_framework.so", "TensorFlow 1"),
            ("libtensorflow_framework.so.1", "TensorFlow 1"),
        ];
        for (name, part) in cases {
            assert!(
                of_other_software(name).is_some_and(|remedy| remedy.contains(part)),
                "{name}"
            );
        }
        for name in [
            "libcudart.so.12",
            "libtensorflow_framework.so.2",
            "libpng16.so.16",
        ] {
            assert_eq!(of_other_software(name), None, "{name}");
        }
    }
}
