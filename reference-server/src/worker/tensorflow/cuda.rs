//! What TensorFlow needs to execute on GPUs: a build with kernels for them, and CUDA's libraries.

use op_library::locate;

use super::runtime::Runtime;
use crate::worker::gpus::{Gpus, Obstacle};

/// An op that has a kernel for GPUs in every build that is for them.
const EVERYWHERE: &str = "MatMul";

/// The libraries that TensorFlow opens when it looks for GPUs, by the first minor version of release 2
/// that opens these, newest first. Where one of them is missing it goes on without any GPU.
///
/// Source: what `tsl::internal::DsoLoader::TryDlopenCUDALibraries` opens; the versions of CUDA and cuDNN
/// are those that TensorFlow's installation guide lists as tested build configurations.
const LIBRARIES: [(u64, [&str; 7]); 3] = [
    (
        18,
        [
            "libcudart.so.12",
            "libcublas.so.12",
            "libcublasLt.so.12",
            "libcufft.so.11",
            "libcusolver.so.11",
            "libcusparse.so.12",
            "libcudnn.so.9",
        ],
    ),
    (
        15,
        [
            "libcudart.so.12",
            "libcublas.so.12",
            "libcublasLt.so.12",
            "libcufft.so.11",
            "libcusolver.so.11",
            "libcusparse.so.12",
            "libcudnn.so.8",
        ],
    ),
    (
        0,
        [
            "libcudart.so.11.0",
            "libcublas.so.11",
            "libcublasLt.so.11",
            "libcufft.so.10",
            "libcusolver.so.11",
            "libcusparse.so.11",
            "libcudnn.so.8",
        ],
    ),
];

/// The GPUs that sessions of `runtime` can execute on. Nothing is loaded to find out.
pub(super) fn gpus(runtime: &std::sync::Arc<Runtime>) -> Gpus {
    let name = runtime.name();
    let kernels = runtime.kernels_of(EVERYWHERE);
    if !kernels.iter().any(|kernel| kernel.device_type == "GPU") {
        let obstacle = Obstacle::no_part(&name, "kernels for GPU devices", "tensorflow");
        return Gpus::unless(Some(obstacle));
    }
    let missing: Vec<String> = libraries(&runtime.version)
        .iter()
        .filter(|library| locate(library, &runtime.library_dirs).is_none())
        .map(|&library| library.to_owned())
        .collect();
    let requirement = format!("tensorflow[and-cuda]=={}", runtime.version);
    Gpus::unless(Obstacle::missing_libraries(&name, &missing, &requirement))
}

/// The libraries that TensorFlow of that version opens.
fn libraries(version: &str) -> &'static [&'static str] {
    let minor = version.split('.').nth(1);
    let minor: u64 = minor.and_then(|minor| minor.parse().ok()).unwrap_or(0);
    let of_release = LIBRARIES.iter().find(|(first, _)| *first <= minor);
    of_release.map_or(&[], |(_, libraries)| libraries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_open_the_libraries_of_their_cuda() {
        for (version, library) in [
            ("2.21.0", "libcudnn.so.9"),
            ("2.18.0-rc1", "libcudart.so.12"),
            ("2.17.1", "libcudnn.so.8"),
            ("2.15.0", "libcudart.so.12"),
            ("2.14.1", "libcudart.so.11.0"),
        ] {
            assert!(libraries(version).contains(&library), "{version}");
        }
    }
}
