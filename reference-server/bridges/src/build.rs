//! Compiling a bridge into the cache.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use runtimes::{Cache, CompileError, Compiler, Prebuilt, Runtime, RuntimeName};

use crate::{Bridge, BridgeError};

/// The folder of the cache that holds built bridges.
const FOLDER: &str = "bridges";

/// Tells which version the headers of a TensorRT SDK are of.
const VERSION_HEADER: &str = "NvInferVersion.h";

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
/// Where there is no compiler, a bridge in the cache will do that another compiler made of the same
/// sources, such as the one of the machine that an image was built on.
///
/// In a cache that was filled on another machine ([`Prebuilt`]) it is the one that was packed for the
/// runtime, and nothing is compiled.
///
/// # Errors
/// There is neither a bridge nor a compiler, the compiler refuses the sources, or the cache cannot
/// be written.
pub fn build(runtime: &Runtime, cache: &Cache) -> Result<Option<PathBuf>, BridgeError> {
    let Some(bridge) = Bridge::of(runtime.name.framework) else {
        return Ok(None);
    };
    match Prebuilt::of(cache)? {
        Some(prebuilt) => Ok(Some(prebuilt.file(&request(&runtime.name))?)),
        None => bridge.build(runtime, cache).map(Some),
    }
}

/// What [`Prebuilt`] lists the bridge to `runtime` under.
pub fn request(runtime: &RuntimeName) -> String {
    format!("bridge to {runtime}")
}

/// Whether [`build`] would have to compile, which takes a while.
///
/// # Errors
/// It would, and there is no compiler.
pub fn is_missing(runtime: &Runtime, cache: &Cache) -> Result<bool, BridgeError> {
    let Some(bridge) = Bridge::of(runtime.name.framework) else {
        return Ok(false);
    };
    if let Some(prebuilt) = Prebuilt::of(cache)? {
        return Ok(prebuilt.file(&request(&runtime.name)).map(|_| false)?);
    }
    match Compiler::find() {
        Ok(compiler) => Ok(!bridge.product(runtime, cache, &compiler).is_file()),
        Err(error) => match bridge.of_another_compiler(runtime, cache) {
            Some(_) => Ok(false),
            None => Err(compile_error(runtime)(error)),
        },
    }
}

impl Bridge {
    /// This bridge, compiled against `runtime` unless it is in `cache` already.
    ///
    /// # Errors
    /// As [`build`].
    pub fn build(&self, runtime: &Runtime, cache: &Cache) -> Result<PathBuf, BridgeError> {
        self.build_with(Compiler::find(), runtime, cache)
    }

    /// [`build`](Self::build) with the `compiler` of this machine, or why there is none.
    fn build_with(
        &self,
        compiler: Result<Compiler, CompileError>,
        runtime: &Runtime,
        cache: &Cache,
    ) -> Result<PathBuf, BridgeError> {
        let compiler = match compiler {
            Ok(compiler) => compiler,
            Err(error) => {
                return self
                    .of_another_compiler(runtime, cache)
                    .ok_or_else(|| compile_error(runtime)(error));
            }
        };
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
        let mut hasher = blake3::Hasher::new();
        hasher.update(compiler.identity().as_bytes());
        let compiler = &hasher.finalize().to_hex()[..8];
        let folder = cache.root().join(FOLDER);
        folder.join(format!("{}{compiler}.so", self.file_prefix(runtime)))
    }

    /// The newest bridge in `cache` that differs from the wanted one in its compiler alone.
    fn of_another_compiler(&self, runtime: &Runtime, cache: &Cache) -> Option<PathBuf> {
        let prefix = self.file_prefix(runtime);
        let built = fs::read_dir(cache.root().join(FOLDER)).ok()?.flatten();
        built
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(&prefix) && name.ends_with(".so")
            })
            .max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok())
            .map(|entry| entry.path())
    }

    /// Everything that the compiler is told but where to write. Sources are named relative to
    /// their folder, so that messages and debug information do not name a scratch folder.
    fn arguments(&self, runtime: &Runtime) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ARGUMENTS.map(OsString::from).to_vec();
        arguments.extend(["-I".into(), ".".into()]);
        let version = &runtime.name.version;
        arguments.push(format!("-DRUNTIME_MAJOR={}", version.major()).into());
        arguments.push(format!("-DRUNTIME_MINOR={}", version.minor()).into());
        arguments.push(format!("-DRUNTIME_PATCH={}", version.patch()).into());
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

    /// `pytorch-2.11.0-<hash>-`, before the hash of the compiler: the hash of the sources and of
    /// the arguments with the runtime's place in them. What the cache holds under a name never
    /// changes; a runtime that was replaced in place is told by its main library.
    fn file_prefix(&self, runtime: &Runtime) -> String {
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
        // Headers of another version may come to stand in the same folder.
        for folder in &runtime.include_dirs {
            part(&fs::read(folder.join(VERSION_HEADER)).unwrap_or_default());
        }
        if let Some(stamp) = runtime.stamp() {
            part(stamp.as_bytes());
        }
        let hash = hasher.finalize().to_hex();
        format!("{}-{}-", runtime.name, &hash[..16])
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

fn compile_error(runtime: &Runtime) -> impl FnOnce(CompileError) -> BridgeError {
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

#[cfg(test)]
mod tests {
    use runtimes::Framework;

    use super::*;
    use crate::Source;

    const BRIDGE: Bridge = Bridge {
        sources: &[Source {
            path: "answer.cpp",
            text: "int answer() { return 42; }\n",
        }],
        arguments: &[],
        links_runtime: false,
    };

    #[test]
    fn without_a_compiler_a_bridge_of_another_one_will_do() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let library = folder.path().join("libnvinfer.so.8.6.0");
        fs::write(&library, "").expect("a file");
        let runtime = Runtime::in_place(Framework::TensorRt, &library).expect("a runtime");
        let cache = Cache::at(&folder.path().join("cache")).expect("a cache");
        let without =
            |bridge: &Bridge| bridge.build_with(Compiler::at("/nonexistent/c++"), &runtime, &cache);

        let message = without(&BRIDGE).unwrap_err().to_string();
        assert!(message.contains("/nonexistent/c++"), "{message}");
        let built = BRIDGE.build(&runtime, &cache).expect("built");
        assert_eq!(without(&BRIDGE).expect("there"), built);
        let other = Bridge {
            arguments: &["-DOTHER"],
            ..BRIDGE
        };
        assert!(without(&other).is_err(), "made of other arguments");
    }

    #[test]
    fn a_cache_from_another_machine_has_its_bridge_whatever_compiler_is_here() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let library = folder.path().join("libnvinfer.so.8.6.0");
        fs::write(&library, "").expect("a file");
        let runtime = Runtime::in_place(Framework::TensorRt, &library).expect("a runtime");
        let cache = Cache::at(folder.path()).expect("a cache");
        let mut prebuilt = Prebuilt::default();
        prebuilt.write(cache.root()).expect("a list");
        let message = build(&runtime, &cache).unwrap_err().to_string();
        assert!(message.contains("no bridge to tensorrt-8.6.0"), "{message}");
        prebuilt.add(request(&runtime.name), "bridge.so".into());
        prebuilt.write(cache.root()).expect("a list");
        fs::write(cache.root().join("bridge.so"), "").expect("a file");
        let built = build(&runtime, &cache).expect("there");
        assert_eq!(built, Some(cache.root().join("bridge.so")));
        assert!(!is_missing(&runtime, &cache).expect("there"));
    }
}
