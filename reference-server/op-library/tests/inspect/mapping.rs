//! What keeps the dynamic loader from mapping a library, or makes it do so in another way than its
//! author meant; the loader of this machine is asked whether that is true.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use op_library::{Before, Finding, FindingId, OpLibrary, Severity, inspect};

use crate::toolchain::Toolchain;
use crate::{GOOD, OPENER, assert_contains};

const STATIC_TLS: &str = "__attribute__((tls_model(\"initial-exec\")))";

fn look(path: &Path) -> OpLibrary {
    inspect(path).expect("a file")
}

fn only(findings: &[Finding], id: FindingId) -> Option<&Finding> {
    let mut found = findings.iter().filter(|finding| finding.id == id);
    let first = found.next();
    assert_eq!(found.next(), None, "one finding for one thing");
    first
}

/// A library with `size` bytes of thread-local variables, declared with `model`.
fn thread_local(tools: &Toolchain, name: &str, size: u32, model: &str) -> PathBuf {
    let source = format!(
        "__thread char block[{size}] {model}; extern __thread int other {STATIC_TLS};
         int use(int i) {{ return block[i] + other; }} {GOOD}"
    );
    tools.c(name, &source, &["-L.", "-lother", "-Wl,-rpath,$ORIGIN"])
}

#[test]
fn verdicts_about_mapping_agree_with_the_dynamic_loader() {
    let tools = Toolchain::new();
    let opener = tools.plain("opener", OPENER, &["-ldl"]);
    tools.c(
        "libother.so",
        &format!("__thread int other {STATIC_TLS}; int get(void) {{ return other; }}"),
        &[],
    );
    tools.c(
        "libdemanding.so",
        "int f(void) { return 1; }",
        &["-Wl,-z,x86-64-v4"],
    );
    let cases = [
        (
            tools.c("stack.so", GOOD, &["-Wl,-z,execstack"]),
            Some(FindingId::ExecutableStack),
        ),
        (tools.c("v2.so", GOOD, &["-Wl,-z,x86-64-v2"]), None),
        (tools.c("v4.so", GOOD, &["-Wl,-z,x86-64-v4"]), None),
        (
            tools.c(
                "through.so",
                &format!("int f(void); int use(void) {{ return f(); }} {GOOD}"),
                &["-L.", "-ldemanding", "-Wl,-rpath,$ORIGIN"],
            ),
            None,
        ),
        (thread_local(&tools, "small.so", 100, STATIC_TLS), None),
        (
            thread_local(&tools, "large.so", 1200, STATIC_TLS),
            Some(FindingId::StaticTls),
        ),
        (
            thread_local(&tools, "huge.so", 4096, STATIC_TLS),
            Some(FindingId::StaticTls),
        ),
        (thread_local(&tools, "dynamic.so", 4096, ""), None),
    ];
    for (path, found) in &cases {
        let opened = Command::new(&opener)
            .arg(&tools.runtime.main_library)
            .arg(path)
            .status()
            .expect("the opener runs");
        let library = look(path);
        let verdict = library.verdict(&tools.runtime);
        assert_eq!(
            verdict.refuses(),
            opened.code() == Some(1),
            "{}: {verdict}",
            path.display()
        );
        if let Some(id) = found {
            assert!(only(&library.findings, *id).is_some());
            assert!(only(&library.findings_for(&tools.runtime), *id).is_some());
        }
    }
    assert!(look(&cases[6].0).verdict(&tools.runtime).refuses());
}

#[test]
fn a_preloaded_library_gets_room_for_its_thread_local_variables() {
    let tools = Toolchain::new();
    tools.c(
        "libother.so",
        &format!("__thread int other {STATIC_TLS}; int get(void) {{ return other; }}"),
        &[],
    );
    let huge = look(&thread_local(&tools, "huge.so", 4096, STATIC_TLS));
    let before = Before {
        preloaded: &[&huge],
        ..Before::default()
    };
    let findings = huge.findings_after(&tools.runtime, before);
    let finding = only(&findings, FindingId::StaticTls).expect("a warning");
    assert_eq!(finding.severity, Severity::Warning);
    let program = tools.plain("program", "int main(void) { return 0; }", &[]);
    let output = Command::new(program)
        .env("LD_PRELOAD", &huge.path)
        .output()
        .expect("it runs");
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn code_that_has_to_be_written_to_is_told() {
    let tools = Toolchain::new();
    let source = format!("int place; int* use(void) {{ return &place; }} {GOOD}");
    let absolute = ["-fno-pic", "-mcmodel=large", "-Wl,-z,notext"];
    let library = look(&tools.c("libtext.so", &source, &absolute));
    let finding = only(&library.findings, FindingId::TextRelocations).expect("a warning");
    assert_contains(&finding.remedy, "-fPIC");
    assert!(!library.verdict(&tools.runtime).refuses());
}

#[test]
fn folders_of_the_build_machine_are_told() {
    let tools = Toolchain::new();
    let library = look(&tools.c(
        "libbuilt.so",
        GOOD,
        &["-Wl,-rpath,/build/of/another/machine:lib:$ORIGIN"],
    ));
    let missing = only(&library.findings, FindingId::SearchPathMissing).expect("a warning");
    assert_contains(&missing.message, "'/build/of/another/machine'");
    let relative = only(&library.findings, FindingId::SearchPathRelative).expect("a warning");
    assert_contains(&relative.message, "'lib'");
}

#[test]
fn a_second_copy_of_the_framework_is_told_wherever_it_comes_from() {
    let tools = Toolchain::new();
    let own = "const void* OrtGetApiBase(void) { return 0; }";
    let linked_in = look(&tools.c("libstatic.so", &format!("{own} {GOOD}"), &[]));
    let findings = linked_in.findings_for(&tools.runtime);
    let finding = only(&findings, FindingId::SecondFramework).expect("a warning");
    assert_contains(
        &finding.message,
        "contains a copy of ONNX Runtime of its own",
    );

    // As tools that make wheels self-contained name them.
    let bundled = tools.c("libs/libonnxruntime-0f3a.so.1.20", own, &[]);
    let uses = format!(
        "const void* OrtGetApiBase(void); const void* use(void) {{ return OrtGetApiBase(); }} {GOOD}"
    );
    let path = tools.c(
        "libuses.so",
        &uses,
        &[
            bundled.to_str().expect("UTF-8"),
            "-Wl,-rpath,$ORIGIN/libs",
            "-Wl,-soname,libuses.so",
        ],
    );
    let findings = look(&path).findings_for(&tools.runtime);
    let finding = only(&findings, FindingId::SecondFramework).expect("a warning");
    assert_contains(&finding.message, "libonnxruntime-0f3a.so.1.20'");
    assert_eq!(finding.severity, Severity::Warning);

    // The runtime's own library under a link is no second copy.
    let link = tools.path("runtime/libonnxruntime.so.1");
    std::os::unix::fs::symlink(&tools.runtime.main_library, &link).expect("a link");
    let path = tools.c("liblinked.so", &uses, &[link.to_str().expect("UTF-8")]);
    assert_eq!(look(&path).findings_for(&tools.runtime), []);
    fs::remove_file(link).expect("removed");
}
