//! The bridge to TensorRT is compiled for every major version that the catalogue has.

use std::path::Path;

use runtimes::{Cache, Framework, Origin, Runtime, RuntimeName, Size};

fn runtime(version: &str, library: &Path) -> Runtime {
    Runtime {
        name: RuntimeName::new(Framework::TensorRt, version.parse().expect("a version")),
        main_library: library.to_owned(),
        library_dirs: vec!["/nowhere".into()],
        package_dir: "/nowhere".into(),
        origin: Origin::InPlace,
        size: Size::Small,
        include_dirs: Vec::new(),
        bundled: Vec::new(),
        python: None,
    }
}

#[test]
fn it_is_compiled_without_an_sdk() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let cache = Cache::at(folder.path()).expect("a cache");
    for version in ["8.5.3.1", "8.6.0", "10.16.1", "11.4.0"] {
        let runtime = runtime(version, Path::new("/nowhere/libnvinfer.so"));
        let bridge = bridges::build(&runtime, &cache)
            .expect("compiles")
            .expect("TensorRT has a bridge");
        // SAFETY: the bridge has no initializers beyond those of its own empty tables.
        let library = unsafe { libloading::Library::new(&bridge) }.expect("loads");
        for function in [c"bridge_open", c"bridge_load_library", c"bridge_enqueue"] {
            // SAFETY: only looked up.
            unsafe { library.get::<*const ()>(function) }.expect("exported");
        }
    }
}

#[test]
fn it_is_compiled_with_the_sdk_that_the_environment_names() {
    let Some(headers) = std::env::var_os(runtimes::TENSORRT_INCLUDE_VARIABLE) else {
        return;
    };
    let headers = Path::new(&headers);
    let folder = tempfile::tempdir().expect("a scratch folder");
    let cache = Cache::at(folder.path()).expect("a cache");
    let version = std::fs::read_to_string(headers.join("NvInferVersion.h")).expect("an SDK");
    let major = ["8", "10", "11"]
        .into_iter()
        .find(|major| {
            ["NV_TENSORRT_MAJOR", "TRT_MAJOR_ENTERPRISE"]
                .iter()
                .any(|name| version.contains(&format!("#define {name} {major}")))
        })
        .expect("a version that is known");
    let runtime = Runtime {
        include_dirs: vec![headers.to_owned()],
        ..runtime(&format!("{major}.0.0"), Path::new("/nowhere/libnvinfer.so"))
    };
    bridges::build(&runtime, &cache).expect("compiles");
}
