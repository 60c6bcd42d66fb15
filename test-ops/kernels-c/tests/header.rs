//! The header is C and C++, and declares what the package exports.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use runtimes::Compiler;

fn header() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("include/op_kernels.h")
}

#[test]
fn both_languages_accept_it() {
    let compiler = Compiler::find().unwrap();
    for (language, standard) in [("c", "-std=c99"), ("c++", "-std=c++17")] {
        let arguments = [
            "-fsyntax-only",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-x",
            language,
            standard,
        ];
        let mut arguments: Vec<_> = arguments.map(Into::into).to_vec();
        arguments.push(header().into());
        compiler
            .run(&arguments)
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn what_is_declared_is_what_is_defined() {
    let declared = functions(&fs::read_to_string(header()).unwrap());
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let defined: BTreeSet<String> = fs::read_dir(sources)
        .unwrap()
        .flat_map(|entry| functions(&fs::read_to_string(entry.unwrap().path()).unwrap()))
        .collect();
    assert_eq!(declared, defined);
    assert_eq!(declared.len(), 16);
}

/// The words of a text that are named like a function for one element type.
fn functions(text: &str) -> BTreeSet<String> {
    let is_function = |word: &&str| {
        let name = word.strip_prefix("op_kernels_");
        name.and_then(|name| name.rsplit_once('_'))
            .is_some_and(|(_, suffix)| ["f32", "f16", "i32", "i64"].contains(&suffix))
    };
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(is_function)
        .map(str::to_owned)
        .collect()
}
