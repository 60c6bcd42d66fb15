//! Which names are read in libraries that this machine's compiler made, at every level of
//! optimisation and without symbols.

use op_library::{RegisteredKind, RegisteredName, inspect};

use crate::registrations::{ONNXRUNTIME, PYTORCH, PYTORCH_STABLE, TENSORFLOW, TENSORRT};
use crate::toolchain::Toolchain;

const LEVELS: [&str; 4] = ["-O0", "-O1", "-O2", "-O3"];

/// What is read of `source`, compiled with `options`: kind and full name.
fn names(tools: &Toolchain, source: &str, options: &[&str]) -> Vec<String> {
    let options: Vec<&str> = ["-std=c++17"].iter().chain(options).copied().collect();
    let path = tools.cpp("libnames.so", source, &options);
    let library = inspect(&path).expect("a file");
    let describe = |name: &RegisteredName| {
        let kind = match name.kind {
            RegisteredKind::Domain => "domain",
            RegisteredKind::DomainFragment => "fragment",
            RegisteredKind::Op => "op",
            RegisteredKind::Kernel => "kernel",
            RegisteredKind::Class => "class",
            RegisteredKind::Plugin => "plugin",
        };
        let domain = name.domain.as_ref();
        let domain = domain.map_or_else(String::new, |domain| format!("{domain}::"));
        let version = name.version.as_ref();
        let version = version.map_or_else(String::new, |version| format!(" {version}"));
        format!("{kind} {domain}{}{version}", name.name)
    };
    library.registers.iter().map(describe).collect()
}

/// The same names are read however the library was compiled.
#[track_caller]
fn assert_names(source: &str, levels: &[&str], expected: &[&str]) {
    let tools = Toolchain::new();
    for level in levels {
        for strip in [&[][..], &["-s", "-fvisibility=hidden"]] {
            let options: Vec<&str> = [*level].iter().chain(strip).copied().collect();
            let names = names(&tools, source, &options);
            assert_eq!(names, expected, "{options:?}");
        }
    }
}

#[test]
fn pytorch() {
    assert_names(
        PYTORCH,
        &LEVELS,
        &[
            "domain sample_ops",
            "fragment other_ops",
            "op other_ops::gelu",
            "op sample_ops::a_name_that_is_longer_than_a_short_string.out",
            "op sample_ops::modulo",
            "kernel sample_ops::modulo",
        ],
    );
}

#[test]
fn the_stable_interface_of_pytorch() {
    assert_names(
        PYTORCH_STABLE,
        &LEVELS,
        &[
            "domain stable_ops",
            "op stable_ops::modulo",
            "kernel stable_ops::modulo",
        ],
    );
}

#[test]
fn tensorflow() {
    assert_names(
        TENSORFLOW,
        &LEVELS,
        &[
            "op Modulo",
            "op Sample>BiasGeluWithALongName",
            "kernel Modulo",
        ],
    );
}

#[test]
fn tensorrt() {
    assert_names(TENSORRT, &LEVELS, &["plugin Gelu 2", "plugin Modulo 1"]);
}

#[test]
fn onnxruntime() {
    // Without optimisation the function is fetched from the table long before it is called.
    assert_names(ONNXRUNTIME, &LEVELS[1..], &["domain sample.ops"]);
}

#[test]
fn a_name_that_is_put_together_when_the_library_runs_is_left_out() {
    let tools = Toolchain::new();
    let source = TENSORFLOW.replace("(\"Modulo\")", "(std::getenv(\"NAME\"))");
    let source = format!("#include <cstdlib>\n{source}");
    for level in LEVELS {
        assert_eq!(
            names(&tools, &source, &[level]),
            ["op Sample>BiasGeluWithALongName"]
        );
    }
}
