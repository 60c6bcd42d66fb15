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
    let text = std::fs::read_to_string(headers.join("NvInferVersion.h")).expect("an SDK");
    let number = |names: [&str; 2]| {
        text.lines()
            .filter_map(|line| line.strip_prefix("#define ")?.split_once(' '))
            .find_map(|(name, value)| {
                let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
                (names.contains(&name) && !digits.is_empty()).then(|| digits.to_owned())
            })
            .expect("a version that is known")
    };
    let version = [
        ["NV_TENSORRT_MAJOR", "TRT_MAJOR_ENTERPRISE"],
        ["NV_TENSORRT_MINOR", "TRT_MINOR_ENTERPRISE"],
        ["NV_TENSORRT_PATCH", "TRT_PATCH_ENTERPRISE"],
    ]
    .map(number)
    .join(".");
    let runtime = Runtime {
        include_dirs: vec![headers.to_owned()],
        ..runtime(&version, Path::new("/nowhere/libnvinfer.so"))
    };
    bridges::build(&runtime, &cache).expect("compiles");
}

/// A folder with headers that tell their version, and hold nothing else.
fn write_version(headers: &Path, [major, minor, patch]: [u32; 3]) {
    let text = format!(
        "#define NV_TENSORRT_MAJOR {major}\n#define NV_TENSORRT_MINOR {minor}\n\
         #define NV_TENSORRT_PATCH {patch}\n"
    );
    std::fs::write(headers.join("NvInferVersion.h"), text).expect("a header");
}

#[test]
fn headers_of_another_version_are_not_used() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let headers = tempfile::tempdir().expect("a scratch folder");
    let cache = Cache::at(folder.path()).expect("a cache");
    let build = |version: &str| {
        let runtime = Runtime {
            include_dirs: vec![headers.path().to_owned()],
            ..runtime(version, Path::new("/nowhere/libnvinfer.so"))
        };
        bridges::build(&runtime, &cache).map(|bridge| bridge.expect("TensorRT has a bridge"))
    };
    write_version(headers.path(), [8, 6, 1]);
    let former = build("8.6.0").expect("compiles with our own declarations");
    build("8.6.1").expect_err("the headers are used, and hold nothing");

    write_version(headers.path(), [10, 2, 0]);
    build("10.16.1").expect("compiles with our own declarations");
    build("10.2.5").expect_err("the headers are used, and hold nothing");
    let other = build("8.6.0").expect("compiles");
    assert_ne!(former, other, "the headers' version is a part of the name");
}
