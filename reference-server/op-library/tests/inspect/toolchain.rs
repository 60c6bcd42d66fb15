//! Compiles small libraries with the machine's own compilers.

use std::path::{Path, PathBuf};
use std::process::Command;

use runtimes::{Framework, Runtime};
use tempfile::TempDir;

/// A scratch folder with a compiler and something that passes for ONNX Runtime.
pub struct Toolchain {
    folder: TempDir,
    /// A library with ONNX Runtime's file name, SONAME and export.
    pub runtime: Runtime,
}

impl Toolchain {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let root = folder.path().canonicalize().expect("exists");
        std::fs::create_dir(root.join("runtime")).expect("a folder");
        let library = root.join("runtime/libonnxruntime.so.1.32.0");
        compile(
            "cc",
            &root,
            "const void* OrtGetApiBase(void) { return 0; }",
            &library,
            &["-shared", "-fPIC", "-Wl,-soname,libonnxruntime.so.1"],
        );
        let runtime = Runtime::in_place(Framework::OnnxRuntime, &library).expect("a runtime");
        Self { folder, runtime }
    }

    /// A small runtime of `framework`: a library of that file name with `source` in it, and what
    /// tells its version.
    pub fn runtime_of(&self, framework: Framework, library: &str, source: &str) -> Runtime {
        let folder = match framework {
            Framework::OnnxRuntime => "runtime",
            Framework::PyTorch => "torch/lib",
            Framework::TensorFlow => "tensorflow",
            Framework::TensorRt => "tensorrt",
        };
        let path = self.cpp(
            &format!("{folder}/{library}"),
            source,
            &[&format!("-Wl,-soname,{library}")],
        );
        for distribution in [
            "torch-2.11.0.dist-info",
            "tensorflow_cpu-2.21.0.dist-info",
            "tensorrt-8.6.0.dist-info",
        ] {
            std::fs::create_dir_all(self.path(distribution)).expect("a folder");
        }
        Runtime::in_place(framework, &path).expect("a runtime")
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().expect("exists")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Compiles C into the shared library `name`.
    pub fn c(&self, name: &str, source: &str, options: &[&str]) -> PathBuf {
        self.library("cc", name, source, options)
    }

    /// Compiles C++ into the shared library `name`.
    pub fn cpp(&self, name: &str, source: &str, options: &[&str]) -> PathBuf {
        self.library("c++", name, source, options)
    }

    /// Compiles C with `options` alone.
    pub fn plain(&self, name: &str, source: &str, options: &[&str]) -> PathBuf {
        let path = self.path(name);
        compile("cc", &self.root(), source, &path, options);
        path
    }

    fn library(&self, compiler: &str, name: &str, source: &str, options: &[&str]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("has a folder")).expect("folders");
        let options: Vec<&str> = ["-shared", "-fPIC"]
            .iter()
            .chain(options)
            .copied()
            .collect();
        compile(compiler, &self.root(), source, &path, &options);
        path
    }
}

fn compile(compiler: &str, root: &Path, source: &str, target: &Path, options: &[&str]) {
    let extension = if compiler == "cc" { "c" } else { "cpp" };
    let file_name = target.file_name().expect("a file name").to_string_lossy();
    let file = root.join(format!("{file_name}.{extension}"));
    std::fs::write(&file, source).expect("a source file");
    let output = Command::new(compiler)
        .current_dir(root)
        .arg("-o")
        .arg(target)
        .arg(&file)
        .args(options)
        .output()
        .expect("a compiler");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
