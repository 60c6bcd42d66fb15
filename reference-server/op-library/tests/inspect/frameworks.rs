//! Libraries of PyTorch, TensorFlow and TensorRT, against small stand-ins for their runtimes.

use crate::toolchain::Toolchain;
use op_library::{Before, FindingId, OpLibrary, Verdict, inspect};
use runtimes::{Catalog, Framework, Runtime, Size};

const PYTORCH: &str = "namespace torch { struct Library { Library(int); void use(); };
    Library::Library(int) {} void Library::use() {} }
    namespace c10 { void check() {} }";
const TORCH_HEADER: &str = "namespace torch { struct Library { Library(int); void use(); }; }
    namespace c10 { void check(); void renamed(); }";

const TENSORFLOW: &str = "namespace tensorflow { struct OpDefBuilder { OpDefBuilder(); };
    OpDefBuilder::OpDefBuilder() {} void log() {} }";
const TENSORFLOW_HEADER: &str =
    "namespace tensorflow { struct OpDefBuilder { OpDefBuilder(); }; void log(); }";

const TENSORRT: &str = "extern \"C\" void* getPluginRegistry() { return nullptr; }";
const TENSORRT_HEADER: &str = "extern \"C\" void* getPluginRegistry();";

/// An op library of `runtime` that is linked against it.
fn library(tools: &Toolchain, runtime: &Runtime, name: &str, source: &str) -> OpLibrary {
    let arguments: Vec<String> = runtime
        .link_arguments()
        .into_iter()
        .map(|argument| argument.into_string().expect("UTF-8"))
        // The stand-in for PyTorch is one library.
        .filter(|argument| argument != "-l:libc10.so")
        .map(|argument| argument.replace("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    inspect(&tools.cpp(name, source, &arguments)).expect("a file")
}

fn stands_in(tools: &Toolchain) -> [(Runtime, &'static str, &'static str, &'static str); 3] {
    [
        (
            tools.runtime_of(Framework::PyTorch, "libtorch_cpu.so", PYTORCH),
            TORCH_HEADER,
            "static torch::Library ops(1);",
            "void run() { c10::check(); }",
        ),
        (
            tools.runtime_of(Framework::TensorFlow, "libtensorflow_cc.so.2", TENSORFLOW),
            TENSORFLOW_HEADER,
            "static tensorflow::OpDefBuilder op;",
            "void run() { tensorflow::log(); }",
        ),
        (
            tools.runtime_of(Framework::TensorRt, "libnvinfer.so.8", TENSORRT),
            TENSORRT_HEADER,
            "static void* registry = getPluginRegistry();",
            "void run() {}",
        ),
    ]
}

#[test]
fn a_library_that_registers_is_recognised_and_loads() {
    let tools = Toolchain::new();
    for (runtime, header, registers, _) in stands_in(&tools) {
        let source = format!("{header} {registers}");
        let library = library(&tools, &runtime, "libgood.so", &source);
        assert_eq!(library.frameworks, [runtime.name.framework]);
        assert_eq!(library.findings_for(&runtime), []);
        let verdict = library.verdict(&runtime);
        assert!(matches!(verdict, Verdict::Loads { .. }), "{verdict}");
    }
}

#[test]
fn a_library_that_calls_nothing_that_registers_is_told() {
    let tools = Toolchain::new();
    for (runtime, header, _, uses) in stands_in(&tools) {
        let source = format!("{header} {uses}");
        let silent = library(&tools, &runtime, "libsilent.so", &source);
        let verdict = silent.verdict(&runtime);
        let Verdict::RegistersNothing { reason, .. } = &verdict else {
            panic!("{verdict}");
        };
        assert!(reason.contains("libsilent.so"), "{reason}");
        assert!(verdict.refuses());

        // What another library registers that it opens cannot be seen from here.
        let source =
            format!("#include <dlfcn.h>\n{source} void* other() {{ return dlopen(0, 1); }}");
        let opener = library(&tools, &runtime, "libopener.so", &source);
        let verdict = opener.verdict(&runtime);
        assert!(
            matches!(verdict, Verdict::RegistersNothing { certain: false, .. }),
            "{verdict}"
        );
        assert!(!verdict.refuses(), "it may be tried");
    }
}

#[test]
fn an_entry_point_of_tensorrt_registers() {
    let tools = Toolchain::new();
    let runtime = tools.runtime_of(Framework::TensorRt, "libnvinfer.so.8", TENSORRT);
    for (name, loads) in [("getPluginCreators", true), ("getCreators", false)] {
        let source =
            format!("extern \"C\" void* {name}(int& count) {{ count = 0; return nullptr; }}");
        let entry = library(&tools, &runtime, "libentry.so", &source);
        assert_eq!(entry.frameworks, [Framework::TensorRt]);
        let verdict = entry.verdict(&runtime);
        // TensorRT 8 does not know the later function.
        assert_eq!(matches!(verdict, Verdict::Loads { .. }), loads, "{verdict}");
    }
}

#[test]
fn what_another_library_registers_that_comes_along_counts() {
    let tools = Toolchain::new();
    let runtime = tools.runtime_of(Framework::TensorRt, "libnvinfer.so.8", TENSORRT);
    let source = format!("{TENSORRT_HEADER} void* registry = getPluginRegistry();");
    library(&tools, &runtime, "libplugins.so", &source);
    let root = tools.root();
    let outer = tools.cpp(
        "libouter.so",
        "void run() {}",
        &[
            "-L",
            root.to_str().expect("UTF-8"),
            "-Wl,--no-as-needed,-rpath,$ORIGIN",
            "-lplugins",
        ],
    );
    let verdict = inspect(&outer).expect("a file").verdict(&runtime);
    assert!(matches!(verdict, Verdict::Loads { .. }), "{verdict}");
}

#[test]
fn what_an_earlier_library_brought_in_registers_as_well() {
    let tools = Toolchain::new();
    let runtime = tools.runtime_of(Framework::TensorRt, "libnvinfer.so.8", TENSORRT);
    let source = format!("{TENSORRT_HEADER} void* registry = getPluginRegistry();");
    let core = library(&tools, &runtime, "elsewhere/libcore.so", &source);
    let thin = tools.cpp(
        "libthin.so",
        "void run() {}",
        &["-Wl,--no-as-needed", "-Lelsewhere", "-lcore"],
    );
    let thin = inspect(&thin).expect("a file");
    for before in [
        Before {
            loaded: &[&core],
            ..Before::default()
        },
        Before {
            preloaded: &[&core],
            ..Before::default()
        },
    ] {
        let verdict = thin.verdict_after(&runtime, before);
        assert!(matches!(verdict, Verdict::Loads { .. }), "{verdict}");
    }
}

#[test]
fn symbols_of_tensorrt_are_visible_to_plugins_that_do_not_name_it() {
    let tools = Toolchain::new();
    let runtime = tools.runtime_of(Framework::TensorRt, "libnvinfer.so.8", TENSORRT);
    let source = format!("{TENSORRT_HEADER} static void* registry = getPluginRegistry();");
    let plugins = inspect(&tools.cpp("libplugins.so", &source, &[])).expect("a file");
    assert_eq!(plugins.findings_for(&runtime), []);
    // In LD_PRELOAD its initializers run before TensorRT is there.
    let before = Before {
        preloaded: &[&plugins],
        ..Before::default()
    };
    let findings = plugins.findings_after(&runtime, before);
    assert_eq!(findings[0].id, FindingId::UndefinedSymbol);
}

#[test]
fn a_symbol_of_another_version_is_told_from_one_that_is_not_linked() {
    let tools = Toolchain::new();
    let runtime = tools.runtime_of(Framework::PyTorch, "libtorch_cpu.so", PYTORCH);
    let source =
        format!("{TORCH_HEADER} static torch::Library ops(1); void run() {{ c10::renamed(); }}");
    let newer = library(&tools, &runtime, "libnewer.so", &source);
    let finding = &newer.findings_for(&runtime)[0];
    assert_eq!(finding.id, FindingId::UndefinedSymbol);
    assert!(
        finding.message.contains("pytorch-2.11.0 does not have it"),
        "{finding}"
    );

    let source = format!("{TORCH_HEADER} static torch::Library ops(1);");
    let unlinked = inspect(&tools.cpp("libunlinked.so", &source, &[])).expect("a file");
    let finding = &unlinked.findings_for(&runtime)[0];
    assert!(finding.remedy.contains("-l:libtorch_cpu.so"), "{finding}");
}

#[test]
fn a_library_that_only_the_full_size_brings_has_that_as_its_remedy() {
    let tools = Toolchain::new();
    let runtime = tools.runtime_of(Framework::PyTorch, "libtorch_cpu.so", PYTORCH);
    let needs = |name: &str| {
        let stub = tools.cpp(
            "elsewhere/libstub.so",
            "void stub() {}",
            &[&format!("-Wl,-soname,{name}")],
        );
        let path = tools.cpp(
            "libneedy.so",
            "void stub(); void run() { stub(); }",
            &[stub.to_str().expect("UTF-8")],
        );
        inspect(&path).expect("a file")
    };
    let cuda = needs("libcublas.so.13");
    let finding = &cuda.findings_for(&runtime)[0];
    assert_eq!(finding.id, FindingId::MissingDependency);
    assert!(
        finding
            .remedy
            .contains("`cargo harness setup --runtime pytorch-2.11.0 --full`")
            && finding.remedy.contains("MiB to download"),
        "{finding}"
    );
    let entry = Catalog::builtin().get(&runtime.name).expect("listed");
    assert_eq!(cuda.size_for(entry), Size::Full);

    // CUDA 12 came with another version.
    let older = needs("libcublas.so.12");
    let finding = &older.findings_for(&runtime)[0];
    assert!(finding.remedy.contains("pytorch-2.9.1"), "{finding}");
    assert_eq!(older.size_for(entry), Size::Small);
}

#[test]
fn a_registration_that_runs_only_when_it_is_called_is_none() {
    const C_INTERFACE: &str = "int torch_library_init_def() { return 0; }";
    /// Calls it through `declare`, which a static initializer hands on, or another function calls.
    const LIBRARY: &str = r#"
        extern "C" int torch_library_init_def();
        static int declare() { return torch_library_init_def(); }
        using Declare = int (*)();
        #ifdef WHEN_OPENED
        struct Registration { Registration(Declare f) { made = f(); } int made; };
        __attribute__((noinline)) static int run(Declare declare) { return declare(); }
        int made = run(declare);
        #else
        extern "C" int import() { return declare(); }
        #endif
    "#;
    let tools = Toolchain::new();
    let source = format!("extern \"C\" {C_INTERFACE}");
    let runtime = tools.runtime_of(Framework::PyTorch, "libtorch_cpu.so", &source);
    let main = runtime.main_library.to_str().expect("UTF-8");
    for level in ["-O0", "-O2"] {
        let opened = tools.cpp("libopened.so", LIBRARY, &["-DWHEN_OPENED", level, main]);
        let verdict = inspect(&opened).expect("a file").verdict(&runtime);
        assert_eq!(verdict.name(), "loads", "{level}: {verdict:?}");
    }
    for level in ["-O0", "-O2"] {
        let imported = tools.cpp("libimported.so", LIBRARY, &[level, main]);
        let verdict = inspect(&imported).expect("a file").verdict(&runtime);
        assert_eq!(verdict.name(), "registers-nothing", "{level}: {verdict:?}");
        assert!(verdict.reason().contains("runs later"), "{verdict:?}");
        assert!(!verdict.refuses(), "the server tries it: {verdict:?}");
    }
}
