//! Plans of TensorRT. They hold code for one kind of GPU, so TensorRT's builder writes them where
//! they are to run: a small program in C++ (`tensorrt/plan-builder`) does that.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    sync::OnceLock,
    time::{Duration, Instant},
};

use runtimes::{
    Cache, CompileError, Compiler, Framework, Prebuilt, PrebuiltError, Runtime, RuntimeName, Size,
};

use super::{Model, ParameterSource};
use crate::{DEFAULT_DOMAIN, Op};

/// The longest extent of an axis that a model leaves open.
const LONGEST: usize = 1024;

/// The major number of a compute capability that no GPU has which runs the samples: their kernels begin
/// with 7.5.
const OTHER_MAJOR: u32 = 6;
/// The longest that the compute capability is looked for in a plan.
const SEARCH: Duration = Duration::from_secs(90);
/// What the program that builds plans exits with where the compute capability is nowhere.
const NOT_FOUND: i32 = 3;

/// Writes the plans of models, with the builder of one runtime.
#[derive(Debug)]
pub struct PlanBuilder {
    program: PathBuf,
    runtime: Runtime,
    /// The GPU with its driver, once it was asked for.
    device: OnceLock<String>,
}

/// A plan could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The runtime cannot build plans.
    #[error(
        "failed to build plans with {runtime}: {reason}; install TensorRT 8.6.0 in full \
         (`cargo harness setup --runtime tensorrt-8.6.0 --full`)"
    )]
    NoBuilder {
        /// The runtime.
        runtime: RuntimeName,
        /// What it lacks.
        reason: &'static str,
    },
    /// The program was not compiled.
    #[error("failed to compile the plan builder: {0}")]
    Compile(#[from] CompileError),
    /// The cache was filled on another machine, without it.
    #[error(transparent)]
    Prebuilt(#[from] PrebuiltError),
    /// A file could not be read or written.
    #[error(
        "failed to use '{path}' for a plan: {source}; is there space, and the right to write there?"
    )]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// There is no GPU that it could be built for.
    #[error(
        "failed to build a plan: {message}; plans are built on a machine with an NVIDIA GPU and its \
         driver"
    )]
    NoDevice {
        /// What the program that builds plans wrote.
        message: String,
    },
    /// A plan does not tell where its GPU's compute capability stands.
    #[error(
        "failed to make a plan for another GPU of '{path}': TensorRT took no change in it for another \
         compute capability; only a plan that was built on another GPU shows what becomes of one"
    )]
    NoRecordOfGpu {
        /// The plan.
        path: PathBuf,
    },
    /// TensorRT did not build the plan.
    #[error(
        "failed to build the plan of the model '{model}' ({status}): {message}; plans are built on \
         a machine with an NVIDIA GPU and its driver"
    )]
    Refused {
        /// The model.
        model: String,
        /// How the program ended.
        status: ExitStatus,
        /// What it wrote.
        message: String,
    },
}

impl PlanBuilder {
    /// The plan builder of `runtime`, compiled unless it is in `cache`.
    ///
    /// # Errors
    /// The runtime has no builder, or the compiler refuses.
    pub fn compile(cache: &Cache, runtime: &Runtime) -> Result<PlanBuilder, PlanError> {
        let lacks = |reason| PlanError::NoBuilder {
            runtime: runtime.name,
            reason,
        };
        if !PlanBuilder::is_for(&runtime.name) {
            return Err(lacks("the sample plans are built with TensorRT 8"));
        }
        if runtime.size != Size::Full {
            return Err(lacks(
                "it is installed without the resources of its builder",
            ));
        }
        if let Some(prebuilt) = Prebuilt::of(cache)? {
            return Ok(PlanBuilder {
                program: prebuilt.file(&PlanBuilder::request(&runtime.name))?,
                runtime: runtime.clone(),
                device: OnceLock::new(),
            });
        }
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = package.join("tensorrt/plan-builder/plan_builder.cpp");
        let declarations = package.join("../reference-server/bridges/tensorrt/include");
        let compiler = Compiler::find()?;
        let version = runtime.name.version;
        let definitions = [
            format!("-DRUNTIME_MAJOR={}", version.major()),
            format!("-DRUNTIME_MINOR={}", version.minor()),
        ];
        let mut hasher = blake3::Hasher::new();
        hasher.update(compiler.identity().as_bytes());
        hasher.update(definitions.concat().as_bytes());
        for file in [
            source.clone(),
            source.with_file_name("NvInfer8.h"),
            declarations.join("8/NvInferRuntime.h"),
        ] {
            hasher.update(&fs::read(&file).map_err(failed_on(&file))?);
        }
        let folder = cache.root().join("plan-builders");
        let program = folder.join(&hasher.finalize().to_hex()[..16]);
        if !program.is_file() {
            fs::create_dir_all(&folder).map_err(failed_on(&folder))?;
            let scratch = tempfile::tempdir_in(&folder).map_err(failed_on(&folder))?;
            let built = scratch.path().join("plan-builder");
            let mut arguments = vec!["-std=c++17".into(), "-O1".into()];
            arguments.extend(definitions.map(Into::into));
            arguments.extend(["-isystem".into(), declarations.into()]);
            arguments.extend([
                "-o".into(),
                built.clone().into(),
                source.into(),
                "-ldl".into(),
            ]);
            compiler.run(&arguments)?;
            fs::rename(&built, &program).map_err(failed_on(&program))?;
        }
        Ok(PlanBuilder {
            program,
            runtime: runtime.clone(),
            device: OnceLock::new(),
        })
    }

    /// Whether the plans of the samples are built with this runtime.
    pub fn is_for(runtime: &RuntimeName) -> bool {
        runtime.framework == Framework::TensorRt && runtime.version.major() == 8
    }

    /// What [`Prebuilt`] lists the plan builder of `runtime` under.
    pub fn request(runtime: &RuntimeName) -> String {
        format!("plan builder of {runtime}")
    }

    /// The folder in which `cache` keeps plans.
    pub fn folder(cache: &Cache) -> PathBuf {
        cache.root().join("plans")
    }

    /// The program that builds plans.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The plan of `model`, built unless it is in `cache`; `op_libraries` bring its plugins.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn plan(
        &self,
        cache: &Cache,
        model: &Model,
        op_libraries: &[PathBuf],
    ) -> Result<PathBuf, PlanError> {
        let plan = self.place(cache, model, op_libraries)?;
        if !plan.is_file() {
            let folder = PlanBuilder::folder(cache);
            fs::create_dir_all(&folder).map_err(failed_on(&folder))?;
            let scratch = tempfile::tempdir_in(&folder).map_err(failed_on(&folder))?;
            let built = scratch.path().join("model.plan");
            self.write(model, op_libraries, &built)?;
            fs::rename(&built, &plan).map_err(failed_on(&plan))?;
        }
        Ok(plan)
    }

    /// The plan of `model` as if it had been built for a GPU of the compute capability 6.x, which no GPU
    /// has that runs the samples: the plan for this GPU with another number in the place that TensorRT
    /// compares. TensorRT itself tells the place, by refusing the changed plan for its device.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), and no place is the right one.
    pub fn plan_for_another_gpu(
        &self,
        cache: &Cache,
        model: &Model,
        op_libraries: &[PathBuf],
    ) -> Result<PathBuf, PlanError> {
        let plan = self.plan(cache, model, op_libraries)?;
        let changed = plan.with_extension("for-another-gpu.plan");
        if changed.is_file() {
            return Ok(changed);
        }
        let folder = PlanBuilder::folder(cache);
        let scratch = tempfile::tempdir_in(&folder).map_err(failed_on(&folder))?;
        let written = scratch.path().join("model.plan");
        let begin = Instant::now();
        let mut start = 0;
        while begin.elapsed() < SEARCH {
            let mut command = Command::new(&self.program);
            command
                .arg("--for-another-gpu")
                .arg(&self.runtime.main_library)
                .args([&plan, &written])
                .args([OTHER_MAJOR.to_string(), start.to_string()])
                .arg("--")
                .args(op_libraries);
            let folders = std::env::join_paths(&self.runtime.library_dirs).unwrap_or_default();
            command.env("LD_LIBRARY_PATH", folders);
            let output = command.output().map_err(failed_on(&self.program))?;
            match output.status.code() {
                Some(0) => {
                    fs::rename(&written, &changed).map_err(failed_on(&changed))?;
                    return Ok(changed);
                }
                Some(NOT_FOUND) => break,
                _ => {}
            }
            // A try that ended the process was the wrong one: the next process goes on behind it.
            let Some(tried) = last_number(&output.stdout) else {
                return Err(PlanError::Refused {
                    model: model.name.clone(),
                    status: output.status,
                    message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                });
            };
            start = tried + 1;
        }
        Err(PlanError::NoRecordOfGpu { path: plan })
    }

    /// Where `cache` keeps the plan of `model`; there is no file where it was not built yet. A plan is
    /// kept by TensorRT's version, the GPU with its driver, and the content of the libraries.
    ///
    /// # Errors
    /// There is no GPU, or a library cannot be read.
    pub fn place(
        &self,
        cache: &Cache,
        model: &Model,
        op_libraries: &[PathBuf],
    ) -> Result<PathBuf, PlanError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.runtime.name.to_string().as_bytes());
        hasher.update(self.device()?.as_bytes());
        hasher.update(&fs::read(&self.program).map_err(failed_on(&self.program))?);
        hasher.update(format!("{:?}", model.clone().with_name("")).as_bytes());
        for library in op_libraries {
            hasher.update(blake3::hash(&fs::read(library).map_err(failed_on(library))?).as_bytes());
        }
        let name = format!("{}.plan", &hasher.finalize().to_hex()[..16]);
        Ok(PlanBuilder::folder(cache).join(name))
    }

    /// The GPU that plans are built for, with its driver, as in `NVIDIA H200, sm_90, driver for CUDA
    /// 13000`. It is asked for once.
    ///
    /// # Errors
    /// There is none.
    pub fn device(&self) -> Result<&str, PlanError> {
        if let Some(device) = self.device.get() {
            return Ok(device);
        }
        let mut command = Command::new(&self.program);
        let output = command.arg("--device").output();
        let output = output.map_err(failed_on(&self.program))?;
        if !output.status.success() {
            return Err(PlanError::NoDevice {
                message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        let device = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(self.device.get_or_init(|| device))
    }

    /// Writes the plan of `model` to `path`; `op_libraries` bring its plugins.
    ///
    /// # Errors
    /// There is no GPU, TensorRT refuses the network, or a file cannot be written.
    pub fn write(
        &self,
        model: &Model,
        op_libraries: &[PathBuf],
        path: &Path,
    ) -> Result<(), PlanError> {
        let scratch = tempfile::tempdir().map_err(failed_on(path))?;
        let constant = match model.parameter_source {
            ParameterSource::Input => PathBuf::from("-"),
            ParameterSource::Constant => {
                let file = scratch.path().join("constant");
                let bytes = model.constant_parameter().to_bytes();
                fs::write(&file, bytes).map_err(failed_on(&file))?;
                file
            }
        };
        let mut command = Command::new(&self.program);
        command
            .arg(&self.runtime.main_library)
            .arg(path)
            .arg(model.operator(Framework::TensorRt, DEFAULT_DOMAIN))
            .arg(model.data_type.protocol_name().to_lowercase())
            .arg(dims(&model.dims))
            .arg(attribute(model))
            .arg(model.parameter_name())
            .arg(dims(&model.parameter_dims()))
            .arg(constant)
            .arg(LONGEST.to_string());
        for (output, domain) in model.outputs().iter().zip(&model.domains) {
            command.args([&output.name, domain]);
        }
        command.arg("--").args(op_libraries);
        let folders = std::env::join_paths(&self.runtime.library_dirs).unwrap_or_default();
        command.env("LD_LIBRARY_PATH", folders);
        let output = command.output().map_err(failed_on(&self.program))?;
        if output.status.success() {
            return Ok(());
        }
        Err(PlanError::Refused {
            model: model.name.clone(),
            status: output.status,
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

fn failed_on(path: &Path) -> impl FnOnce(io::Error) -> PlanError {
    let path = path.to_owned();
    |source| PlanError::Io { path, source }
}

/// The number in the last line.
fn last_number(output: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(output);
    text.lines().last()?.trim().parse().ok()
}

/// `-1x64`.
fn dims(dims: &[i64]) -> String {
    let dims: Vec<String> = dims.iter().map(ToString::to_string).collect();
    dims.join("x")
}

/// `name=value`, or `-` for an operator without attributes.
fn attribute(model: &Model) -> String {
    match model.op {
        Op::BiasGelu => format!("approximate={}", model.approximation.name()),
        Op::RmsNorm => format!("epsilon={:e}", model.epsilon),
        Op::Modulo | Op::SelectAbove => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataType;

    #[test]
    fn a_search_goes_on_behind_the_last_try() {
        assert_eq!(last_number(b"32\n1044\n"), Some(1044));
        assert_eq!(last_number(b""), None);
    }

    #[test]
    fn shapes_and_attributes_are_spelled_for_the_program() {
        let model = Model::new(
            Op::RmsNorm,
            DataType::Fp32,
            &[-1, 64],
            ParameterSource::Input,
        );
        assert_eq!(dims(&model.dims), "-1x64");
        assert_eq!(attribute(&model), "epsilon=1e-5");
        let modulo = Model::new(
            Op::Modulo,
            DataType::Int32,
            &[-1],
            ParameterSource::Constant,
        );
        assert_eq!(attribute(&modulo), "-");
    }
}
