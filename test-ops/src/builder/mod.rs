//! Builds op libraries into a cache.
//!
//! The Rust sources are compiled once, to a shared object and to an archive. Every variant of
//! the sample library is that shared object with another *configuration block* in it (see
//! [`layout`]), which costs milliseconds; a variant that needs C++ inside is linked from the
//! archive. Broken libraries are compiled from C++ or cut from a sample. So all of them together
//! cost one build of two small packages.
//!
//! Results are kept by the hash of the sources, the toolchain and the variant. They appear
//! atomically, and processes may build at the same time.

mod compiler;
mod elf;
mod error;
mod rust;
mod sources;

/// The configuration block of the sample library: one source for the library and the builder.
#[path = "../../onnxruntime/src/layout.rs"]
#[allow(dead_code, reason = "the builder writes what the library reads")]
pub(crate) mod layout;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

pub use error::BuildError;

use crate::{Broken, Fault, Library, Op, Sample};
use compiler::Compiler;
use rust::RustBuild;
use sources::Sources;

/// Builds op libraries into a cache folder.
///
/// ```no_run
/// use test_ops::{Broken, Builder, Sample};
/// let builder = Builder::in_cache(&runtimes::Cache::locate(None)?);
/// let good = builder.build(&Sample::default().into())?;
/// let bad = builder.build(&Broken::Truncated.into())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    root: PathBuf,
    toolchain: OnceLock<Toolchain>,
    /// One build of the Rust sources at a time within the process.
    building: Mutex<()>,
}

/// What every library is built from.
#[derive(Debug)]
struct Toolchain {
    sources: Sources,
    compiler: Compiler,
    rust: RustBuild,
}

impl Builder {
    /// A builder that keeps its results under `root`. Nothing is read or written before the first
    /// build.
    pub fn new(root: impl Into<PathBuf>) -> Builder {
        Builder {
            root: root.into(),
            toolchain: OnceLock::new(),
            building: Mutex::new(()),
        }
    }

    /// A builder that keeps its results beside the installed runtimes, in `op-libraries`.
    pub fn in_cache(cache: &runtimes::Cache) -> Builder {
        Builder::new(cache.root().join("op-libraries"))
    }

    /// The library's file, built unless the cache holds it already. The file is shared: whoever
    /// wants to change or replace it takes a copy ([`Builder::build_to`]).
    ///
    /// # Errors
    /// When a tool is missing or fails (with its own message), or the cache cannot be written.
    pub fn build(&self, library: &Library) -> Result<PathBuf, BuildError> {
        let toolchain = self.toolchain()?;
        let folder = self.root.join(toolchain.key(library)?);
        let file = folder.join(library.file_name());
        if file.is_file() {
            return Ok(file);
        }
        fs::create_dir_all(&self.root).map_err(BuildError::writing(&self.root))?;
        let scratch = tempfile::Builder::new()
            .prefix(".building-")
            .tempdir_in(&self.root)
            .map_err(BuildError::writing(&self.root))?;
        let product = scratch.path().join(library.file_name());
        match library {
            Library::Sample(sample) => self.build_sample(toolchain, sample, &product)?,
            Library::Broken(broken) => self.build_broken(toolchain, *broken, &product)?,
        }
        fs::create_dir_all(&folder).map_err(BuildError::writing(&folder))?;
        fs::rename(&product, &file).map_err(BuildError::writing(&file))?;
        Ok(file)
    }

    /// Builds the library and puts a copy at `path`, in place of what is there. The copy is a new
    /// file (a new inode): what has mapped the old one keeps the old one.
    ///
    /// # Errors
    /// As [`Builder::build`], and when the copy cannot be written.
    pub fn build_to(&self, library: &Library, path: &Path) -> Result<(), BuildError> {
        let built = self.build(library)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(BuildError::writing(folder))?;
        let scratch = tempfile::Builder::new()
            .prefix(".copying-")
            .tempdir_in(folder)
            .map_err(BuildError::writing(folder))?;
        let copy = scratch.path().join("library");
        fs::copy(&built, &copy).map_err(BuildError::writing(&copy))?;
        fs::rename(&copy, path).map_err(BuildError::writing(path))
    }

    fn toolchain(&self) -> Result<&Toolchain, BuildError> {
        if let Some(toolchain) = self.toolchain.get() {
            return Ok(toolchain);
        }
        let sources = Sources::locate()?;
        let compiler = Compiler::find()?;
        let rust = RustBuild::find(&sources, &compiler, &self.root)?;
        Ok(self.toolchain.get_or_init(|| Toolchain {
            sources,
            compiler,
            rust,
        }))
    }

    fn build_sample(
        &self,
        toolchain: &Toolchain,
        sample: &Sample,
        product: &Path,
    ) -> Result<(), BuildError> {
        self.build_rust(toolchain)?;
        if sample.pinned {
            toolchain.compiler.link_archive(
                &toolchain.rust.archive(),
                &toolchain.sources.broken("pinned.cpp"),
                &toolchain.sources.broken("pinned.map"),
                product,
            )?;
        } else {
            let library = toolchain.rust.library();
            fs::copy(&library, product).map_err(BuildError::writing(product))?;
        }
        let mut bytes = read(product)?;
        let block = layout::Configuration {
            signature: sample.signature,
            ops: sample.ops.iter().fold(0, |mask, &op| mask | op_bit(op)),
            fault: sample.fault.map_or(0, fault_code),
            api_level: sample.api_level,
            domain: layout::Domain::new(&sample.domain).ok_or_else(|| BuildError::Domain {
                domain: sample.domain.clone(),
                capacity: Sample::DOMAIN_CAPACITY,
            })?,
        };
        elf::configure(&mut bytes, &block).map_err(|reason| BuildError::Elf {
            path: product.to_owned(),
            reason,
        })?;
        write(product, &bytes)
    }

    fn build_broken(
        &self,
        toolchain: &Toolchain,
        broken: Broken,
        product: &Path,
    ) -> Result<(), BuildError> {
        let compile = |file: &str, arguments: &[&str]| {
            toolchain
                .compiler
                .compile(&toolchain.sources.broken(file), arguments, product)
        };
        match broken {
            Broken::NoEntryPoint => compile("no_entry_point.cpp", &[]),
            Broken::MangledEntryPoint => compile("mangled_entry_point.cpp", &[]),
            Broken::UndefinedSymbol => compile("undefined_symbol.cpp", &[]),
            Broken::MissingDependency => {
                // The dependency, which stays behind in the scratch folder; in a folder of its
                // own, because it could bear the product's name.
                let folder = product
                    .parent()
                    .unwrap_or(Path::new("."))
                    .join("dependency");
                fs::create_dir_all(&folder).map_err(BuildError::writing(&folder))?;
                let stub = folder.join("libabsent_dependency.so");
                let source = toolchain.sources.broken("dependency_stub.cpp");
                toolchain.compiler.compile(&source, &[], &stub)?;
                compile(
                    "missing_dependency.cpp",
                    &["-L", &folder.to_string_lossy(), "-labsent_dependency"],
                )
            }
            Broken::InitializerCrashes => compile("initializer.cpp", &["-DCRASHES"]),
            Broken::InitializerAborts => compile("initializer.cpp", &["-DABORTS"]),
            Broken::InitializerThrows => compile("initializer.cpp", &["-DTHROWS"]),
            Broken::InitializerHangs => compile("initializer.cpp", &["-DHANGS"]),
            Broken::NotElf => write(product, TEXT),
            Broken::Truncated => {
                let whole = read(&self.build(&Sample::default().into())?)?;
                write(product, &whole[..whole.len() / 2])
            }
            Broken::OtherArchitecture => {
                let mut bytes = read(&self.build(&Sample::default().into())?)?;
                elf::set_machine(&mut bytes, elf::MACHINE_AARCH64).map_err(|reason| {
                    BuildError::Elf {
                        path: product.to_owned(),
                        reason,
                    }
                })?;
                write(product, &bytes)
            }
        }
    }

    fn build_rust(&self, toolchain: &Toolchain) -> Result<(), BuildError> {
        let _building = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        toolchain.rust.build(&toolchain.sources)
    }
}

/// Longer than an ELF header, so that it is not refused for its size.
const TEXT: &[u8] = b"This is a text file with the name of a shared library.\n\
It stands for a download that brought an error page instead of the file.\n";

impl Toolchain {
    /// Folder name of a library: the hash of all that it is made from.
    fn key(&self, library: &Library) -> Result<String, BuildError> {
        let mut hasher = blake3::Hasher::new();
        let from_rust = match library {
            Library::Sample(_) => true,
            Library::Broken(broken) => {
                matches!(broken, Broken::Truncated | Broken::OtherArchitecture)
            }
        };
        if from_rust {
            hasher.update(self.rust.key().as_bytes());
        }
        hasher.update(self.sources.broken_hash()?.as_bytes());
        hasher.update(TEXT);
        hasher.update(self.compiler.identity().as_bytes());
        hasher.update(format!("{library:?}").as_bytes());
        Ok(short(&hasher.finalize()))
    }
}

fn fault_code(fault: Fault) -> u8 {
    match fault {
        Fault::RegistrationFails => layout::FAULT_REGISTRATION_FAILS,
        Fault::UncheckedApi => layout::FAULT_UNCHECKED_API,
        Fault::KernelCrashes => layout::FAULT_KERNEL_CRASHES,
        Fault::KernelThrows => layout::FAULT_KERNEL_THROWS,
        Fault::KernelHangs => layout::FAULT_KERNEL_HANGS,
        Fault::KernelPanics => layout::FAULT_KERNEL_PANICS,
    }
}

/// The operator's bit in the configuration block.
fn op_bit(op: Op) -> u8 {
    layout::op_bit(match op {
        Op::BiasGelu => 0,
        Op::RmsNorm => 1,
        Op::Modulo => 2,
        Op::SelectAbove => 3,
    })
}

/// A hash as the name of a folder: 64 bits, far more than one cache has entries.
fn short(hash: &blake3::Hash) -> String {
    hash.to_hex()[..16].to_owned()
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
