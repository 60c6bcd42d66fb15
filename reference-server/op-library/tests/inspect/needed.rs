//! Which libraries come along with another one, and which do not.

use op_library::{missing_libraries, needed_op_libraries};
use runtimes::Framework;

use crate::toolchain::Toolchain;

/// Registers with TensorRT, as far as symbols tell; `NAME` sets libraries apart.
const REGISTERS: &str =
    "void* getPluginRegistry(void); void* NAME(void) { return getPluginRegistry(); }";

#[test]
fn they_are_told_behind_those_that_they_need_themselves() {
    let tools = Toolchain::new();
    let library = |name: &str, source: &str, needs: &[&str]| {
        let name_definition = format!("-DNAME={name}");
        let mut options = vec![
            &*name_definition,
            "-L.",
            "-Wl,--no-as-needed,-rpath,$ORIGIN",
        ];
        options.extend(needs);
        tools.c(&format!("lib{name}.so"), source, &options)
    };
    let plain = "int NAME(void) { return 1; }";
    let base = library("base", REGISTERS, &[]);
    library("plain", plain, &["-lbase"]);
    let middle = library("middle", REGISTERS, &["-lplain", "-lbase"]);
    let present = library("present", REGISTERS, &[]);
    let top = library("top", REGISTERS, &["-lmiddle", "-lpresent", "-lbase"]);

    let needed =
        |framework, is_there: &dyn Fn(&str) -> bool| needed_op_libraries(&top, framework, is_there);
    let found = needed(Framework::TensorRt, &|_| false);
    assert_eq!(found, [base.clone(), middle.clone(), present]);
    // What the process has is left alone, and a library of another framework is none.
    let found = needed(Framework::TensorRt, &|name| name == "libpresent.so");
    assert_eq!(found, [base, middle]);
    let found = needed(Framework::TensorRt, &|name| name == "libmiddle.so");
    assert!(found.iter().all(|path| !path.ends_with("libmiddle.so")));
    assert!(needed(Framework::PyTorch, &|_| false).is_empty());
}

#[test]
fn what_is_not_found_and_what_needs_itself_end_the_search() {
    let tools = Toolchain::new();
    tools.c("libfirst.so", "int first(void) { return 1; }", &[]);
    let second = tools.c(
        "libsecond.so",
        REGISTERS,
        &[
            "-DNAME=second",
            "-L.",
            "-Wl,--no-as-needed,-rpath,$ORIGIN",
            "-lfirst",
        ],
    );
    let first = tools.c(
        "libfirst.so",
        REGISTERS,
        &[
            "-DNAME=first",
            "-L.",
            "-Wl,--no-as-needed,-rpath,$ORIGIN",
            "-lsecond",
        ],
    );
    let needed = |path| needed_op_libraries(path, Framework::TensorRt, |_| false);
    assert!(needed(&first).contains(&second));
    std::fs::remove_file(&second).expect("removed");
    assert!(needed(&first).is_empty());
    assert!(needed(&second).is_empty(), "there is no such library");
}

#[test]
fn all_that_is_not_found_is_named_in_the_order_of_the_search() {
    let tools = Toolchain::new();
    let library = |name: &str, needs: &[&str]| {
        let options = [&["-L.", "-Wl,--no-as-needed"], needs].concat();
        let source = "int answer(void) { return 42; }";
        tools.c(&format!("lib{name}.so"), source, &options)
    };
    let deep = library("deep", &[]);
    library("middle", &["-ldeep"]);
    let near = library("near", &[]);
    let top = library("top", &["-lmiddle", "-lnear", "-ldeep"]);
    let folder = [top.parent().expect("in a folder").to_owned()];
    assert!(missing_libraries(&top, &folder).is_empty());
    let nowhere = missing_libraries(&top, &[]);
    assert_eq!(nowhere, ["libmiddle.so", "libnear.so", "libdeep.so"]);
    std::fs::remove_file(deep).expect("removed");
    std::fs::remove_file(near).expect("removed");
    assert_eq!(
        missing_libraries(&top, &folder),
        ["libnear.so", "libdeep.so"]
    );
    assert!(missing_libraries(&folder[0].join("libabsent.so"), &folder).is_empty());
}
