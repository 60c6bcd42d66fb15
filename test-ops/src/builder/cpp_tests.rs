//! The way of a library in C++, with a small source in the place of a framework's part.

use std::{
    collections::HashSet,
    ffi::{CStr, CString, c_char, c_int},
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
};

use runtimes::{Cache, Origin, Prebuilt, Runtime, Size};

use super::{BuildError, Builder, store::Store};
use crate::{Broken, Fault, Library, Op, PluginEntry, Sample};

/// A runtime that nothing is needed of.
fn runtime(name: &str) -> Runtime {
    Runtime {
        name: name.parse().unwrap(),
        main_library: PathBuf::new(),
        library_dirs: Vec::new(),
        package_dir: PathBuf::from("/opt/runtime"),
        origin: Origin::InPlace,
        size: Size::default(),
        include_dirs: vec![PathBuf::from("/nonexistent/include")],
        bundled: Vec::new(),
        python: None,
    }
}

/// A builder with the probe's sources, in the folder that all test runs share.
fn builder() -> Builder {
    let root = Cache::locate(None).unwrap().root().join("op-libraries");
    with_sources(
        &root,
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe"),
    )
}

fn with_sources(root: &Path, frameworks: &Path) -> Builder {
    let mut builder = Builder::in_cache(&Cache::locate(None).unwrap());
    builder.store = Store::new(root.to_owned());
    let mut toolchain = Builder::find_toolchain().unwrap();
    toolchain.sources.frameworks = frameworks.to_owned();
    builder.toolchain.set(toolchain).unwrap();
    builder
}

fn build(content: impl Into<crate::Content>) -> PathBuf {
    let runtime = runtime("tensorrt-8.6.0");
    builder()
        .build(&Library::new(runtime.name.framework, content), &runtime)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A mapped library; it is unmapped when this is dropped.
struct Mapped {
    handle: *mut libc::c_void,
    path: PathBuf,
}

impl Mapped {
    fn open(path: &Path) -> Mapped {
        let name = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the name is terminated; the library's initializers do nothing.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null(), "{}", path.display());
        Mapped {
            handle,
            path: path.to_owned(),
        }
    }

    /// # Safety
    /// The function of that name has the type `F`.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> F {
        // SAFETY: the handle is valid; the type is by this function's contract.
        unsafe {
            let symbol = libc::dlsym(self.handle, name.as_ptr());
            assert!(!symbol.is_null(), "{name:?}");
            std::mem::transmute_copy(&symbol)
        }
    }

    fn ask(&self, name: &CStr) -> c_int {
        // SAFETY: the probe's functions without arguments return an int.
        unsafe { self.function::<unsafe extern "C" fn() -> c_int>(name)() }
    }

    fn registers(&self, op: c_int) -> bool {
        // SAFETY: the probe declares it so.
        unsafe {
            self.function::<unsafe extern "C" fn(c_int) -> c_int>(c"probe_registers")(op) != 0
        }
    }

    fn modulo(&self, a: f32, b: f32) -> Result<f32, String> {
        type Modulo = unsafe extern "C" fn(f32, f32, *mut f32, *mut c_char, usize) -> c_int;
        let mut y = f32::NAN;
        let mut message = [0u8; 256];
        // SAFETY: the probe declares it so, and all pointers are valid for the call.
        let failed = unsafe {
            self.function::<Modulo>(c"probe_modulo")(
                a,
                b,
                &mut y,
                message.as_mut_ptr().cast(),
                message.len(),
            )
        };
        if failed == 0 {
            return Ok(y);
        }
        Err(CStr::from_bytes_until_nul(&message)
            .unwrap()
            .to_string_lossy()
            .into_owned())
    }

    /// Unmaps the library and tells whether it is gone.
    fn leaves(self) -> bool {
        let path = self.path.clone();
        drop(self);
        !fs::read_to_string("/proc/self/maps")
            .unwrap()
            .contains(path.to_str().unwrap())
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the handle is closed once.
        unsafe { libc::dlclose(self.handle) };
    }
}

/// Lets the dynamic loader bring a library into another program.
fn preload(library: &Path) -> Output {
    Command::new("/bin/true")
        .env("LD_PRELOAD", library)
        .env("LC_ALL", "C")
        .output()
        .unwrap()
}

#[test]
fn variants_answer_side_by_side() {
    let plain = Mapped::open(&build(Sample::default()));
    let signed = Mapped::open(&build(
        Sample::default().with_signature(3).with_ops(&[Op::Modulo]),
    ));
    assert_eq!(plain.modulo(-7.0, 3.0), Ok(2.0));
    assert_eq!(signed.modulo(-7.0, 3.0), Ok(5.0));
    assert_eq!(
        [0, 1, 2, 3].map(|op| signed.registers(op)),
        [false, false, true, false]
    );
    assert!(plain.leaves());
    assert!(signed.leaves());
}

#[test]
fn an_op_that_the_runtime_cannot_express_is_left_out() {
    let on = |name: &str| {
        let runtime = runtime(name);
        let library = Library::new(runtime.name.framework, Sample::default());
        Mapped::open(&builder().build(&library, &runtime).unwrap())
    };
    let select_above = 3;
    assert!(!on("tensorrt-8.6.0").registers(select_above));
    assert!(on("tensorrt-10.16.1").registers(select_above));
}

#[test]
fn faults_show() {
    let throwing = Mapped::open(&build(Sample::default().with_fault(Fault::KernelThrows)));
    let error = throwing.modulo(5.0, 3.0).unwrap_err();
    assert_eq!(error, "the kernel throws, as it was asked to");
    assert_eq!(throwing.modulo(5.0, 3.0), Ok(2.0));
    assert_eq!(throwing.ask(c"probe_registration_fails"), 0);
    let failing = Mapped::open(&build(
        Sample::default().with_fault(Fault::RegistrationFails),
    ));
    assert_eq!(failing.ask(c"probe_registration_fails"), 1);
}

#[test]
fn entries_are_compiled_in() {
    let entry = |content: crate::Content| Mapped::open(&build(content)).ask(c"probe_entry");
    let registrar = Sample::default().with_plugin_entry(PluginEntry::StaticRegistrar);
    assert_eq!(entry(Sample::default().into()), 0);
    assert_eq!(entry(registrar.into()), 1);
    assert_eq!(entry(Broken::NoEntryPoint.into()), 2);
    assert_eq!(entry(Broken::MangledEntryPoint.into()), 3);
}

#[test]
fn a_pinned_library_stays() {
    assert!(!Mapped::open(&build(Sample::default().pinned())).leaves());
}

#[test]
fn initializers_end_the_process() {
    for (broken, signal, text) in [
        (Broken::InitializerCrashes, libc::SIGSEGV, ""),
        (Broken::InitializerAborts, libc::SIGABRT, ""),
        (
            Broken::InitializerThrows,
            libc::SIGABRT,
            "the static initializer throws",
        ),
    ] {
        let output = preload(&build(broken));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(signal), "{broken:?}: {errors}");
        assert!(errors.contains(text), "{broken:?}: {errors}");
    }
}

#[test]
fn the_loader_refuses_what_is_incomplete() {
    let output = preload(&build(Broken::MissingDependency));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(127), "{errors}");
    assert!(errors.contains("libabsent_dependency.so"), "{errors}");

    let name = CString::new(build(Broken::UndefinedSymbol).to_str().unwrap()).unwrap();
    // SAFETY: the name is terminated, and the loader refuses the library.
    let text = unsafe {
        assert!(libc::dlopen(name.as_ptr(), libc::RTLD_NOW).is_null());
        CStr::from_ptr(libc::dlerror()).to_string_lossy()
    };
    assert!(text.contains("_ZN6vendor6Tensor6resizeEm"), "{text}");
}

/// Two libraries in one process would otherwise use one and the same configuration and kernels.
#[test]
fn only_the_frameworks_part_is_exported() {
    use object::{Object, ObjectSymbol};
    let bytes = fs::read(build(Sample::default())).unwrap();
    let file = object::File::parse(bytes.as_slice()).unwrap();
    let exported: Vec<String> = file
        .dynamic_symbols()
        .filter(|symbol| symbol.is_definition())
        .map(|symbol| symbol.name().unwrap().to_owned())
        .filter(|name| !name.starts_with("probe_"))
        // Templates of the C++ library, the same in all of them.
        .filter(|name| !name.contains("St"))
        .collect();
    assert!(exported.is_empty(), "{exported:?}");
}

#[test]
fn each_thing_is_built_once_and_in_order() {
    let root = tempfile::tempdir().unwrap();
    // The kernels come from the shared cache, which costs no time.
    let shared = builder();
    let toolchain = shared.toolchain().unwrap();
    let kernels = toolchain
        .kernels
        .build(&toolchain.sources, &shared.store)
        .unwrap();
    let copy = root.path().join(kernels.file_name().unwrap());
    fs::create_dir(&copy).unwrap();
    fs::copy(
        kernels.join(super::KERNELS_ARCHIVE),
        copy.join(super::KERNELS_ARCHIVE),
    )
    .unwrap();

    let builder = with_sources(root.path(), &toolchain.sources.frameworks);
    let (older, newer) = (runtime("tensorrt-8.6.0"), runtime("tensorrt-10.16.1"));
    let framework = older.name.framework;
    let libraries: Vec<Library> = (0..6)
        .map(|signature| Library::new(framework, Sample::default().with_signature(signature)))
        .chain([
            Library::new(framework, Sample::default().pinned()),
            Library::new(framework, Broken::NotElf),
            Library::new(framework, Sample::default()),
        ])
        .collect();
    let orders: Vec<(&Library, &Runtime)> = libraries
        .iter()
        .flat_map(|library| [(library, &older), (library, &newer)])
        .collect();
    let begun = Mutex::new(0);
    let built = builder
        .build_all(&orders, |_, _| *begun.lock().unwrap() += 1)
        .unwrap();
    for ((library, runtime), path) in orders.iter().zip(&built) {
        assert_eq!(&builder.build(library, runtime).unwrap(), path);
    }
    let distinct: HashSet<&PathBuf> = built.iter().collect();
    // The first and the last library are the same.
    assert_eq!(distinct.len(), 2 * (libraries.len() - 1));
    let count = |prefix: &str| {
        fs::read_dir(root.path())
            .unwrap()
            .filter(|entry| {
                let name = entry.as_ref().unwrap().file_name();
                name.to_str().unwrap().starts_with(prefix)
            })
            .count()
    };
    assert_eq!(
        (count("object-"), count("library-"), count(".building-")),
        (2, 4, 0)
    );
    assert_eq!(begun.into_inner().unwrap(), 4);
}

#[test]
fn the_compilers_message_is_quoted() {
    let sources = tempfile::tempdir().unwrap();
    fs::create_dir(sources.path().join("tensorrt")).unwrap();
    fs::write(sources.path().join("tensorrt/plugin.cpp"), "int plugin() {").unwrap();
    let root = tempfile::tempdir().unwrap();
    let runtime = runtime("tensorrt-8.6.0");
    let library = Library::new(runtime.name.framework, Sample::default());
    let error = with_sources(root.path(), sources.path())
        .build(&library, &runtime)
        .unwrap_err()
        .to_string();
    for part in ["tensorrt-8.6.0", "plugin.cpp:1", "error:"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_cannot_be_built_is_told() {
    let root = tempfile::tempdir().unwrap();
    let builder = with_sources(root.path(), root.path());
    let refusal =
        |library: Library, runtime: &Runtime| builder.build(&library, runtime).unwrap_err();

    let tensorrt = runtime("tensorrt-8.6.0");
    let mut pytorch = runtime("pytorch-2.11.0");
    pytorch.include_dirs.clear();
    let of = |runtime: &Runtime| Library::new(runtime.name.framework, Sample::default());
    assert!(matches!(
        refusal(of(&tensorrt), &tensorrt),
        BuildError::NoSources { .. }
    ));
    assert!(matches!(
        refusal(of(&pytorch), &pytorch),
        BuildError::Headers { .. }
    ));
    assert!(matches!(
        refusal(of(&pytorch), &tensorrt),
        BuildError::Framework { .. }
    ));
    let unchecked = Sample::default().with_fault(Fault::UncheckedApi);
    let library = Library::new(tensorrt.name.framework, unchecked);
    assert!(matches!(
        refusal(library, &tensorrt),
        BuildError::Nonexistent { .. }
    ));
}

#[test]
fn a_cache_from_another_machine_answers_without_sources_or_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::at(folder.path()).unwrap();
    let runtime = runtime("tensorrt-8.6.0");
    let packed = Library::new(runtime.name.framework, Sample::default());
    fs::write(cache.root().join("libpacked.so"), "as packed").unwrap();
    let mut prebuilt = Prebuilt::default();
    let request = Builder::request(&packed, &runtime.name);
    prebuilt.add(request, "libpacked.so".into());
    prebuilt.write(cache.root()).unwrap();

    let builder = Builder::in_cache(&cache);
    let file = builder.build(&packed, &runtime).unwrap();
    assert_eq!(fs::read(file).unwrap(), b"as packed");
    let orders = [(&packed, &runtime)];
    let files = builder.build_all(&orders, |_, _| panic!("nothing is built"));
    assert_eq!(files.unwrap().len(), 1);

    let other = Library::new(
        runtime.name.framework,
        Sample::default().with_domain("other"),
    );
    let error = builder.build(&other, &runtime).unwrap_err().to_string();
    for part in ["the bundle has no op library", "tensorrt-8.6.0"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(builder.toolchain.get().is_none());
    assert!(!cache.root().join("op-libraries").exists());
}
