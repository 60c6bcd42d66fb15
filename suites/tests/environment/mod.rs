//! What tests that run cases need: installed runtimes, and servers that are none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use runtimes::{Cache, Catalog, Framework, Pip, Silent, Size};
use tempfile::TempDir;

/// The cache of runtimes, with all of ONNX Runtime installed.
pub fn cache() -> Cache {
    let cache = Cache::locate(None).expect("a place for runtimes");
    for entry in Catalog::builtin().of(Framework::OnnxRuntime) {
        if cache.find(&entry.name()).is_none() {
            let pip = Pip::find().expect("pip");
            runtimes::install(&cache, entry, Size::Small, &pip, &Silent)
                .expect("the runtime is installed");
        }
    }
    cache
}

/// A shell script in the place of a server.
#[allow(dead_code, reason = "each test executable uses a part of this module")]
pub fn script(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let program = folder.path().join("server");
    fs::write(&program, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("an executable script");
    (folder, program)
}
