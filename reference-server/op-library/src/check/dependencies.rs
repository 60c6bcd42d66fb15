//! Is every library found that it needs?

use std::path::Path;

use runtimes::{Catalog, CatalogEntry, Origin, Runtime, Size, python_library_name};

use crate::loader::MissingLink;
use crate::{Finding, FindingId, Severity};

/// A needed library is not where the dynamic loader looks.
pub(crate) fn missing(path: &Path, link: &MissingLink, runtime: &Runtime) -> Finding {
    let name = &link.name;
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
        remedy: remedy(name, runtime),
    }
}

/// Where the library `name` comes from.
fn remedy(name: &str, runtime: &Runtime) -> String {
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
    let others = catalog.of(runtime.name.framework);
    let other = others
        .filter(|entry| Some(*entry) != own)
        .find_map(|entry| Some((entry, entry.size_with(name)?)));
    if let Some((entry, size)) = other {
        return format!(
            "{} has it, so the library was probably built for that one: {}, or build it for {}",
            entry.name(),
            installation(entry, size),
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

/// The command that installs `entry` in `size`, with what it downloads.
fn installation(entry: &CatalogEntry, size: Size) -> String {
    let option = match size {
        Size::Small => "",
        Size::Full => " --full",
    };
    let mebibytes = entry.download_size(size).div_ceil(1 << 20);
    format!(
        "`harness setup --runtime {}{option}` installs it ({mebibytes} MiB to download)",
        entry.name()
    )
}
