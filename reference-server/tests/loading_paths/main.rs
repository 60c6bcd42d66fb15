//! Op libraries that reach all models of a framework: LD_PRELOAD, --preload, --backend-config; and those of
//! models that come with a load request.

#[path = "../support/mod.rs"]
mod support;

mod backend_config;
mod collisions;
mod frameworks;
mod model_files;
mod preload;
mod runtime_choice;

use support::samples::{Samples, small};
use test_ops::Sample;

/// A repository with the model `small`, which lists no op library, and the sample library outside
/// of it.
struct Bare {
    samples: Samples,
    outside: tempfile::TempDir,
}

impl Bare {
    fn new() -> Self {
        let samples = Samples::new();
        std::fs::remove_file(samples.library()).unwrap();
        samples.add_with(&small(), |configuration| configuration.op_libraries.clear());
        let bare = Self {
            samples,
            outside: tempfile::tempdir().unwrap(),
        };
        bare.put("libops.so", &Sample::default().into());
        bare
    }

    /// Builds a library outside of the repository, or replaces it.
    fn put(&self, name: &str, content: &test_ops::Content) -> String {
        let built = self.samples.add_library(name, content);
        let path = self.outside.path().join(name);
        // As a linker or a deployment does: another file under the same name.
        let new = self.outside.path().join(".new");
        std::fs::copy(&built, &new).unwrap();
        std::fs::rename(&new, &path).unwrap();
        std::fs::remove_file(built).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The sample library.
    fn library(&self) -> String {
        let path = self.outside.path().join("libops.so");
        path.to_str().unwrap().to_owned()
    }

    fn root(&self) -> &std::path::Path {
        self.samples.root()
    }

    fn outside(&self) -> &str {
        self.outside.path().to_str().unwrap()
    }
}

/// Whether a process has a file of this name mapped.
fn maps(pid: u32, name: &str) -> bool {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.lines().any(|line| line.ends_with(name))
}

/// Whether a process's environment names this text. The kernel shows it as it was at the start.
fn environment_names(pid: u32, text: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    String::from_utf8_lossy(&environment).contains(text)
}
