use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use runtimes::{Cache, Runtime};

use super::{
    BuildError, Toolchain, assembly::Assembly, device_code::DeviceCodeBuild, folder_of, key::Key,
    store::Store, variant, write,
};
use crate::{Broken, Content, DeviceCode, Sample};

/// The package's code.
const ARCHIVE: &str = "libsample_ops_onnxruntime.a";

/// File name of a linked library.
const PRODUCT: &str = "library.so";

/// File name of the object with the launches of kernels for GPUs.
const LAUNCHES: &str = "launches.o";

/// The entry point pulls in everything else that is needed from the archive.
const UNDEFINED_ENTRY: &str = "-Wl,--undefined=RegisterCustomOps";

/// What Rust's standard library needs of the system.
pub(super) const SYSTEM_LIBRARIES: [&str; 7] = [
    "-lgcc_s",
    "-lutil",
    "-lrt",
    "-lpthread",
    "-lm",
    "-ldl",
    "-lc",
];

/// What the launches of kernels for GPUs are compiled with: their symbols are hidden, and none is
/// unique, so that a library can be unmapped.
const LAUNCH_ARGUMENTS: [&str; 7] = [
    "-c",
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-fno-gnu-unique",
];

/// Libraries for ONNX Runtime: the Rust package, linked with the launches of kernels for GPUs, and
/// small C++ files for what is broken. Nothing
/// of the runtime is needed: it hands its functions over when it loads a library.
pub(super) struct OnnxRuntimeAssembly<'a> {
    pub(super) toolchain: &'a Toolchain,
    pub(super) store: &'a Store,
    pub(super) tools: &'a Cache,
    pub(super) runtime: &'a Runtime,
}

impl OnnxRuntimeAssembly<'_> {
    fn package(&self) -> Result<PathBuf, BuildError> {
        let toolchain = self.toolchain;
        toolchain.onnxruntime.build(&toolchain.sources, self.store)
    }

    fn source(&self, file: &str) -> PathBuf {
        self.toolchain
            .sources
            .onnxruntime()
            .join("broken")
            .join(file)
    }

    fn shared_source(&self, file: &str) -> PathBuf {
        self.toolchain
            .sources
            .sample_library()
            .join("broken")
            .join(file)
    }

    /// Compiles sources to a shared object.
    fn compile(
        &self,
        source: impl IntoIterator<Item = PathBuf>,
        arguments: &[OsString],
        product: &Path,
    ) -> Result<(), BuildError> {
        let mut command: Vec<OsString> = [
            "-std=c++17",
            "-O1",
            "-fPIC",
            "-shared",
            "-Wall",
            "-Wl,--build-id=sha1",
        ]
        .map(OsString::from)
        .to_vec();
        command.extend(["-o".into(), product.into()]);
        command.extend(source.into_iter().map(OsString::from));
        command.extend_from_slice(arguments);
        self.toolchain
            .compiler
            .run(&command)
            .map_err(BuildError::compiling(&self.runtime.name))
    }

    fn device_code(&self) -> DeviceCodeBuild<'_> {
        DeviceCodeBuild {
            toolchain: self.toolchain,
            store: self.store,
            tools: self.tools,
        }
    }

    fn device_code_key(&self, code: &DeviceCode) -> Result<String, BuildError> {
        if code.is_empty() {
            return Ok(String::new());
        }
        self.device_code().key(code)
    }

    /// The launches of kernels for GPUs as an object, compiled unless that has been done.
    fn launches(&self) -> Result<PathBuf, BuildError> {
        let folder = self.store.folder(&self.launches_key()?, |folder| {
            let sources = &self.toolchain.sources;
            let mut text = String::new();
            for file in sources.launches() {
                writeln!(text, "#include \"{}\"", file.display())
                    .expect("writing to a string does not fail");
            }
            let unit = folder.join("launches.cpp");
            write(&unit, text.as_bytes())?;
            let mut arguments = LAUNCH_ARGUMENTS.map(OsString::from).to_vec();
            arguments.extend(["-I".into(), sources.device().into()]);
            arguments.extend(["-o".into(), folder.join(LAUNCHES).into(), unit.into()]);
            let compiler = &self.toolchain.compiler;
            let compiled = compiler.run(&arguments);
            compiled.map_err(BuildError::compiling(&self.runtime.name))
        })?;
        Ok(folder.join(LAUNCHES))
    }

    fn launches_key(&self) -> Result<String, BuildError> {
        let toolchain = self.toolchain;
        let key = Key::default()
            .with(toolchain.sources.launches_hash()?.as_bytes())
            .with(toolchain.compiler.identity())
            // How it is compiled.
            .with(include_bytes!("onnxruntime.rs"));
        Ok(format!("launches-{}", key.finish()))
    }

    /// Hash of a whole library in the default configuration.
    fn library_key(&self, code: &DeviceCode) -> Result<String, BuildError> {
        let toolchain = self.toolchain;
        let key = Key::default()
            .with(toolchain.onnxruntime.key())
            .with(self.device_code_key(code)?)
            .with(self.launches_key()?);
        Ok(format!("library-{}", key.finish()))
    }

    /// The library in the default configuration, linked unless that has been done.
    fn library(&self, code: &DeviceCode) -> Result<PathBuf, BuildError> {
        let folder = self.store.folder(&self.library_key(code)?, |folder| {
            let map = self.entry_folder().join("entry_point.map");
            self.linked(
                None,
                &map,
                [UNDEFINED_ENTRY.into()],
                code,
                &folder.join(PRODUCT),
            )
        })?;
        Ok(folder.join(PRODUCT))
    }

    fn entry_folder(&self) -> PathBuf {
        self.toolchain.sources.onnxruntime().join("entry")
    }

    /// Links the package's archive with the object that keeps a library mapped.
    fn pinned(&self, code: &DeviceCode, product: &Path) -> Result<(), BuildError> {
        self.linked(
            Some(self.shared_source("pinned.cpp")),
            &self.source("pinned.map"),
            [UNDEFINED_ENTRY.into()],
            code,
            product,
        )
    }

    /// Links the package's archive with an entry point that asks for `api_level` by its code.
    fn with_level_in_code(
        &self,
        api_level: u32,
        code: &DeviceCode,
        product: &Path,
    ) -> Result<(), BuildError> {
        let folder = self.entry_folder();
        self.linked(
            Some(folder.join("entry_point.cpp")),
            &folder.join("entry_point.map"),
            [
                format!("-DAPI_LEVEL={api_level}").into(),
                // The archive has an entry point too, which comes second.
                "-Wl,--allow-multiple-definition".into(),
            ],
            code,
            product,
        )
    }

    /// Compiles one source more and links it with the package's archive, the launches of kernels for
    /// GPUs and their code; `map` has what is exported.
    fn linked<const N: usize>(
        &self,
        source: Option<PathBuf>,
        map: &Path,
        own: [OsString; N],
        code: &DeviceCode,
        product: &Path,
    ) -> Result<(), BuildError> {
        let mut script = OsString::from("-Wl,--version-script=");
        script.push(map);
        let mut arguments = own.to_vec();
        arguments.push(self.launches()?.into());
        if !code.is_empty() {
            arguments.push(self.device_code().object(code)?.into());
        }
        arguments.extend([
            "-Wl,--gc-sections".into(),
            "-Wl,--strip-debug".into(),
            script,
            self.package()?.join(ARCHIVE).into(),
        ]);
        arguments.extend(SYSTEM_LIBRARIES.map(OsString::from));
        self.compile(source, &arguments, product)
    }

    fn missing_dependency(&self, product: &Path) -> Result<(), BuildError> {
        let stub = self.shared_source("dependency_stub.cpp");
        let arguments = super::absent_dependency(folder_of(product), |dependency| {
            self.compile([stub], &[], dependency)
        })?;
        self.compile([self.source("missing_dependency.cpp")], &arguments, product)
    }
}

impl Assembly for OnnxRuntimeAssembly<'_> {
    fn key(&self, content: &Content) -> Result<Key, BuildError> {
        let toolchain = self.toolchain;
        let from_rust = matches!(
            content,
            Content::Sample(_) | Content::Broken(Broken::Truncated | Broken::OtherArchitecture)
        );
        Ok(Key::default()
            .with(if from_rust {
                toolchain.onnxruntime.key()
            } else {
                ""
            })
            .with(match content {
                Content::Sample(sample) => self.library_key(&sample.device_code)?,
                Content::Broken(_) if from_rust => self.library_key(&DeviceCode::default())?,
                Content::Broken(_) => String::new(),
            })
            .with(toolchain.sources.broken_hash()?.as_bytes())
            .with(toolchain.compiler.identity()))
    }

    fn prepare(&self, content: &Content) -> Result<(), BuildError> {
        self.library(&device_code_of(content)).map(drop)
    }

    fn foundation(&self, content: &Content) -> Result<String, BuildError> {
        self.library_key(&device_code_of(content))
    }

    fn sample(&self, sample: &Sample, product: &Path) -> Result<(), BuildError> {
        let configuration = variant::configuration(sample, None, self.runtime)?;
        if sample.pinned || sample.level_in_code {
            let linked = folder_of(product).join("linked.so");
            if sample.pinned {
                self.pinned(&sample.device_code, &linked)?;
            } else {
                self.with_level_in_code(sample.api_level, &sample.device_code, &linked)?;
            }
            variant::configured(&linked, &configuration, product)
        } else {
            let library = self.library(&sample.device_code)?;
            variant::configured(&library, &configuration, product)
        }
    }

    fn broken(&self, broken: Broken, product: &Path) -> Result<(), BuildError> {
        let (file, definition) = match broken {
            Broken::NoEntryPoint => ("no_entry_point.cpp", None),
            Broken::MangledEntryPoint => ("mangled_entry_point.cpp", None),
            Broken::UndefinedSymbol => ("undefined_symbol.cpp", None),
            Broken::InitializerCrashes => ("initializer.cpp", Some("-DCRASHES")),
            Broken::InitializerAborts => ("initializer.cpp", Some("-DABORTS")),
            Broken::InitializerThrows => ("initializer.cpp", Some("-DTHROWS")),
            Broken::InitializerHangs => ("initializer.cpp", Some("-DHANGS")),
            Broken::MissingDependency => return self.missing_dependency(product),
            Broken::Truncated | Broken::NotElf | Broken::OtherArchitecture => {
                unreachable!("{broken:?} is made by the builder")
            }
            Broken::SchemaDisagrees => {
                unreachable!("{broken:?} does not exist for ONNX Runtime, which the builder checks")
            }
        };
        let definition: Vec<OsString> = definition.into_iter().map(OsString::from).collect();
        self.compile([self.source(file)], &definition, product)
    }
}

/// The code for GPUs in a library of that content, or in the whole one that it is made from.
fn device_code_of(content: &Content) -> DeviceCode {
    match content {
        Content::Sample(sample) => sample.device_code.clone(),
        Content::Broken(_) => DeviceCode::default(),
    }
}
