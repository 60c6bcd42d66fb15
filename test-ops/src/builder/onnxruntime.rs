use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use runtimes::Runtime;

use super::{
    BuildError, Toolchain, assembly::Assembly, folder_of, key::Key, store::Store, variant,
};
use crate::{Broken, Content, Sample};

const STEM: &str = "libsample_ops_onnxruntime";

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

/// Libraries for ONNX Runtime: the Rust package, and small C++ files for what is broken. Nothing
/// of the runtime is needed: it hands its functions over when it loads a library.
pub(super) struct OnnxRuntimeAssembly<'a> {
    pub(super) toolchain: &'a Toolchain,
    pub(super) store: &'a Store,
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

    /// Compiles one source to a shared object.
    fn compile(
        &self,
        source: PathBuf,
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
        command.extend(["-o".into(), product.into(), source.into()]);
        command.extend_from_slice(arguments);
        self.toolchain
            .compiler
            .run(&command)
            .map_err(BuildError::compiling(&self.runtime.name))
    }

    /// Links the package's archive with the object that keeps a library mapped.
    fn pinned(&self, product: &Path) -> Result<(), BuildError> {
        // The entry point pulls in everything else that is needed from the archive.
        let entry = "-Wl,--undefined=RegisterCustomOps".into();
        self.linked(
            self.shared_source("pinned.cpp"),
            &self.source("pinned.map"),
            [entry],
            product,
        )
    }

    /// Links the package's archive with an entry point that asks for `api_level` by its code.
    fn with_level_in_code(&self, api_level: u32, product: &Path) -> Result<(), BuildError> {
        let folder = self.toolchain.sources.onnxruntime().join("entry");
        self.linked(
            folder.join("entry_point.cpp"),
            &folder.join("entry_point.map"),
            [
                format!("-DAPI_LEVEL={api_level}").into(),
                // The archive has an entry point too, which comes second.
                "-Wl,--allow-multiple-definition".into(),
            ],
            product,
        )
    }

    /// Compiles one source and links it with the package's archive; `map` has what is exported.
    fn linked<const N: usize>(
        &self,
        source: PathBuf,
        map: &Path,
        own: [OsString; N],
        product: &Path,
    ) -> Result<(), BuildError> {
        let mut script = OsString::from("-Wl,--version-script=");
        script.push(map);
        let mut arguments = own.to_vec();
        arguments.extend([
            "-Wl,--gc-sections".into(),
            "-Wl,--strip-debug".into(),
            script,
            self.package()?.join(format!("{STEM}.a")).into(),
        ]);
        arguments.extend(SYSTEM_LIBRARIES.map(OsString::from));
        self.compile(source, &arguments, product)
    }

    fn missing_dependency(&self, product: &Path) -> Result<(), BuildError> {
        let stub = self.shared_source("dependency_stub.cpp");
        let arguments = super::absent_dependency(folder_of(product), |dependency| {
            self.compile(stub, &[], dependency)
        })?;
        self.compile(self.source("missing_dependency.cpp"), &arguments, product)
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
            .with(toolchain.sources.broken_hash()?.as_bytes())
            .with(toolchain.compiler.identity()))
    }

    fn prepare(&self, _: &Content) -> Result<(), BuildError> {
        self.package().map(drop)
    }

    fn foundation(&self, _: &Content) -> Result<String, BuildError> {
        Ok(self.toolchain.onnxruntime.key().to_owned())
    }

    fn sample(&self, sample: &Sample, product: &Path) -> Result<(), BuildError> {
        let configuration = variant::configuration(sample, None, self.runtime)?;
        if sample.pinned || sample.level_in_code {
            let linked = folder_of(product).join("linked.so");
            if sample.pinned {
                self.pinned(&linked)?;
            } else {
                self.with_level_in_code(sample.api_level, &linked)?;
            }
            variant::configured(&linked, &configuration, product)
        } else {
            let library = self.package()?.join(format!("{STEM}.so"));
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
        };
        let definition: Vec<OsString> = definition.into_iter().map(OsString::from).collect();
        self.compile(self.source(file), &definition, product)
    }
}
