//! Is it a shared object?

use std::path::Path;

use object::elf;

use crate::elf::{Header, Image, ObjectType};
use crate::{Finding, FindingId, Severity};

/// The file is another kind of ELF file, as its header tells.
pub(crate) fn check(path: &Path, header: &Header) -> Vec<Finding> {
    let (kind, remedy) = match header.object_type {
        ObjectType::Shared => return Vec::new(),
        ObjectType::Relocatable => (
            "an object file (.o)".to_owned(),
            "link it into a shared object: c++ -shared -o lib.so file.o",
        ),
        ObjectType::Executable => ("an executable".to_owned(), "build it with -shared -fPIC"),
        ObjectType::Core => (
            "a core dump".to_owned(),
            "give the path of the shared library",
        ),
        ObjectType::Other(number) => (
            format!("an ELF file of type {number}"),
            "build it with -shared -fPIC",
        ),
    };
    vec![finding(path, &kind, remedy)]
}

/// The file is an executable although its header says shared object, as position-independent
/// executables do.
pub(crate) fn check_image(path: &Path, image: &Image) -> Vec<Finding> {
    if image.flags_1 & elf::DF_1_PIE.0 == 0 {
        return Vec::new();
    }
    vec![finding(
        path,
        "a position-independent executable",
        "build it with -shared -fPIC",
    )]
}

fn finding(path: &Path, kind: &str, remedy: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        id: FindingId::NotSharedObject,
        message: format!("'{}' is {kind}, not a shared object", path.display()),
        remedy: remedy.to_owned(),
    }
}
