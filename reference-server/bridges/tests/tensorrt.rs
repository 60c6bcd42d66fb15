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
