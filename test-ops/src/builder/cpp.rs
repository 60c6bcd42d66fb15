use std::{
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use runtimes::{Cache, Runtime};

use super::{
    BuildError, Toolchain, assembly::Assembly, device_code::DeviceCodeBuild, key::Key,
    onnxruntime::SYSTEM_LIBRARIES, recipe::Recipe, store::Store, variant, write,
};
use crate::{Broken, Content, DeviceCode, Sample};

/// What every library is compiled with. Its own symbols are hidden, so that two libraries in one
/// process do not take each other's, and none is unique, so that it can be unmapped.
const COMPILE_ARGUMENTS: [&str; 8] = [
    "-c",
    "-O2",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-fno-gnu-unique",
];

/// What every library is linked with. The kernels come from an archive and stay inside.
const LINK_ARGUMENTS: [&str; 6] = [
    "-shared",
    "-fPIC",
    "-Wl,--exclude-libs,ALL",
    "-Wl,--gc-sections",
    "-Wl,--strip-debug",
    "-Wl,--build-id=sha1",
];

/// Libraries in C++: compiled once for a runtime and a recipe's arguments, linked once for each
/// [`Addition`], and configured by their block.
pub(super) struct CppAssembly<'a> {
    pub(super) toolchain: &'a Toolchain,
    pub(super) store: &'a Store,
    pub(super) tools: &'a Cache,
    pub(super) runtime: &'a Runtime,
    pub(super) recipe: Recipe,
}

/// What is linked into a library beside its own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Addition {
    Nothing,
    /// An object that keeps the library mapped.
    Pin,
    /// A reference to a symbol that no library defines.
    UndefinedSymbol,
    /// A reference to a library that is not there.
    MissingDependency,
}

/// What a library is linked from.
struct Parts {
    /// The folder of the framework's sources.
    folder: PathBuf,
    compile_arguments: Vec<OsString>,
    addition: Addition,
    /// Kernels are launched on GPUs.
    has_device_kernels: bool,
    /// The code for GPUs that is linked in.
    device_code: Option<DeviceCode>,
}

impl CppAssembly<'_> {
    fn parts(&self, content: &Content) -> Parts {
        let (sample, broken) = match content {
            Content::Sample(sample) => (sample, None),
            Content::Broken(broken) => (&Sample::default(), Some(*broken)),
        };
        self.parts_of(sample, broken)
    }

    fn parts_of(&self, sample: &Sample, broken: Option<Broken>) -> Parts {
        let sources = &self.toolchain.sources;
        let mut arguments: Vec<OsString> = COMPILE_ARGUMENTS.map(OsString::from).to_vec();
        for folder in [
            sources.framework(self.runtime.name.framework),
            sources.sample_library(),
            sources.kernel_header(),
            sources.device(),
        ] {
            arguments.extend(["-I".into(), folder.into()]);
        }
        arguments.extend(self.runtime.compile_arguments());
        arguments.extend((self.recipe.compile_arguments)(
            sample,
            broken,
            self.runtime,
            sources,
        ));
        let has_device_kernels = sample.has_device_kernels(self.runtime.name.framework);
        let device_code = Some(sample.device_code.clone());
        Parts {
            has_device_kernels,
            device_code: device_code.filter(|code| has_device_kernels && !code.is_empty()),
            folder: sources
                .framework(self.runtime.name.framework)
                .join((self.recipe.folder)(sample, broken)),
            compile_arguments: arguments,
            addition: match broken {
                Some(Broken::UndefinedSymbol) => Addition::UndefinedSymbol,
                Some(Broken::MissingDependency) => Addition::MissingDependency,
                _ if sample.pinned => Addition::Pin,
                _ => Addition::Nothing,
            },
        }
    }

    fn object_key(&self, parts: &Parts) -> Result<Key, BuildError> {
        let toolchain = self.toolchain;
        let framework = self.runtime.name.framework;
        Ok(Key::default()
            .with(self.runtime.name.to_string())
            .with(self.runtime.stamp().unwrap_or_default())
            .with(toolchain.compiler.identity())
            .with(toolchain.sources.cpp_hash(framework)?.as_bytes())
            .with(include_bytes!("cpp.rs"))
            .with(parts.folder.as_os_str().as_encoded_bytes())
            .with_arguments(&parts.compile_arguments))
    }

    fn device_code(&self) -> DeviceCodeBuild<'_> {
        DeviceCodeBuild {
            toolchain: self.toolchain,
            store: self.store,
            tools: self.tools,
        }
    }

    fn library_key(&self, parts: &Parts) -> Result<Key, BuildError> {
        let device_code = parts.device_code.as_ref();
        let device_code = device_code.map(|code| self.device_code().key(code));
        Ok(self
            .object_key(parts)?
            .with(self.toolchain.kernels.key())
            .with(device_code.transpose()?.unwrap_or_default())
            .with(format!("{:?}", parts.addition))
            .with_arguments(&self.runtime.link_arguments()))
    }

    /// The compiled sources. They are compiled as one unit, because the framework's headers take
    /// far longer than they do.
    fn object(&self, parts: &Parts) -> Result<PathBuf, BuildError> {
        if self.recipe.needs_headers && self.runtime.include_dirs.is_empty() {
            return Err(BuildError::Headers {
                runtime: self.runtime.name,
                path: self.runtime.package_dir.clone(),
            });
        }
        let name = format!("object-{}", self.object_key(parts)?.finish());
        let folder = self.store.folder(&name, |folder| {
            let unit = folder.join("library.cpp");
            write(&unit, self.unit(parts)?.as_bytes())?;
            let mut arguments = parts.compile_arguments.clone();
            arguments.extend(["-o".into(), folder.join("library.o").into(), unit.into()]);
            self.compile(&arguments)
        })?;
        Ok(folder.join("library.o"))
    }

    /// A source that includes all others: the shared ones first, because an initializer that goes
    /// wrong does so before anything is registered.
    fn unit(&self, parts: &Parts) -> Result<String, BuildError> {
        let sources = &self.toolchain.sources;
        let own = cpp_files(&parts.folder)?;
        if own.is_empty() {
            return Err(BuildError::NoSources {
                framework: self.runtime.name.framework,
                path: parts.folder.clone(),
            });
        }
        let mut files = cpp_files(&sources.sample_library())?;
        if parts.has_device_kernels {
            files.extend(cpp_files(&sources.device())?);
        }
        files.extend(own);
        let mut unit = String::new();
        for file in files {
            writeln!(unit, "#include \"{}\"", file.display())
                .expect("writing to a string does not fail");
        }
        Ok(unit)
    }

    /// The linked library with the default configuration.
    fn library(&self, parts: &Parts) -> Result<PathBuf, BuildError> {
        let name = format!("library-{}", self.library_key(parts)?.finish());
        let folder = self.store.folder(&name, |folder| {
            let toolchain = self.toolchain;
            let product = folder.join("library.so");
            let mut arguments: Vec<OsString> = LINK_ARGUMENTS.map(OsString::from).to_vec();
            arguments.extend(["-o".into(), product.clone().into()]);
            arguments.push(self.object(parts)?.into());
            // Gone when the library is loaded: what it is to miss lies here.
            let scratch = tempfile::tempdir_in(folder).map_err(BuildError::writing(folder))?;
            arguments.extend(self.addition(parts.addition, scratch.path())?);
            if let Some(code) = &parts.device_code {
                arguments.push(self.device_code().object(code)?.into());
            }
            let kernels = toolchain.kernels.build(&toolchain.sources, self.store)?;
            arguments.push(kernels.join(super::KERNELS_ARCHIVE).into());
            arguments.extend(self.runtime.link_arguments());
            arguments.extend(SYSTEM_LIBRARIES.map(OsString::from));
            self.compile(&arguments)
        })?;
        Ok(folder.join("library.so"))
    }

    fn addition(&self, addition: Addition, scratch: &Path) -> Result<Vec<OsString>, BuildError> {
        let sources = self.toolchain.sources.sample_library().join("broken");
        let source = |file: &str| sources.join(file).into();
        Ok(match addition {
            Addition::Nothing => Vec::new(),
            Addition::Pin => vec![source("pinned.cpp")],
            Addition::UndefinedSymbol => vec![source("undefined_symbol.cpp")],
            Addition::MissingDependency => {
                let mut arguments = vec![source("missing_dependency.cpp")];
                arguments.extend(super::absent_dependency(scratch, |dependency| {
                    self.compile(&[
                        "-shared".into(),
                        "-fPIC".into(),
                        "-o".into(),
                        dependency.into(),
                        source("dependency_stub.cpp"),
                    ])
                })?);
                arguments
            }
        })
    }

    fn compile(&self, arguments: &[OsString]) -> Result<(), BuildError> {
        self.toolchain
            .compiler
            .run(arguments)
            .map_err(BuildError::compiling(&self.runtime.name))
    }

    fn make(
        &self,
        sample: &Sample,
        broken: Option<Broken>,
        product: &Path,
    ) -> Result<(), BuildError> {
        let configuration = variant::configuration(sample, broken, self.runtime)?;
        let library = self.library(&self.parts_of(sample, broken))?;
        variant::configured(&library, &configuration, product)
    }
}

impl Assembly for CppAssembly<'_> {
    fn key(&self, content: &Content) -> Result<Key, BuildError> {
        self.library_key(&self.parts(content))
    }

    fn prepare(&self, content: &Content) -> Result<(), BuildError> {
        self.library(&self.parts(content)).map(drop)
    }

    fn foundation(&self, content: &Content) -> Result<String, BuildError> {
        Ok(self.library_key(&self.parts(content))?.finish())
    }

    fn sample(&self, sample: &Sample, product: &Path) -> Result<(), BuildError> {
        self.make(sample, None, product)
    }

    fn broken(&self, broken: Broken, product: &Path) -> Result<(), BuildError> {
        self.make(&Sample::default(), Some(broken), product)
    }
}

/// The C++ sources right in `folder`, by name; none where there is no such folder.
fn cpp_files(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|source| BuildError::Read {
                path: folder.to_owned(),
                source,
            })?
            .path();
        if path.extension().is_some_and(|extension| extension == "cpp") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
