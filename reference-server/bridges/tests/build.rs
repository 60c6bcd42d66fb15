//! Builds a small bridge with the machine's compiler, against a runtime without headers.

use std::fs;
use std::path::PathBuf;

use bridges::{Bridge, BridgeError, Source};
use runtimes::{Cache, Framework, Runtime};
use tempfile::TempDir;

const BRIDGE: Bridge = Bridge {
    sources: &[
        Source {
            path: "answer.cpp",
            text: "#include \"include/answer.h\"\n\
                   extern \"C\" __attribute__((visibility(\"default\"))) int answer() { return ANSWER; }\n",
        },
        Source {
            path: "include/answer.h",
            text: "#pragma once\n",
        },
    ],
    arguments: &["-DANSWER=42"],
    links_runtime: false,
};

/// A cache, and something that passes for TensorRT.
fn bench() -> (TempDir, Cache, Runtime) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let library = folder.path().join("libnvinfer.so.8.6.0");
    fs::write(&library, "").expect("a file");
    let runtime = Runtime::in_place(Framework::TensorRt, &library).expect("a runtime");
    let cache = Cache::at(&folder.path().join("cache")).expect("a cache");
    (folder, cache, runtime)
}

fn files(cache: &Cache) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache.root().join("bridges")).expect("a folder");
    entries
        .map(|entry| entry.expect("readable").path())
        .collect()
}

#[test]
fn a_bridge_is_compiled_once_and_can_be_called() {
    let (_folder, cache, runtime) = bench();
    let built = BRIDGE.build(&runtime, &cache).expect("built");
    // SAFETY: the library was just compiled; it has no initializers.
    let library = unsafe { libloading::Library::new(&built) }.expect("a library");
    // SAFETY: the function has that type.
    let answer = unsafe { library.get::<extern "C" fn() -> i32>("answer") }.expect("exported");
    assert_eq!(answer(), 42);

    let time = || {
        fs::metadata(&built)
            .and_then(|data| data.modified())
            .expect("there")
    };
    let first = time();
    assert_eq!(BRIDGE.build(&runtime, &cache).expect("built"), built);
    assert_eq!(time(), first);
    assert_eq!(files(&cache), [built], "and nothing is left beside it");
}

#[test]
fn other_arguments_or_another_runtime_make_another_file() {
    let (_folder, cache, runtime) = bench();
    let first = BRIDGE.build(&runtime, &cache).expect("built");
    let other = Bridge {
        arguments: &["-DANSWER=43"],
        ..BRIDGE
    };
    let second = other.build(&runtime, &cache).expect("built");
    fs::write(&runtime.main_library, "replaced").expect("a file");
    let third = BRIDGE.build(&runtime, &cache).expect("built");
    assert!(first != second && first != third && second != third);
}

#[test]
fn a_failure_quotes_the_compiler_and_names_the_runtime() {
    let (_folder, cache, runtime) = bench();
    let broken = Bridge {
        arguments: &[],
        ..BRIDGE
    };
    let error = broken.build(&runtime, &cache).unwrap_err();
    assert!(matches!(error, BridgeError::Compile { .. }), "{error}");
    let message = error.to_string();
    for part in ["tensorrt-8.6.0", "answer.cpp", "ANSWER"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(files(&cache).is_empty(), "no half-built file");
}

#[test]
fn frameworks_with_an_interface_in_c_need_no_bridge() {
    for framework in [Framework::OnnxRuntime, Framework::TensorFlow] {
        assert_eq!(Bridge::of(framework), None);
    }
    for framework in [Framework::PyTorch, Framework::TensorRt] {
        let bridge = Bridge::of(framework).expect("a bridge");
        assert!(
            bridge
                .sources
                .iter()
                .any(|source| source.path.ends_with(".cpp"))
        );
    }
}
