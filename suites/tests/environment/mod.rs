//! What tests that run cases need: installed runtimes, and servers that are none.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use runtimes::{Cache, Catalog, Framework, Pip, RuntimeName, Silent, Size};
use suites::{Case, Need};
use tempfile::TempDir;

/// The cache of runtimes, with those installed that `cases` run on and name.
pub fn cache(cases: &[Case]) -> Cache {
    let cache = Cache::locate(None).expect("a place for runtimes");
    let frameworks: BTreeSet<Framework> = cases.iter().flat_map(Case::frameworks).collect();
    let defaults = frameworks
        .into_iter()
        .filter_map(|framework| Catalog::builtin().default_of(framework))
        .map(|entry| entry.name());
    let named = cases
        .iter()
        .flat_map(|case| &case.needs)
        .filter_map(|need| match need {
            Need::Runtime(name) => Some(*name),
            _ => None,
        });
    let wanted: BTreeSet<RuntimeName> = defaults.chain(named).collect();
    for name in wanted {
        if let (Some(entry), None) = (Catalog::builtin().get(&name), cache.find(&name)) {
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
