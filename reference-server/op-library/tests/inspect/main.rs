//! Inspects libraries made by this machine's compilers, and asks the dynamic loader whether the
//! verdicts are true.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use op_library::{Before, Finding, FindingId, InspectError, OpLibrary, Severity, Verdict, inspect};
use proptest::prelude::*;
use runtimes::Framework;
use toolchain::Toolchain;

mod damaged;
mod frameworks;
mod kernels;
mod mapping;
mod mutation;
mod names;
mod needed;
mod registrations;
mod toolchain;

const GOOD: &str = "void* RegisterCustomOps(void* o, const void* b) { return 0; }";
const GOOD_CPP: &str =
    "extern \"C\" void* RegisterCustomOps(void*, const void*) { return nullptr; }";

fn look(path: &Path) -> OpLibrary {
    inspect(path).expect("a file")
}

/// The reason against the library, which has to be `id`.
fn error(library: &OpLibrary, tools: &Toolchain, id: FindingId) -> Finding {
    let findings = library.findings_for(&tools.runtime);
    let first = findings.first().cloned().expect("a finding");
    assert_eq!(first.id, id, "{findings:#?}");
    assert_eq!(first.severity, Severity::Error);
    let Verdict::Fails { reason, remedy } = library.verdict(&tools.runtime) else {
        panic!("{id} does not refuse the library");
    };
    assert_eq!((&reason, &remedy), (&first.message, &first.remedy));
    assert!(
        reason.contains(library.path.to_str().expect("UTF-8")),
        "{reason}"
    );
    first
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "'{part}' is not in: {text}");
}

#[test]
fn a_good_library_has_facts_and_no_findings() {
    let tools = Toolchain::new();
    let path = tools.c(
        "libgood.so",
        &format!("#include <stdlib.h>\nvoid* use(void) {{ return malloc(1); }} {GOOD}"),
        &["-Wl,--build-id=0xC0FFEE", "-Wl,-soname,libgood.so.3"],
    );
    let library = look(&path);
    assert_eq!(library.findings_for(&tools.runtime), []);
    assert!(matches!(
        library.verdict(&tools.runtime),
        Verdict::Loads { .. }
    ));
    assert_eq!(library.build_id.as_deref(), Some("c0ffee"));
    assert_eq!(library.soname.as_deref(), Some("libgood.so.3"));
    assert_eq!(library.needed, ["libc.so.6"]);
    assert_eq!(library.frameworks, [Framework::OnnxRuntime]);
    let content = fs::read(&path).expect("readable");
    assert_eq!(library.size, content.len() as u64);
    assert_eq!(
        library.content_hash,
        blake3::hash(&content).to_hex().as_str()
    );
}

#[test]
fn what_is_no_file_is_an_error_that_says_so() {
    let tools = Toolchain::new();
    let missing = inspect(&tools.path("absent.so")).unwrap_err();
    assert!(matches!(missing, InspectError::Missing(_)));
    assert_contains(&missing.to_string(), "there is no file");
    assert_eq!(missing.finding().id, FindingId::FileMissing);

    let folder = inspect(&tools.root()).unwrap_err();
    assert_contains(&folder.to_string(), "is a folder");

    let fifo = tools.path("fifo.so");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo")
            .success()
    );
    assert_contains(&inspect(&fifo).unwrap_err().to_string(), "is a FIFO");

    symlink("nowhere.so", tools.path("dangling.so")).expect("a link");
    assert!(matches!(
        inspect(&tools.path("dangling.so")),
        Err(InspectError::Missing(_))
    ));
}

#[test]
fn a_file_without_read_permission_is_named() {
    let tools = Toolchain::new();
    let path = tools.c("libsecret.so", GOOD, &[]);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("own file");
    // The superuser reads everything, and then there is nothing to report.
    if let Err(error) = inspect(&path) {
        assert_contains(&error.to_string(), "Permission denied");
        assert_eq!(error.finding().id, FindingId::Unreadable);
    }
}

#[test]
fn other_kinds_of_files_are_told_apart() {
    let tools = Toolchain::new();
    for (content, kind) in [
        (&b"this is not a library\n"[..], "a text file"),
        (b"", "an empty file"),
        (b"PK\x03\x04rest", "a wheel"),
        (b"\x7fEL", "unknown kind"),
    ] {
        let path = tools.path("libtext.so");
        fs::write(&path, content).expect("a file");
        let finding = error(&look(&path), &tools, FindingId::NotElf);
        assert_contains(&finding.message, kind);
    }
}

#[test]
fn a_library_cut_at_any_place_is_told_truncated() {
    let tools = Toolchain::new();
    let content = fs::read(tools.c("libwhole.so", GOOD, &[])).expect("readable");
    let path = tools.path("libcut.so");
    for len in [5, 40, 64, 300, content.len() / 2] {
        fs::write(&path, &content[..len]).expect("a file");
        let finding = error(&look(&path), &tools, FindingId::TruncatedElf);
        assert_contains(&finding.message, &format!("{len} bytes"));
    }
    fs::write(&path, &content[..content.len() - 1]).expect("a file");
    let findings = look(&path).findings;
    assert_eq!(findings[0].id, FindingId::TruncatedElf);
    assert_eq!(
        findings[0].severity,
        Severity::Warning,
        "the loader reads no section table"
    );
}

#[test]
fn another_architecture_is_named_with_this_one() {
    let tools = Toolchain::new();
    let mut content = fs::read(tools.c("libnative.so", GOOD, &[])).expect("readable");
    // AArch64.
    content[18..20].copy_from_slice(&183_u16.to_le_bytes());
    let path = tools.path("libother.so");
    fs::write(&path, &content).expect("a file");
    let finding = error(&look(&path), &tools, FindingId::OtherArchitecture);
    assert_contains(&finding.message, "AArch64, 64-bit, little-endian");
    assert_contains(&finding.message, "this machine is x86-64");
}

#[test]
fn executables_and_object_files_are_not_shared_objects() {
    let tools = Toolchain::new();
    let main = "int main(void) { return 0; }";
    for (path, kind) in [
        (tools.plain("fixed", main, &["-no-pie"]), "an executable"),
        (
            tools.plain("movable", main, &["-pie", "-fPIE"]),
            "a position-independent executable",
        ),
        (tools.plain("ops.o", GOOD, &["-c"]), "an object file (.o)"),
    ] {
        let finding = error(&look(&path), &tools, FindingId::NotSharedObject);
        assert_contains(&finding.message, kind);
    }
}

#[test]
fn the_first_missing_link_of_a_chain_is_named_with_who_needs_it() {
    let tools = Toolchain::new();
    let deepest = tools.c("libdeepest.so", "int deepest(void) { return 1; }", &[]);
    tools.c(
        "libmiddle.so",
        "int deepest(void); int middle(void) { return deepest(); }",
        &["-L.", "-ldeepest", "-Wl,-rpath,$ORIGIN"],
    );
    let path = tools.c(
        "libtop.so",
        &format!("int middle(void); int use(void) {{ return middle(); }} {GOOD}"),
        &["-L.", "-lmiddle", "-Wl,-rpath,$ORIGIN", "-Wl,-rpath-link,."],
    );
    assert_eq!(look(&path).findings_for(&tools.runtime), []);
    fs::remove_file(deepest).expect("removed");
    let finding = error(&look(&path), &tools, FindingId::MissingDependency);
    assert_contains(&finding.message, "needs the library libdeepest.so through");
    assert_contains(&finding.message, "libmiddle.so'");

    fs::remove_file(tools.path("libmiddle.so")).expect("removed");
    let finding = error(&look(&path), &tools, FindingId::MissingDependency);
    assert_contains(
        &finding.message,
        "needs the library libmiddle.so, which is not found",
    );
}

#[test]
fn a_dependency_of_another_architecture_is_not_found_and_named() {
    let tools = Toolchain::new();
    let dependency = tools.c("libdependency.so", "int f(void) { return 1; }", &[]);
    let path = tools.c(
        "libuser.so",
        &format!("int f(void); int use(void) {{ return f(); }} {GOOD}"),
        &["-L.", "-ldependency", "-Wl,-rpath,$ORIGIN"],
    );
    let mut content = fs::read(&dependency).expect("readable");
    content[18..20].copy_from_slice(&183_u16.to_le_bytes());
    fs::write(&dependency, content).expect("a file");
    let finding = error(&look(&path), &tools, FindingId::MissingDependency);
    assert_contains(&finding.message, "AArch64");
}

#[test]
fn the_runtime_itself_is_a_dependency_that_is_there() {
    let tools = Toolchain::new();
    let path = tools.c(
        "liblinked.so",
        &format!("const void* OrtGetApiBase(void); const void* use(void) {{ return OrtGetApiBase(); }} {GOOD}"),
        &[tools.runtime.main_library.to_str().expect("UTF-8")],
    );
    let library = look(&path);
    assert_eq!(library.needed[0], "libonnxruntime.so.1");
    assert_eq!(library.findings_for(&tools.runtime), []);
}

#[test]
fn a_library_that_was_loaded_before_is_a_dependency_that_is_there() {
    let tools = Toolchain::new();
    fs::create_dir(tools.path("elsewhere")).expect("a folder");
    let first = tools.c(
        "elsewhere/libfirst.so",
        &format!("int first(void) {{ return 1; }} {GOOD}"),
        &["-Wl,-soname,libfirst.so.1"],
    );
    let second = tools.c(
        "libsecond.so",
        &format!("int first(void); int use(void) {{ return first(); }} {GOOD}"),
        &["elsewhere/libfirst.so"],
    );
    let (first, second) = (look(&first), look(&second));
    error(&second, &tools, FindingId::MissingDependency);
    let before = Before {
        loaded: &[&first],
        ..Before::default()
    };
    assert_eq!(second.findings_after(&tools.runtime, before), []);
    assert!(!second.verdict_after(&tools.runtime, before).refuses());
}

#[test]
fn an_entry_point_of_a_dependency_is_found_as_onnxruntime_finds_it() {
    let tools = Toolchain::new();
    tools.c("libcore.so", GOOD, &[]);
    let options = ["-Wl,--no-as-needed,-rpath,$ORIGIN", "-L.", "-lcore"];
    let thin = look(&tools.c("libthin.so", "int unused;", &options));
    assert_eq!(thin.findings_for(&tools.runtime), []);
    let alone = look(&tools.c("libalone.so", "int unused;", &[]));
    error(&alone, &tools, FindingId::NoEntryPoint);
}

#[test]
fn what_is_preloaded_is_visible_with_all_that_it_needs() {
    let tools = Toolchain::new();
    let inner = tools.c(
        "elsewhere/libinner.so",
        "int inner(void) { return 1; }",
        &[],
    );
    let outer = tools.c(
        "elsewhere/libouter.so",
        "int inner(void); int outer(void) { return inner(); }",
        &[
            inner.to_str().expect("UTF-8"),
            "-Wl,-soname,libouter.so.1,-rpath,$ORIGIN",
        ],
    );
    let ops = tools.c(
        "libops.so",
        &format!(
            "int outer(void); int inner(void); int (*use[])(void) = {{ outer, inner }}; {GOOD}"
        ),
        &[],
    );
    let needy = tools.c(
        "libneedy.so",
        &format!("int outer(void); int use(void) {{ return outer(); }} {GOOD}"),
        &["elsewhere/libouter.so"],
    );
    let (outer, ops, needy) = (look(&outer), look(&ops), look(&needy));
    error(&ops, &tools, FindingId::UndefinedSymbol);
    error(&needy, &tools, FindingId::MissingDependency);
    let preloaded = Before {
        preloaded: &[&outer],
        ..Before::default()
    };
    assert_eq!(ops.findings_after(&tools.runtime, preloaded), []);
    assert_eq!(needy.findings_after(&tools.runtime, preloaded), []);
    // Preloaded itself, in any order.
    let both = Before {
        preloaded: &[&ops, &outer],
        ..Before::default()
    };
    assert_eq!(ops.findings_after(&tools.runtime, both), []);
    // What was opened is there for others, and visible to none.
    let loaded = Before {
        loaded: &[&outer],
        ..Before::default()
    };
    assert!(ops.verdict_after(&tools.runtime, loaded).refuses());
    assert_eq!(needy.findings_after(&tools.runtime, loaded), []);
}

#[test]
fn the_versions_of_a_preloaded_library_count() {
    let tools = Toolchain::new();
    let numbers = |name: &str, versions: &str| {
        fs::write(tools.path("versions.map"), versions).expect("a file");
        let map = format!(
            "-Wl,--version-script={}",
            tools.path("versions.map").display()
        );
        let source = "int number(void) { return 1; } int newer(void) { return 2; }";
        tools.c(name, source, &["-Wl,-soname,libnumbers.so.1", &map])
    };
    let old = numbers("old/libnumbers.so", "NUMBERS_1 { number; newer; };");
    let new = numbers(
        "libnumbers.so.1",
        "NUMBERS_1 { number; }; NUMBERS_2 { newer; } NUMBERS_1;",
    );
    let ops = tools.c(
        "libops.so",
        &format!("int newer(void); int use(void) {{ return newer(); }} {GOOD}"),
        &[new.to_str().expect("UTF-8"), "-Wl,-rpath,$ORIGIN"],
    );
    let (old, ops) = (look(&old), look(&ops));
    assert_eq!(ops.findings_for(&tools.runtime), []);
    let before = Before {
        preloaded: &[&old],
        ..Before::default()
    };
    let findings = ops.findings_after(&tools.runtime, before);
    assert_eq!(findings[0].id, FindingId::SymbolVersionMissing);
    assert_contains(&findings[0].message, "NUMBERS_2");
}

#[test]
fn undefined_symbols_come_with_a_reading_of_the_cause() {
    let tools = Toolchain::new();
    let calls = |declaration: &str, call: &str| {
        format!("{declaration} void* use = (void*){call}; {GOOD_CPP}")
    };
    for (name, source, options, parts) in [
        (
            "libnobody.so",
            calls(
                "namespace ops { float gelu(float, const char*); }",
                "&ops::gelu",
            ),
            &[][..],
            [
                "ops::gelu(float, char const*)",
                "nothing that the library names",
            ],
        ),
        (
            "libapi.so",
            calls("extern \"C\" void OrtGetApiBase();", "&OrtGetApiBase"),
            &[],
            ["OrtGetApiBase", "not visible to op libraries"],
        ),
        (
            "libinternal.so",
            calls(
                "namespace onnxruntime { void Compute(int); }",
                "&onnxruntime::Compute",
            ),
            &[],
            [
                "onnxruntime::Compute(int)",
                "internal function of ONNX Runtime",
            ],
        ),
        (
            "libpython.so",
            calls("extern \"C\" void PyTuple_Absent();", "&PyTuple_Absent"),
            &[],
            ["PyTuple_Absent", "a Python extension module"],
        ),
        (
            "libunlinked.so",
            format!("#include <new>\nvoid* use() {{ return operator new(8); }} {GOOD_CPP}"),
            &["-nodefaultlibs", "-lc"],
            ["operator new(unsigned long)", "libstdc++.so.6 defines it"],
        ),
    ] {
        let path = tools.cpp(name, &source, options);
        let finding = error(&look(&path), &tools, FindingId::UndefinedSymbol);
        for part in parts {
            assert_contains(&finding.message, part);
        }
        assert!(!finding.remedy.is_empty());
    }
}

#[test]
fn an_extension_module_of_python_gets_pythons_library_unless_it_is_preloaded() {
    let tools = Toolchain::new();
    let path = tools.c(
        "ops.cpython-311-x86_64-linux-gnu.so",
        &format!("void PyTuple_SetItem(void); void use(void) {{ PyTuple_SetItem(); }} {GOOD}"),
        &[],
    );
    let module = look(&path);
    let machine_has_it = !runtimes::python_libraries_for(&path, None).is_empty();
    let tensorflow = tools.runtime_of(
        Framework::TensorFlow,
        "libtensorflow_cc.so.2",
        "void TF_Version(void) {}",
    );
    for runtime in [&tools.runtime, &tensorflow] {
        let undefined = |findings: Vec<Finding>| {
            findings
                .iter()
                .any(|finding| finding.id == FindingId::UndefinedSymbol)
        };
        assert_eq!(undefined(module.findings_for(runtime)), !machine_has_it);
        let before = Before {
            preloaded: &[&module],
            ..Before::default()
        };
        assert!(undefined(module.findings_after(runtime, before)));
    }
}

#[test]
fn a_function_with_other_parameters_tells_another_version() {
    let tools = Toolchain::new();
    tools.cpp(
        "libkernels.so",
        "namespace k { void run(int, int) {} }",
        &[],
    );
    let path = tools.cpp(
        "libcaller.so",
        &format!("namespace k {{ void run(int); }} void use() {{ k::run(1); }} {GOOD_CPP}"),
        &[
            "-L.",
            "-Wl,--no-as-needed",
            "-lkernels",
            "-Wl,-rpath,$ORIGIN",
        ],
    );
    let finding = error(&look(&path), &tools, FindingId::UndefinedSymbol);
    assert_contains(&finding.message, "k::run(int)");
    assert_contains(&finding.message, "with other parameters, k::run(int, int)");
}

#[test]
fn the_old_string_abi_is_recognised() {
    let tools = Toolchain::new();
    let source = "#include <string>\nnamespace k { void run(const std::string&) {} }";
    tools.cpp("libstrings.so", source, &["-D_GLIBCXX_USE_CXX11_ABI=1"]);
    let path = tools.cpp(
        "libold.so",
        &format!("#include <string>\nnamespace k {{ void run(const std::string&); }} void use(const std::string& s) {{ k::run(s); }} {GOOD_CPP}"),
        &["-D_GLIBCXX_USE_CXX11_ABI=0", "-L.", "-Wl,--no-as-needed", "-lstrings", "-Wl,-rpath,$ORIGIN"],
    );
    let finding = error(&look(&path), &tools, FindingId::UndefinedSymbol);
    assert_contains(&finding.remedy, "_GLIBCXX_USE_CXX11_ABI");
}

#[test]
fn a_weak_undefined_symbol_is_no_obstacle() {
    let tools = Toolchain::new();
    let source = format!(
        "void maybe(void) __attribute__((weak)); void use(void) {{ if (maybe) maybe(); }} {GOOD}"
    );
    let path = tools.c("libweak.so", &source, &[]);
    assert_eq!(look(&path).findings_for(&tools.runtime), []);
}

#[test]
fn missing_mangled_and_hidden_entry_points_are_told_apart() {
    let tools = Toolchain::new();
    let missing = tools.c("libmissing.so", "int other(void) { return 0; }", &[]);
    let library = look(&missing);
    assert_eq!(library.frameworks, []);
    let finding = error(&library, &tools, FindingId::NoEntryPoint);
    assert_contains(&finding.message, "exports no RegisterCustomOps");

    let mangled = tools.cpp(
        "libmangled.so",
        "struct OrtSessionOptions; struct OrtApiBase; struct OrtStatus;
         OrtStatus* RegisterCustomOps(OrtSessionOptions*, const OrtApiBase*) { return nullptr; }",
        &[],
    );
    let finding = error(&look(&mangled), &tools, FindingId::MangledEntryPoint);
    assert_contains(&finding.message, "_Z17RegisterCustomOps");
    assert_contains(
        &finding.message,
        "RegisterCustomOps(OrtSessionOptions*, OrtApiBase const*)",
    );
    assert_contains(&finding.remedy, "extern \"C\"");

    let nested = tools.cpp(
        "libnested.so",
        "namespace ops { void* RegisterCustomOps(void*) { return nullptr; } }",
        &[],
    );
    error(&look(&nested), &tools, FindingId::MangledEntryPoint);

    let longer = tools.cpp("liblonger.so", "void RegisterCustomOpsForTests() {}", &[]);
    error(&look(&longer), &tools, FindingId::NoEntryPoint);

    let hidden = tools.c("libhidden.so", GOOD, &["-fvisibility=hidden"]);
    error(&look(&hidden), &tools, FindingId::HiddenEntryPoint);
    let local = tools.c(
        "liblocal.so",
        &format!("static {GOOD} void* use(void) {{ return RegisterCustomOps; }}"),
        &[],
    );
    error(&look(&local), &tools, FindingId::HiddenEntryPoint);

    let variable = tools.c("libvariable.so", "int RegisterCustomOps = 1;", &[]);
    let finding = error(&look(&variable), &tools, FindingId::NoEntryPoint);
    assert_contains(&finding.message, "as a variable");
}

#[test]
fn a_version_that_the_c_library_lacks_is_named_with_the_newest_it_has() {
    let tools = Toolchain::new();
    // The next system's C library: the same SONAME, with a version that this one lacks.
    let script = tools.path("versions.map");
    fs::write(&script, "GLIBC_2.999 { from_the_future; };\n").expect("a version script");
    fs::create_dir(tools.path("future")).expect("a folder");
    tools.c(
        "future/libc.so.6",
        "void from_the_future(void) {}",
        &[
            "-nostdlib",
            "-Wl,-soname,libc.so.6",
            "-Wl,--version-script=versions.map",
        ],
    );
    let path = tools.c(
        "libfuture.so",
        &format!("void from_the_future(void); void use(void) {{ from_the_future(); }} {GOOD}"),
        &["-nostdlib", "future/libc.so.6"],
    );
    let finding = error(&look(&path), &tools, FindingId::SymbolVersionMissing);
    assert_contains(&finding.message, "needs GLIBC_2.999 of libc.so.6");
    assert_contains(&finding.message, "has versions up to GLIBC_2.");
    assert_contains(&finding.remedy, "older base image");
}

#[test]
fn unique_symbols_and_nodelete_are_warnings() {
    let tools = Toolchain::new();
    let source = format!(
        "template<class T> struct Cell {{ static T value; }}; template<class T> T Cell<T>::value = 1; int use() {{ return Cell<int>::value++; }} {GOOD_CPP}"
    );
    let pinned = look(&tools.cpp("libpinned.so", &source, &[]));
    let finding = pinned.stays_mapped().expect("a warning");
    assert_eq!(finding.severity, Severity::Warning);
    assert_contains(&finding.message, "Cell<int>::value");
    assert_contains(&finding.remedy, "-fno-gnu-unique");
    assert!(!pinned.verdict(&tools.runtime).refuses());

    let free = look(&tools.cpp("libfree.so", &source, &["-fno-gnu-unique"]));
    assert_eq!(free.stays_mapped(), None);

    let kept = look(&tools.c("libkept.so", GOOD, &["-Wl,-z,nodelete"]));
    assert_eq!(
        kept.stays_mapped().expect("a warning").id,
        FindingId::PinnedByFlag
    );
}

#[test]
fn texts_and_whole_symbols_are_mentioned_and_parts_of_symbols_are_not() {
    let tools = Toolchain::new();
    let source = format!(
        "const char* domain = \"custom.ops\"; void MakeBiasGeluKernel(void) {{}}
         void OrtGetApiBase(void); void* use(void) {{ return OrtGetApiBase; }} {GOOD}"
    );
    let library = look(&tools.c("libmentions.so", &source, &[]));
    assert!(library.mentions("custom.ops"));
    assert!(!library.mentions("custom.ops.more"));
    assert!(!library.mentions("BiasGelu"));
    assert!(library.mentions("OrtGetApiBase"));
    assert!(library.mentions("RegisterCustomOps"));
    assert!(!library.mentions(""));
}

#[test]
fn a_stripped_library_without_sections_is_read() {
    let tools = Toolchain::new();
    let path = tools.cpp(
        "libstripped.so",
        &format!(
            "#include <string>\nstd::string use(int n) {{ return std::to_string(n); }} {GOOD_CPP}"
        ),
        &["-s", "-fno-gnu-unique"],
    );
    let mut content = fs::read(&path).expect("readable");
    let whole = look(&path);
    // No section table: e_shoff, e_shentsize, e_shnum, e_shstrndx.
    content[40..48].fill(0);
    content[58..64].fill(0);
    let bare = tools.path("libbare.so");
    fs::write(&bare, content).expect("a file");
    let bare = look(&bare);
    assert_eq!(bare.needed, whole.needed);
    assert_eq!(bare.findings_for(&tools.runtime), []);
    assert_eq!(whole.findings_for(&tools.runtime), []);
}

/// A process that does what a worker does: opens the runtime, then the op library with `RTLD_NOW`,
/// and asks for the entry point.
const OPENER: &str = r#"
#include <dlfcn.h>
int main(int count, char** arguments) {
    if (!dlopen(arguments[1], RTLD_LAZY | RTLD_LOCAL)) return 2;
    void* library = dlopen(arguments[2], RTLD_NOW | RTLD_LOCAL);
    return library && dlsym(library, "RegisterCustomOps") ? 0 : 1;
}"#;

#[test]
fn verdicts_agree_with_the_dynamic_loader() {
    let tools = Toolchain::new();
    let opener = tools.plain("opener", OPENER, &["-Wl,--no-as-needed", "-lgcc_s", "-ldl"]);
    tools.c("sub/libplaced.so", "int placed(void) { return 1; }", &[]);
    let uses_placed = format!("int placed(void); int use(void) {{ return placed(); }} {GOOD}");
    let old_tags = "-Wl,--disable-new-dtags";
    let libraries: Vec<PathBuf> = vec![
        tools.c("v1.so", GOOD, &[]),
        tools.c("v2.so", GOOD, &["-nostdlib"]),
        tools.c("v3.so", &format!("double sin(double); double use(double x) {{ return sin(x); }} {GOOD}"), &["-fno-builtin"]),
        tools.c("v4.so", &format!("void nowhere(void); void use(void) {{ nowhere(); }} {GOOD}"), &[]),
        tools.c("v5.so", &uses_placed, &["-Lsub", "-lplaced"]),
        tools.c("v6.so", &uses_placed, &["-Lsub", "-lplaced", "-Wl,-rpath,$ORIGIN/sub"]),
        tools.c("v7.so", &uses_placed, &["-Lsub", "-lplaced", "-Wl,-rpath,$ORIGIN/sub", old_tags]),
        tools.c("v8.so", &uses_placed, &[]),
        tools.c("v9.so", &format!("const void* OrtGetApiBase(void); void* use(void) {{ return (void*)OrtGetApiBase(); }} {GOOD}"), &[]),
        tools.c("v10.so", "int nothing;", &[]),
        tools.cpp("v11.so", &format!("#include <iostream>\n#include <map>\nstd::map<int, std::string> m; void use() {{ std::cout << m.size(); }} {GOOD_CPP}"), &[]),
        tools.cpp("v12.so", &format!("#include <string>\nthread_local std::string t; void use() {{ t += \"x\"; throw t; }} {GOOD_CPP}"), &[]),
        tools.c("v13.so", &format!("int placed(void) __attribute__((weak)); int use(void) {{ return placed ? placed() : 0; }} {GOOD}"), &[]),
    ];
    let mut refused = 0;
    for library in &libraries {
        let status = Command::new(&opener)
            .arg(&tools.runtime.main_library)
            .arg(library)
            .status()
            .expect("the opener runs");
        let verdict = look(library).verdict(&tools.runtime);
        assert!(matches!(status.code(), Some(0 | 1)), "{status}");
        assert_eq!(
            verdict.refuses(),
            status.code() == Some(1),
            "{}: {verdict}",
            library.display()
        );
        refused += usize::from(verdict.refuses());
    }
    assert_eq!(refused, 6);
}

#[test]
fn nothing_is_found_against_the_libraries_of_this_system() {
    let tools = Toolchain::new();
    // What this test itself runs on loads beyond doubt; only the entry point is missing.
    let maps = fs::read_to_string("/proc/self/maps").expect("readable");
    let mut libraries: Vec<&str> = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|path| path.contains(".so"))
        .collect();
    libraries.dedup();
    assert!(!libraries.is_empty());
    for path in libraries {
        let errors: Vec<Finding> = look(Path::new(path))
            .findings_for(&tools.runtime)
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .collect();
        assert!(
            matches!(
                errors[..],
                [Finding {
                    id: FindingId::NoEntryPoint,
                    ..
                }]
            ),
            "{path}: {errors:#?}"
        );
    }
}

#[test]
fn a_replaced_dependency_is_read_again() {
    let tools = Toolchain::new();
    let source = "int placed(void) { return 1; }";
    tools.c("libplaced.so", source, &[]);
    let path = tools.c(
        "libuses.so",
        &format!("int placed(void); int use(void) {{ return placed(); }} {GOOD}"),
        &["-L.", "-lplaced", "-Wl,-rpath,$ORIGIN"],
    );
    let library = look(&path);
    assert_eq!(library.findings_for(&tools.runtime), []);
    tools.c("libplaced.so", "int elsewhere(void) { return 1; }", &[]);
    error(&library, &tools, FindingId::UndefinedSymbol);
    tools.c("libplaced.so", source, &[]);
    assert_eq!(library.findings_for(&tools.runtime), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_damaged_library_is_judged_without_a_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        words in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(vec![0_u64, 1, 2, 0x7fff, 0xffff_ffff, u64::MAX, u64::MAX - 7, 1 << 63])), 0..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        thread_local! {
            static SAMPLE: (Toolchain, Vec<u8>) = {
                let tools = Toolchain::new();
                let source = format!("#include <string>\nstd::string use(int n) {{ return std::to_string(n); }} {GOOD_CPP}");
                let path = tools.cpp("libsample.so", &source, &[]);
                let content = fs::read(path).expect("readable");
                (tools, content)
            };
        }
        SAMPLE.with(|(tools, sample)| {
            let mut content = sample.clone();
            // Most of what is read lies in the first pages.
            let front = content.len().min(6000);
            for (index, value) in flips {
                content[index.index(front)] = value;
            }
            for (index, value) in words {
                let at = index.index(front - 8) & !7;
                content[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            if let Some(index) = cut {
                content.truncate(index.index(sample.len()));
            }
            let path = tools.path("libdamaged.so");
            fs::write(&path, content).expect("a file");
            let library = look(&path);
            let _ = library.verdict(&tools.runtime).to_string();
            let _ = library.mentions("custom.ops");
        });
    }
}
