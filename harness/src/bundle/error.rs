//! Why a bundle is not made, or not run.

use std::io;
use std::path::PathBuf;

use runtimes::{CacheError, LocateError, PrebuiltError, RuntimeName};

/// Why a bundle is not made, or not run.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file cannot be packed.
    #[error("failed to pack '{}': {source}", path.display())]
    Pack {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("failed to write the bundle's archive: {0}; is there space where --out points to?")]
    Archive(#[source] io::Error),
    /// A part cannot be written.
    #[error(transparent)]
    Parts(#[from] unbundler::WriteError),
    /// Something ready-made lies elsewhere.
    #[error("failed to pack '{}': it does not lie in the cache '{}'", path.display(), root.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// The cache.
        root: PathBuf,
    },
    /// There is no bundle.
    #[error(
        "'{}' holds no whole bundle: it has no {}; unpack one there (`./part-000 --out DIR`) and \
         name that folder", folder.display(), unbundler::MANIFEST
    )]
    None {
        /// The folder.
        folder: PathBuf,
    },
    /// The manifest cannot be read.
    #[error("failed to read '{}': {reason}; unpack the bundle again", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The bundle is of another harness.
    #[error(
        "'{}' was made with harness {found}, and this is harness {own}; run the harness in the \
         bundle: `cd '{}' && ./harness run --bundle .`", folder.display(), folder.display()
    )]
    OtherHarness {
        /// The bundle.
        folder: PathBuf,
        /// Its version.
        found: String,
        /// This version.
        own: &'static str,
    },
    /// The machine's C library is too old.
    #[error(
        "this machine has glibc {found}, and {file} in the bundle needs {needed} or newer; use a \
         newer system, or make the bundle on an older one"
    )]
    CLibrary {
        /// Its version.
        found: String,
        /// The version that is needed.
        needed: String,
        /// By what.
        file: String,
    },
    /// The driver is too old.
    #[error(
        "the NVIDIA driver of this machine offers CUDA {found}, and {file} in the bundle needs CUDA \
         {needed}; install a newer driver, or choose cases that need no GPU with --filter"
    )]
    Driver {
        /// What it offers.
        found: String,
        /// What is needed.
        needed: String,
        /// By what.
        file: String,
    },
    /// There is a GPU without a driver's library.
    #[error(
        "this machine has an NVIDIA GPU and no usable driver: {reason}; install the driver (in a \
         container: start it with the GPU), or choose cases that need no GPU with --filter"
    )]
    NoDriver {
        /// What went wrong.
        reason: String,
    },
    /// Runtimes that are needed are not there.
    #[error("{}", missing_runtimes(packed, left_out, missing))]
    Runtimes {
        /// Those in the bundle.
        packed: Vec<RuntimeName>,
        /// Those that the machine has to bring.
        left_out: Vec<RuntimeName>,
        /// Those that are needed and not there.
        missing: Vec<RuntimeName>,
    },
    /// A runtime of this machine is none that was left out.
    #[error(
        "'{}' is {found}, and the bundle has op libraries for {}; give the place of that one, or \
         make the bundle with --without-runtime {found}", path.display(),
        if left_out.is_empty() { "the runtimes in it only".to_owned() } else { list(left_out) }
    )]
    OtherRuntime {
        /// The place.
        path: PathBuf,
        /// What is there.
        found: RuntimeName,
        /// What was left out.
        left_out: Vec<RuntimeName>,
    },
    /// There is no runtime at a place.
    #[error(transparent)]
    Locate(#[from] LocateError),
    /// The cache in the bundle cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The list of what is ready-made cannot be used.
    #[error(transparent)]
    Prebuilt(#[from] PrebuiltError),
}

fn list(names: &[RuntimeName]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn missing_runtimes(
    packed: &[RuntimeName],
    left_out: &[RuntimeName],
    missing: &[RuntimeName],
) -> String {
    let of_machine: Vec<RuntimeName> = missing
        .iter()
        .filter(|name| left_out.contains(name))
        .copied()
        .collect();
    match of_machine.first() {
        Some(name) => format!(
            "{} was left out of the bundle, and this machine has to bring it: say where it is with \
             --runtime-at {}=PATH",
            list(&of_machine),
            name.framework
        ),
        None => format!(
            "the bundle has no {}, which the cases run with (it has {}); make it again for these \
             cases, or choose others",
            list(missing),
            list(packed)
        ),
    }
}
