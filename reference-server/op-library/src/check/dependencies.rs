//! Is every library found that it needs?

use runtimes::{
    Catalog, CatalogEntry, Framework, Origin, Runtime, RuntimeName, Size, python_library_name,
};

use crate::loader::MissingLink;
use crate::{Finding, FindingId, OpLibrary, PyTorchRelease, Severity};

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
    let releases = library.pytorch_releases();
    let is_catalogued = with_it.peek().is_some();
    if let Some(entry) = with_it.find(|entry| may_fit(releases, entry.name())) {
        return format!(
            "{} has it, so the library was probably built for that one: use that runtime ({}), or \
             build the library for {}",
            entry.name(),
            installation(entry, library.size_for(entry)),
            runtime.name
        );
    }
    if is_catalogued {
        let built_for: Vec<String> = releases.iter().map(ToString::to_string).collect();
        return format!(
            "it was built for PyTorch {} and another CUDA than that of {}, and no runtime of the \
             catalogue has both: give an installation of it with --runtime, or use a build of the \
             library for {}",
            built_for.join(" or "),
            runtime.name,
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

/// Whether a library that was built for one of `releases`, if they are known, can be for `runtime`.
fn may_fit(releases: &[PyTorchRelease], runtime: RuntimeName) -> bool {
    runtime.framework != Framework::PyTorch
        || releases.is_empty()
        || releases.iter().any(|release| release.is_of(runtime))
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
