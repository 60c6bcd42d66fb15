//! Builds op libraries into a cache.
//!
//! A framework's sources are compiled once for each runtime: those for ONNX Runtime, in Rust, for
//! all of them, since they need nothing of it. Every variant of the sample library is a copy of
//! the result with another *configuration block* in it (see [`layout`]), which costs milliseconds;
//! what cannot be said there is compiled in ([`recipe`]) or linked in as a further object.
//! Truncated files and the like are cut from a sample.
//!
//! Results are kept by the hash of the sources, the toolchain, the runtime and the variant. They
//! appear atomically, and threads and processes may build at the same time: what takes seconds is
//! built by one of them.
//!
//! - [`assembly`]: what a framework's libraries have to offer the builder; [`onnxruntime`] and
//!   [`cpp`] do.
//! - [`recipe`]: what sets one framework's C++ library apart, one file a framework.
//! - [`device_code`]: the kernels for GPUs, compiled once for all frameworks.
//! - [`variant`]: what is written into a finished file.
//! - [`store`], [`key`], [`sources`], [`rust`], [`elf`]: the cache, its names, and what is built.

mod assembly;
mod cpp;
#[cfg(test)]
mod cpp_tests;
mod device_code;
mod elf;
mod error;
mod key;
mod onnxruntime;
mod recipe;
mod rust;
mod sources;
mod store;
mod variant;

/// The configuration block of the sample libraries: one source for the Rust library and the
/// builder. The libraries in C++ declare it in `sample-library/configuration.h`.
#[path = "../../onnxruntime/src/layout.rs"]
#[allow(dead_code, reason = "the builder writes what the libraries read")]
pub(crate) mod layout;

use std::{
    collections::HashSet,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use runtimes::{Cache, Compiler, CudaCompiler, Prebuilt, Runtime, RuntimeName};

pub use error::BuildError;

use crate::{Broken, Content, Library, Sample};
use assembly::Assembly;
use cpp::CppAssembly;
use key::Key;
use onnxruntime::OnnxRuntimeAssembly;
use recipe::Recipe;
use rust::{RustBuild, RustPackage};
use sources::Sources;
use store::Store;

/// File name of the kernels' C interface as an archive.
const KERNELS_ARCHIVE: &str = "libop_kernels_c.a";

/// Builds op libraries into a cache folder.
///
/// ```no_run
/// use runtimes::{Cache, Framework, Runtime};
/// use test_ops::{Broken, Builder, Library, Sample};
/// let builder = Builder::in_cache(&Cache::locate(None)?);
/// let runtime = Runtime::in_place(Framework::PyTorch, "/opt/torch".as_ref())?;
/// let good = builder.build(&Library::new(Framework::PyTorch, Sample::default()), &runtime)?;
/// let bad = builder.build(&Library::new(Framework::PyTorch, Broken::Truncated), &runtime)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    store: Store,
    toolchain: OnceLock<Toolchain>,
    /// Where the results are kept and the CUDA compiler is installed; it may have been filled on
    /// another machine.
    cache: Cache,
    prebuilt: OnceLock<Option<Prebuilt>>,
}

/// What every library is built from.
#[derive(Debug)]
struct Toolchain {
    sources: Sources,
    compiler: Compiler,
    cuda: CudaCompiler,
    /// The library for ONNX Runtime.
    onnxruntime: RustBuild,
    /// The kernels for the libraries in C++.
    kernels: RustBuild,
}

impl Builder {
    /// A builder that keeps its results beside the installed runtimes, in `op-libraries`. Nothing
    /// is read or written before the first build. That of a library with kernels for GPUs installs
    /// the CUDA compiler into the cache. Where the cache was filled on another machine ([`Prebuilt`]),
    /// it builds nothing and finds what was packed.
    pub fn in_cache(cache: &Cache) -> Builder {
        Builder {
            store: Store::new(cache.root().join("op-libraries")),
            toolchain: OnceLock::new(),
            cache: cache.clone(),
            prebuilt: OnceLock::new(),
        }
    }

    /// What [`Prebuilt`] lists the library for `runtime` under. It depends on neither paths nor
    /// sources, only on what is asked for.
    pub fn request(library: &Library, runtime: &RuntimeName) -> String {
        let content = Key::default().with(format!("{:?}", library.content));
        format!(
            "op library {} for {runtime}, variant {}",
            library.file_name(),
            content.finish()
        )
    }

    fn prebuilt(&self) -> Result<Option<&Prebuilt>, BuildError> {
        if let Some(prebuilt) = self.prebuilt.get() {
            return Ok(prebuilt.as_ref());
        }
        let prebuilt = Prebuilt::of(&self.cache)?;
        Ok(self.prebuilt.get_or_init(|| prebuilt).as_ref())
    }

    /// The library's file, built for `runtime` unless the cache holds it already. The file is
    /// shared: whoever wants to change or replace it takes a copy ([`Builder::build_to`]).
    ///
    /// A library for ONNX Runtime fits every runtime and is the same file for all of them.
    ///
    /// # Errors
    /// When the framework has no such library or is not the runtime's, when a tool is missing or
    /// fails (with its own message), or when the cache cannot be written.
    pub fn build(&self, library: &Library, runtime: &Runtime) -> Result<PathBuf, BuildError> {
        check(library, runtime)?;
        if let Some(prebuilt) = self.prebuilt()? {
            return Ok(prebuilt.file(&Builder::request(library, &runtime.name))?);
        }
        let toolchain = self.toolchain()?;
        let assembly = self.assembly(toolchain, runtime);
        let content = &library.content;
        let key = assembly
            .key(content)?
            .with(toolchain.sources.builder_hash()?.as_bytes())
            .with(format!("{content:?}"))
            .finish();
        self.store
            .file(&key, &library.file_name(), |product| match content {
                Content::Sample(sample) => assembly.sample(sample, product),
                Content::Broken(Broken::NotElf) => variant::not_elf(product),
                Content::Broken(Broken::Truncated) => {
                    variant::truncated(&self.whole(runtime)?, product)
                }
                Content::Broken(Broken::OtherArchitecture) => {
                    variant::other_architecture(&self.whole(runtime)?, product)
                }
                Content::Broken(broken) => assembly.broken(*broken, product),
            })
    }

    /// Builds the library and puts a copy at `path`, in place of what is there. The copy is a new
    /// file (a new inode): what has mapped the old one keeps the old one.
    ///
    /// # Errors
    /// As [`Builder::build`], and when the copy cannot be written.
    pub fn build_to(
        &self,
        library: &Library,
        runtime: &Runtime,
        path: &Path,
    ) -> Result<(), BuildError> {
        let built = self.build(library, runtime)?;
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(BuildError::writing(folder))?;
        let scratch = tempfile::Builder::new()
            .prefix(".copying-")
            .tempdir_in(folder)
            .map_err(BuildError::writing(folder))?;
        let scratch_copy = scratch.path().join("library");
        copy(&built, &scratch_copy)?;
        fs::rename(&scratch_copy, path).map_err(BuildError::writing(path))
    }

    /// Builds many libraries with all processors of the machine and returns their files in the
    /// order of `orders`. What several of them have in common is compiled once, and different
    /// things at the same time. `begin` is told of each compilation and of each library before it
    /// is built, by the thread that builds it.
    ///
    /// # Errors
    /// The first error in the order of `orders`; the others are built nevertheless.
    pub fn build_all(
        &self,
        orders: &[(&Library, &Runtime)],
        begin: impl Fn(&Library, &Runtime) + Sync,
    ) -> Result<Vec<PathBuf>, BuildError> {
        if self.prebuilt()?.is_some() {
            let files = orders.iter();
            return files
                .map(|&(library, runtime)| self.build(library, runtime))
                .collect();
        }
        let mut seen = HashSet::new();
        let mut foundations = Vec::new();
        for &(library, runtime) in orders {
            check(library, runtime)?;
            let assembly = self.assembly(self.toolchain()?, runtime);
            if seen.insert(assembly.foundation(&library.content)?) {
                foundations.push((library, runtime));
            }
        }
        in_parallel(&foundations, |&(library, runtime)| {
            begin(library, runtime);
            self.assembly(self.toolchain()?, runtime)
                .prepare(&library.content)
        })?;
        in_parallel(orders, |&(library, runtime)| self.build(library, runtime))
    }

    /// The sample library that files are cut from.
    fn whole(&self, runtime: &Runtime) -> Result<PathBuf, BuildError> {
        let library = Library::new(runtime.name.framework, Sample::default());
        self.build(&library, runtime)
    }

    fn toolchain(&self) -> Result<&Toolchain, BuildError> {
        if let Some(toolchain) = self.toolchain.get() {
            return Ok(toolchain);
        }
        let toolchain = Builder::find_toolchain()?;
        Ok(self.toolchain.get_or_init(|| toolchain))
    }

    fn find_toolchain() -> Result<Toolchain, BuildError> {
        let sources = Sources::locate()?;
        let compiler = Compiler::find()?;
        let cuda = CudaCompiler::find()?;
        let rustc = rust::rustc_version(&sources)?;
        let build = |package| RustBuild::new(package, &sources, &rustc, compiler.identity());
        let onnxruntime = build(RustPackage {
            folder: "onnxruntime",
            name: "sample-ops-onnxruntime",
            files: &["libsample_ops_onnxruntime.a"],
        })?;
        let kernels = build(RustPackage {
            folder: "kernels-c",
            name: "op-kernels-c",
            files: &[KERNELS_ARCHIVE],
        })?;
        Ok(Toolchain {
            sources,
            compiler,
            cuda,
            onnxruntime,
            kernels,
        })
    }

    fn assembly<'a>(
        &'a self,
        toolchain: &'a Toolchain,
        runtime: &'a Runtime,
    ) -> Box<dyn Assembly + 'a> {
        let store = &self.store;
        match Recipe::of(runtime.name.framework) {
            None => Box::new(OnnxRuntimeAssembly {
                toolchain,
                store,
                tools: &self.cache,
                runtime,
            }),
            Some(recipe) => Box::new(CppAssembly {
                toolchain,
                store,
                tools: &self.cache,
                runtime,
                recipe,
            }),
        }
    }
}

/// Whether there is such a library for such a runtime.
fn check(library: &Library, runtime: &Runtime) -> Result<(), BuildError> {
    if library.framework != runtime.name.framework {
        return Err(BuildError::Framework {
            library: library.framework,
            runtime: runtime.name,
        });
    }
    if library.exists() {
        Ok(())
    } else {
        Err(BuildError::Nonexistent {
            content: format!("{:?}", library.content),
            framework: library.framework,
        })
    }
}

/// Does `work` for all items with all processors; the results are in the order of the items.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, BuildError> + Sync,
) -> Result<Vec<R>, BuildError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    results
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|&(index, _)| index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Makes a library below the folder `scratch`, which is there while another one is linked with it
/// and not when that is loaded; returns the arguments that link with it.
fn absent_dependency(
    scratch: &Path,
    make: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<Vec<OsString>, BuildError> {
    // Of its own, because the other library could bear the same name.
    let folder = scratch.join("dependency");
    fs::create_dir_all(&folder).map_err(BuildError::writing(&folder))?;
    make(&folder.join("libabsent_dependency.so"))?;
    Ok(vec![
        "-L".into(),
        folder.into(),
        "-labsent_dependency".into(),
    ])
}

/// The folder that a file lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|source| BuildError::Read {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    fs::write(path, bytes).map_err(BuildError::writing(path))
}

fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    fs::copy(from, to)
        .map(drop)
        .map_err(BuildError::writing(to))
}
