//! Is every symbol defined that it uses?

use std::path::Path;

use crate::elf::{Image, Reference};
use crate::framework::belongs_to;
use crate::framework::onnxruntime::API_BASE;
use crate::loader::{Object, Scope, is_python_symbol, system_library};
use crate::symbol_name::{demangle, without_parameters};
use crate::{Finding, FindingId, Severity};

/// Libraries of the system that people forget to link, with the option that links them.
const OFTEN_FORGOTTEN: [(&str, &str); 6] = [
    ("libstdc++.so.6", "-lstdc++ (link with c++ instead of cc)"),
    ("libm.so.6", "-lm"),
    ("libgomp.so.1", "-fopenmp"),
    ("libpthread.so.0", "-pthread"),
    ("libdl.so.2", "-ldl"),
    ("libgcc_s.so.1", "-lgcc_s"),
];

/// A symbol of the library, or of something that came with it, is defined nowhere. Workers open op
/// libraries with `RTLD_NOW`, so each of them has to be defined at once.
pub(crate) fn check(path: &Path, scope: &Scope) -> Vec<Finding> {
    scope
        .newcomers()
        .filter_map(|object| check_object(path, object, scope))
        .collect()
}

/// One finding for an object: it names the first undefined symbol and counts the others.
fn check_object(path: &Path, object: &Object, scope: &Scope) -> Option<Finding> {
    let undefined: Vec<Reference<'_>> = object
        .image
        .symbols
        .references()
        .filter(|reference| !reference.weak && !is_defined(reference, scope))
        .collect();
    // A Python that is there does not help where something else is missing too.
    let first = undefined
        .iter()
        .find(|reference| !is_python_symbol(reference.name))
        .or_else(|| undefined.first())?;
    let others = match undefined.len() - 1 {
        0 => String::new(),
        1 => " (and one other)".to_owned(),
        more => format!(" (and {more} others)"),
    };
    let version = first
        .version
        .map_or_else(String::new, |version| format!(", version {version}"));
    let who = object.named_beside(path);
    let Reading { cause, remedy } = Reading::of(first, scope);
    let readable = demangle(first.name);
    let mangled = if readable == first.name {
        String::new()
    } else {
        format!(" [{}]", first.name)
    };
    Some(Finding {
        severity: Severity::Error,
        id: FindingId::UndefinedSymbol,
        message: format!(
            "{who} uses the undefined symbol {readable}{mangled}{version}{others}: {cause}"
        ),
        remedy,
    })
}

fn is_defined(reference: &Reference<'_>, scope: &Scope) -> bool {
    scope.objects().any(|object| {
        object
            .image
            .symbols
            .satisfies(reference.name, reference.version)
    })
}

/// What an undefined symbol tells about how the library was built.
struct Reading {
    cause: String,
    remedy: String,
}

impl Reading {
    fn of(reference: &Reference<'_>, scope: &Scope) -> Self {
        let name = reference.name;
        let new = |cause: String, remedy: &str| Self {
            cause,
            remedy: remedy.to_owned(),
        };
        if name == API_BASE {
            return new(
                "the runtime's own symbols are not visible to op libraries".to_owned(),
                "use the OrtApiBase that RegisterCustomOps receives (Ort::InitApi), or link with \
                 -lonnxruntime",
            );
        }
        if let Some((library, option)) = forgotten(name) {
            return Self {
                cause: format!("{library} defines it, and the library does not name it as needed"),
                remedy: format!("link it with {option}"),
            };
        }
        if is_python_symbol(name) {
            return new(
                "the Python interpreter defines it, so this is a Python extension module"
                    .to_owned(),
                "install the shared library of the Python that it was built for (Debian and \
                 Ubuntu: apt-get install libpython3.11 for cpython-311), which workers open for \
                 it, or build the op library without Python bindings; a library that is preloaded \
                 needs Python's preloaded before it",
            );
        }
        if let Some(object) = scope.in_runtime(name) {
            let file = object.path.file_name().unwrap_or_default();
            let file = file.to_string_lossy();
            return Self {
                cause: format!(
                    "the runtime's {file} defines it, and the library does not name that as needed"
                ),
                remedy: format!("link it with -l:{file}"),
            };
        }
        let readable = demangle(name);
        if readable.starts_with("onnxruntime::") {
            return new(
                "it is an internal function of ONNX Runtime, which exports only its C API"
                    .to_owned(),
                "use the C API or onnxruntime_cxx_api.h, which is built on it",
            );
        }
        if let Some((object, other)) = neighbour(name, scope) {
            if is_old_string_abi(name) != is_old_string_abi(&other) {
                return Self {
                    cause: format!(
                        "'{}' has it with the other std::string, {}",
                        object.path.display(),
                        demangle(&other)
                    ),
                    remedy: "build both with the same value of _GLIBCXX_USE_CXX11_ABI".to_owned(),
                };
            }
            return Self {
                cause: format!(
                    "'{}' has it with other parameters, {}, so it was built against another version",
                    object.path.display(),
                    demangle(&other)
                ),
                remedy: "build it against the headers of the version that is installed here"
                    .to_owned(),
            };
        }
        if belongs_to(scope.runtime_name.framework, name) {
            return Self {
                cause: format!(
                    "{} does not have it, so the library was built against another version",
                    scope.runtime_name
                ),
                remedy: format!("build it against the headers of {}", scope.runtime_name),
            };
        }
        new(
            format!(
                "nothing that the library names as needed defines it, and nothing of {}",
                scope.runtime_name
            ),
            "link the object file or library that defines it, -Wl,-z,defs tells at link time; of a \
             library that was built for another release, use that release's runtime",
        )
    }
}

fn forgotten(name: &str) -> Option<(&'static str, &'static str)> {
    OFTEN_FORGOTTEN.into_iter().find(|(library, _)| {
        system_library(library).is_some_and(|image| image.symbols.exports(name))
    })
}

/// A function of the same C++ name with other parameters, in a library that is not the system's.
fn neighbour<'a>(name: &str, scope: &'a Scope) -> Option<(&'a Object, String)> {
    let wanted = without_parameters(name)?;
    // The mangled names of two overloads share the nested name, which is everything up to `E`.
    let shared = name.find('E').map_or(name, |end| &name[..end]);
    scope.objects().find_map(|object| {
        let image: &Image = &object.image;
        image
            .symbols
            .export_names()
            .filter(|other| other.starts_with(shared) && *other != name)
            .find(|other| without_parameters(other).is_some_and(|other| other == wanted))
            .map(|other| (object, other.to_owned()))
    })
}

/// `std::string` of before GCC 5 is abbreviated `Ss`; the later one is spelt out with a tag.
fn is_old_string_abi(name: &str) -> bool {
    name.contains("Ss") && !name.contains("7__cxx11")
}
