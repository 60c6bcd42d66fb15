use std::{
    env, fs,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    BuildError,
    compiler::{Compiler, run},
    short,
    sources::Sources,
};

const PACKAGE: &str = "sample-ops-onnxruntime";
const STEM: &str = "libsample_ops_onnxruntime";
const REMEDY: &str = "install Rust (https://rustup.rs), or put cargo on the PATH";

/// The compiled Rust sources: a shared object and an archive.
#[derive(Debug)]
pub(super) struct RustBuild {
    root: PathBuf,
    key: String,
}

impl RustBuild {
    /// The build of these sources by the toolchain of the workspace, in the cache folder `root`.
    pub(super) fn find(
        sources: &Sources,
        compiler: &Compiler,
        root: &Path,
    ) -> Result<RustBuild, BuildError> {
        let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        let version = run(rustc.arg("-vV").current_dir(sources.workspace()), REMEDY)?.stdout;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&version);
        hasher.update(compiler.identity().as_bytes());
        hasher.update(sources.rust_hash()?.as_bytes());
        // How cargo is called.
        hasher.update(include_bytes!("rust.rs"));
        Ok(RustBuild {
            root: root.to_owned(),
            key: short(&hasher.finalize()),
        })
    }

    /// Hash of sources and toolchain.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The shared object, unconfigured.
    pub(super) fn library(&self) -> PathBuf {
        self.folder().join(format!("{STEM}.so"))
    }

    /// The archive, unconfigured.
    pub(super) fn archive(&self) -> PathBuf {
        self.folder().join(format!("{STEM}.a"))
    }

    /// Compiles unless that has been done, by this process or another one.
    pub(super) fn build(&self, sources: &Sources) -> Result<(), BuildError> {
        if self.is_built() {
            return Ok(());
        }
        let lock = self.root.join(".lock");
        let file = File::create(&lock).map_err(BuildError::writing(&lock))?;
        file.lock().map_err(BuildError::writing(&lock))?;
        if self.is_built() {
            return Ok(());
        }
        // Of its own, so that it neither waits for nor invalidates an outer cargo's folder.
        let target = self.root.join("cargo-target");
        run(&mut cargo(sources, &target), REMEDY)?;
        let scratch = tempfile::Builder::new()
            .prefix(".building-")
            .tempdir_in(&self.root)
            .map_err(BuildError::writing(&self.root))?;
        for suffix in ["so", "a"] {
            let name = format!("{STEM}.{suffix}");
            let copy = scratch.path().join(&name);
            fs::copy(target.join("release").join(&name), &copy)
                .map_err(BuildError::writing(&copy))?;
        }
        let folder = self.folder();
        fs::rename(scratch.path(), &folder).map_err(BuildError::writing(&folder))
    }

    fn is_built(&self) -> bool {
        self.folder().is_dir()
    }

    fn folder(&self) -> PathBuf {
        self.root.join(format!("rust-{}", self.key))
    }
}

/// What a nested cargo inherits of the variables that concern cargo: where it finds packages.
const INHERITED: [&str; 6] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];
/// What an outer build or a user's shell sets that would change the library or disturb its build.
const FLAGS: [&str; 6] = [
    "RUSTFLAGS",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "MAKEFLAGS",
    "MFLAGS",
    "LD_PRELOAD",
];

/// The nested cargo. It inherits nothing of an outer cargo's run: build flags, package variables
/// and a job server of another build would change or disturb it.
fn cargo(sources: &Sources, target: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let concerns_cargo =
            text.starts_with("CARGO") && !INHERITED.iter().any(|kept| text.starts_with(kept));
        if concerns_cargo || FLAGS.contains(&text.as_ref()) {
            command.env_remove(name);
        }
    }
    command.current_dir(sources.workspace()).args([
        "build",
        "--release",
        "--quiet",
        "--package",
        PACKAGE,
    ]);
    command.arg("--target-dir").arg(target);
    // Two small packages: link-time optimization costs seconds and wins nothing here, where each
    // package is one unit, so that what must be inlined for an instruction set is.
    command
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command
}
