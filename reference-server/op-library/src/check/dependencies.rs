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
    let python = runtime.python.as_deref().and_then(python_library_name);
    if python.as_deref() == Some(name) {
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
