//! Compiling a bridge into the cache.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use runtimes::{Cache, Compiler, Origin, Runtime};

use crate::{Bridge, BridgeError};

/// The folder of the cache that holds built bridges.
const FOLDER: &str = "bridges";

/// What every bridge is compiled with. Without unique symbols, and with its own symbols hidden, it
/// cannot get in the way of op libraries.
const ARGUMENTS: [&str; 9] = [
    "-O2",
    "-fPIC",
    "-shared",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-fno-gnu-unique",
    "-Wl,--build-id=sha1",
];

/// The bridge to `runtime`, a shared library in `cache`, compiled unless it is there already;
/// `None` where the framework needs none. Processes may build at the same time.
///
/// # Errors
/// There is no compiler, it refuses the sources, or the cache cannot be written.
pub fn build(runtime: &Runtime, cache: &Cache) -> Result<Option<PathBuf>, BridgeError> {
    Bridge::of(runtime.name.framework)
        .map(|bridge| bridge.build(runtime, cache))
        .transpose()
}

/// Whether [`build`] would have to compile, which takes a while.
///
/// # Errors
/// There is no compiler.
pub fn is_missing(runtime: &Runtime, cache: &Cache) -> Result<bool, BridgeError> {
    let Some(bridge) = Bridge::of(runtime.name.framework) else {
        return Ok(false);
    };
    let compiler = Compiler::find().map_err(compile_error(runtime))?;
    Ok(!bridge.product(runtime, cache, &compiler).is_file())
}

impl Bridge {
    /// This bridge, compiled against `runtime` unless it is in `cache` already.
    ///
    /// # Errors
    /// As [`build`].
    pub fn build(&self, runtime: &Runtime, cache: &Cache) -> Result<PathBuf, BridgeError> {
        let compiler = Compiler::find().map_err(compile_error(runtime))?;
        let product = self.product(runtime, cache, &compiler);
        if product.is_file() {
            return Ok(product);
        }
        let folder = cache.root().join(FOLDER);
        fs::create_dir_all(&folder).map_err(io_error(runtime, "create", &folder))?;
        let scratch = tempfile::Builder::new()
            .prefix(".building-")
            .tempdir_in(&folder)
            .map_err(io_error(runtime, "create a scratch folder in", &folder))?;
        self.write_sources(scratch.path())
            .map_err(io_error(runtime, "write", scratch.path()))?;
        let built = scratch.path().join("bridge.so");
        let mut arguments = self.arguments(runtime);
        arguments.extend(["-o".into(), built.clone().into()]);
        compiler
            .run_in(Some(scratch.path()), &arguments)
            .map_err(compile_error(runtime))?;
        fs::rename(&built, &product).map_err(io_error(runtime, "write", &product))?;
        Ok(product)
    }

    fn product(&self, runtime: &Runtime, cache: &Cache, compiler: &Compiler) -> PathBuf {
        let folder = cache.root().join(FOLDER);
        folder.join(self.file_name(runtime, compiler))
    }

    /// Everything that the compiler is told but where to write. Sources are named relative to
    /// their folder, so that messages and debug information do not name a scratch folder.
    fn arguments(&self, runtime: &Runtime) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ARGUMENTS.map(OsString::from).to_vec();
        arguments.extend(["-I".into(), ".".into()]);
        let version = &runtime.name.version;
        arguments.push(format!("-DRUNTIME_MAJOR={}", version.major()).into());
        arguments.push(format!("-DRUNTIME_MINOR={}", version.minor()).into());
        arguments.extend(runtime.compile_arguments());
        arguments.extend(self.arguments.iter().map(OsString::from));
        let sources = self.sources.iter().map(|source| source.path);
        let sources = sources.filter(|path| path.ends_with(".cpp"));
        arguments.extend(sources.map(OsString::from));
        if self.links_runtime {
            arguments.extend(runtime.link_arguments());
        }
        arguments.push("-ldl".into());
        arguments
    }

    /// `pytorch-2.11.0-<hash>.so`: the hash of the sources, the arguments with the runtime's place
    /// in them, and the compiler. What the cache holds under a name never changes; a runtime that
    /// was replaced in place is told by its main library.
    fn file_name(&self, runtime: &Runtime, compiler: &Compiler) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for source in self.sources {
            part(source.path.as_bytes());
            part(source.text.as_bytes());
        }
        for argument in self.arguments(runtime) {
            part(argument.as_encoded_bytes());
        }
        if runtime.origin == Origin::InPlace {
            part(stamp(&runtime.main_library).as_bytes());
        }
        part(compiler.identity().as_bytes());
        let hash = hasher.finalize().to_hex();
        format!("{}-{}.so", runtime.name, &hash[..16])
    }

    fn write_sources(&self, folder: &Path) -> io::Result<()> {
        for source in self.sources {
            let path = folder.join(source.path);
            fs::create_dir_all(path.parent().unwrap_or(folder))?;
            fs::write(path, source.text)?;
        }
        Ok(())
    }
}

/// Which content a file has, as far as its record in the file system tells.
fn stamp(path: &Path) -> String {
    fs::metadata(path).map_or_else(
        |_| String::new(),
        |data| format!("{} {:?}", data.len(), data.modified().ok()),
    )
}

fn compile_error(runtime: &Runtime) -> impl FnOnce(runtimes::CompileError) -> BridgeError {
    move |source| BridgeError::Compile {
        runtime: runtime.name,
        package: runtime.package_dir.clone(),
        source,
    }
}

fn io_error<'a>(
    runtime: &'a Runtime,
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> BridgeError + 'a {
    move |source| BridgeError::Io {
        runtime: runtime.name,
        action,
        path: path.to_owned(),
        source,
    }
}
