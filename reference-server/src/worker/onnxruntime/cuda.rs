//! What ONNX Runtime needs to execute on GPUs: its CUDA provider, and CUDA's libraries.

use std::path::Path;

use op_library::missing_libraries;

use crate::worker::gpus::{Gpus, Obstacle};

/// The part of ONNX Runtime that needs a GPU, beside its main library.
const CUDA_PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// The GPUs that sessions of the ONNX Runtime in `folder` can execute on. Nothing is loaded to find
/// out.
pub(super) fn gpus(folder: &Path, version: &str) -> Gpus {
    Gpus::unless(obstacle(folder, version))
}

fn obstacle(folder: &Path, version: &str) -> Option<Obstacle> {
    let runtime = format!("onnxruntime-{version}");
    let provider = folder.join(CUDA_PROVIDER);
    if !provider.is_file() {
        let package = "onnxruntime-gpu";
        return Some(Obstacle::no_part(&runtime, CUDA_PROVIDER, package));
    }
    let missing = missing_libraries(&provider, &[]);
    let requirement = format!("onnxruntime-gpu[cuda,cudnn]=={version}");
    Obstacle::missing_libraries(&runtime, &missing, &requirement)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use runtimes::Compiler;

    use super::*;

    /// Makes a library in `folder` that needs those which stand behind its name.
    fn library(folder: &Path, name: &str, needs: &[&str]) {
        let source = folder.join("source.c");
        std::fs::write(&source, "int answer(void) { return 42; }").unwrap();
        let path = folder.join(name);
        let mut arguments: Vec<OsString> = ["-shared", "-fPIC", "-xc", "-Wl,--no-as-needed", "-o"]
            .map(OsString::from)
            .to_vec();
        arguments.extend([path.into(), source.into(), "-xnone".into()]);
        arguments.extend(needs.iter().map(|needed| folder.join(needed).into()));
        arguments.extend([
            format!("-Wl,-soname,{name}").into(),
            "-Wl,-rpath,$ORIGIN".into(),
        ]);
        Compiler::find().unwrap().run(&arguments).unwrap();
    }

    #[test]
    fn what_the_provider_needs_and_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let told = obstacle(folder, "1.31.1").unwrap();
        assert!(told.fault.contains(CUDA_PROVIDER), "{}", told.fault);
        assert!(told.remedy.contains("onnxruntime-gpu"), "{}", told.remedy);

        library(folder, "libcublasLt.so.99", &[]);
        library(folder, "libcublas.so.99", &["libcublasLt.so.99"]);
        library(folder, "libcurand.so.98", &[]);
        library(
            folder,
            CUDA_PROVIDER,
            &["libcublas.so.99", "libcurand.so.98"],
        );
        assert_eq!(obstacle(folder, "1.31.1"), None);

        std::fs::remove_file(folder.join("libcublasLt.so.99")).unwrap();
        std::fs::remove_file(folder.join("libcurand.so.98")).unwrap();
        let told = obstacle(folder, "1.31.1").unwrap();
        let names = "path: libcurand.so.98, libcublasLt.so.99";
        assert!(told.fault.ends_with(names), "{}", told.fault);
        let install = "`pip install 'onnxruntime-gpu[cuda,cudnn]==1.31.1'`";
        assert!(told.remedy.contains(install), "{}", told.remedy);
    }
}
