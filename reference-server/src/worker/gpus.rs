//! Which GPUs a framework in this process can use, and what keeps it from them.

use runtimes::{Catalog, RuntimeName, Size};

use super::gpu;
use crate::configuration::Device;

/// The library of NVIDIA's driver.
const DRIVER: &str = "libcuda.so.1";

/// The GPUs that a framework in this process can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gpus {
    /// So many, counted from 0.
    Usable(u32),
    /// None, for these reasons; the driver comes first.
    None(Vec<Obstacle>),
}

/// Something that keeps a framework from GPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// What it is, as a part of a sentence about the runtime.
    pub fault: String,
    /// What to do about it.
    pub remedy: String,
}

impl Gpus {
    /// Those that the driver has, where nothing of the framework's own is in the way.
    pub fn unless(own: Option<Obstacle>) -> Self {
        let driver = match gpu::present() {
            Ok(count) if own.is_none() => return Self::Usable(count),
            Ok(_) => None,
            Err(obstacle) => Some(obstacle),
        };
        Self::None(driver.into_iter().chain(own).collect())
    }

    /// The first GPU, or the CPU where there is none, which the log tells of the model.
    pub(super) fn first_or_cpu(&self, model: &str, runtime: &str) -> Device {
        match self {
            Self::Usable(_) => Device::Gpu(0),
            Self::None(obstacles) => {
                let reason = told(obstacles);
                tracing::info!(model, runtime, reason, "the model executes on the CPU");
                Device::Cpu
            }
        }
    }

    /// The GPU of that number.
    ///
    /// # Errors
    /// It cannot be used; the text is the end of a sentence about the model.
    pub(super) fn with_number(&self, number: u32, runtime: &str) -> Result<Device, String> {
        match self {
            Self::Usable(count) if number < *count => Ok(Device::Gpu(number)),
            Self::Usable(count) => Err(format!(
                "has an instance on GPU {number}, and {runtime} finds {count}, counted from 0; \
                 correct gpus in instance_group"
            )),
            Self::None(obstacles) => Err(format!(
                "has an instance on a GPU (KIND_GPU), and {runtime} as it is installed here uses \
                 none: {}; or use KIND_CPU or KIND_AUTO",
                told(obstacles)
            )),
        }
    }
}

/// What is in the way, then what to do.
fn told(obstacles: &[Obstacle]) -> String {
    let joined = |part: fn(&Obstacle) -> &str| {
        let parts: Vec<&str> = obstacles.iter().map(part).collect();
        parts.join(", and ")
    };
    format!(
        "{}; {}",
        joined(|obstacle| &obstacle.fault),
        joined(|obstacle| &obstacle.remedy)
    )
}

impl Obstacle {
    /// The framework has no part for GPUs: `part` is what is looked for, `package` the Python package
    /// that has it.
    pub(super) fn no_part(runtime: &str, part: &str, package: &str) -> Self {
        let installation =
            format!("an installation of the Python package {package}, given with --runtime");
        let name: Option<RuntimeName> = runtime.parse().ok();
        let catalogued = name.and_then(|name| Catalog::builtin().for_gpus(name.framework));
        Self {
            fault: format!("it has no part for GPUs ({part})"),
            remedy: catalogued.map_or_else(
                || format!("use {installation}"),
                |entry| {
                    format!(
                        "use {} in its full size, which {} installs, or {installation}",
                        entry.name(),
                        command(entry.name())
                    )
                },
            ),
        }
    }

    /// The framework's part for GPUs needs `libraries`, which are not found; `None` where there are
    /// none of them but the driver's own. `requirement` is what pip is asked for to get them.
    pub(super) fn missing_libraries(
        runtime: &str,
        libraries: &[String],
        requirement: &str,
    ) -> Option<Self> {
        let libraries: Vec<&str> = libraries
            .iter()
            .map(String::as_str)
            .filter(|name| *name != DRIVER)
            .collect();
        let first = libraries.first()?;
        let command = command_for(runtime, first)
            .map_or_else(String::new, |command| format!(", or use {command}"));
        Some(Self {
            fault: format!(
                "the CUDA libraries that it needs are not found on the library path: {}",
                libraries.join(", ")
            ),
            remedy: format!(
                "install the libraries beside the runtime with `pip install '{requirement}'`{command}"
            ),
        })
    }
}

/// The command that installs a runtime of the catalogue in its full size.
fn command(name: RuntimeName) -> String {
    format!("`cargo harness setup --runtime {name} --full`")
}

/// That command, where it brings `library` to the runtime.
fn command_for(runtime: &str, library: &str) -> Option<String> {
    let name: RuntimeName = runtime.parse().ok()?;
    let entry = Catalog::builtin().get(&name)?;
    (entry.size_with(library) == Some(Size::Full)).then(|| command(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Gpus {
        let libraries = ["libcuda.so.1", "libcublas.so.13", "libcudnn.so.9"].map(str::to_owned);
        let own = Obstacle::missing_libraries("pytorch-2.11.0", &libraries, "torch==2.11.0");
        let driver = Obstacle {
            fault: "NVIDIA's driver (libcuda.so.1) is not installed".to_owned(),
            remedy: "install it".to_owned(),
        };
        Gpus::None([driver].into_iter().chain(own).collect())
    }

    #[test]
    fn a_gpu_that_is_not_there_is_refused() {
        let gpus = Gpus::Usable(2);
        assert_eq!(gpus.with_number(1, "x"), Ok(Device::Gpu(1)));
        let text = gpus.with_number(2, "pytorch-2.11.0").unwrap_err();
        assert!(
            text.contains("GPU 2") && text.contains("pytorch-2.11.0"),
            "{text}"
        );
        assert_eq!(gpus.first_or_cpu("m", "x"), Device::Gpu(0));
        assert_eq!(none().first_or_cpu("m", "x"), Device::Cpu);
    }

    #[test]
    fn what_is_in_the_way_is_told_with_the_driver_first() {
        assert_eq!(
            none().with_number(0, "pytorch-2.11.0").unwrap_err(),
            "has an instance on a GPU (KIND_GPU), and pytorch-2.11.0 as it is installed here uses \
             none: NVIDIA's driver (libcuda.so.1) is not installed, and the CUDA libraries that it \
             needs are not found on the library path: libcublas.so.13, libcudnn.so.9; install it, \
             and install the libraries beside the runtime with `pip install 'torch==2.11.0'`, or use \
             `cargo harness setup --runtime pytorch-2.11.0 --full`; or use KIND_CPU or KIND_AUTO"
        );
    }

    #[test]
    fn a_build_for_the_cpu_is_answered_with_one_for_gpus() {
        let told = |runtime| Obstacle::no_part(runtime, "x.so", "the-package").remedy;
        let text = told("onnxruntime-1.32.0");
        for part in [
            "use onnxruntime-1.31.1 in its full size",
            "`cargo harness setup --runtime onnxruntime-1.31.1 --full`",
            "the Python package the-package",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(told("tensorflow-2.19.1").contains("tensorflow-2.21.0 in its full size"));
        assert!(!told("a build of our own").contains("cargo harness"));
    }

    #[test]
    fn the_driver_alone_is_not_the_frameworks_fault() {
        let driver = [DRIVER.to_owned()];
        assert_eq!(Obstacle::missing_libraries("x", &driver, "x"), None);
        assert_eq!(Obstacle::missing_libraries("x", &[], "x"), None);
    }
}
