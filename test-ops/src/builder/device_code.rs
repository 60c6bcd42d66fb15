use std::{
    ffi::OsString,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use runtimes::{Cache, CudaCompiler, Silent};

use super::{BuildError, Toolchain, key::Key, store::Store, write};
use crate::DeviceCode;

/// File names of the product and of what it is made from.
const FAT_BINARY: &str = "device-code.fatbin";
const ASSEMBLY: &str = "device-code.s";
const OBJECT: &str = "device-code.o";

/// The symbol of the code, as `device/device.cpp` declares it.
const SYMBOL: &str = "sample_library_device_code";

/// The kernels for GPUs as an object that is linked into a library.
///
/// One compilation serves all frameworks and runtimes. It takes seconds for each architecture.
pub(super) struct DeviceCodeBuild<'a> {
    pub(super) toolchain: &'a Toolchain,
    pub(super) store: &'a Store,
    /// Where the compiler is, or will be.
    pub(super) tools: &'a Cache,
}

impl DeviceCodeBuild<'_> {
    /// Hash of sources and compilers.
    pub(super) fn key(&self, code: &DeviceCode) -> Result<String, BuildError> {
        let toolchain = self.toolchain;
        Ok(Key::default()
            .with(toolchain.cuda.identity())
            .with(toolchain.compiler.identity())
            .with(toolchain.sources.kernels_hash()?.as_bytes())
            .with_arguments(&generated(code))
            // How it is called.
            .with(include_bytes!("device_code.rs"))
            .finish())
    }

    /// The object, compiled unless that has been done, by this process or another one.
    pub(super) fn object(&self, code: &DeviceCode) -> Result<PathBuf, BuildError> {
        let name = format!("device-code-{}", self.key(code)?);
        let folder = self.store.folder(&name, |folder| {
            let fat_binary = folder.join(FAT_BINARY);
            self.compile(code, &fat_binary)?;
            let assembly = folder.join(ASSEMBLY);
            write(&assembly, section(&fat_binary).as_bytes())?;
            let arguments = [
                "-c".into(),
                "-o".into(),
                folder.join(OBJECT).into(),
                assembly.into(),
            ];
            Ok(self.toolchain.compiler.run(&arguments)?)
        })?;
        Ok(folder.join(OBJECT))
    }

    fn compile(&self, code: &DeviceCode, product: &Path) -> Result<(), BuildError> {
        let program = self.toolchain.cuda.install(self.tools, &Silent)?;
        let mut arguments: Vec<OsString> =
            ["-fatbin", "-std=c++17", "-O3", "-Werror", "all-warnings"]
                .map(OsString::from)
                .to_vec();
        // All processors, one architecture each.
        arguments.extend(["--threads".into(), "0".into()]);
        // An eighth of the size, in each of many libraries.
        arguments.push("--compress-mode=size".into());
        arguments.extend(generated(code));
        arguments.extend(["-o".into(), product.into()]);
        arguments.push(self.toolchain.sources.kernels().into());
        Ok(CudaCompiler::run(
            &program,
            &self.toolchain.compiler,
            &arguments,
        )?)
    }
}

/// The compiler's arguments that say what is to be generated.
fn generated(code: &DeviceCode) -> Vec<OsString> {
    let one = |architecture: u32, form: &str| {
        let code = format!("arch=compute_{architecture},code={form}_{architecture}");
        ["-gencode".into(), code.into()]
    };
    let machine_code = code.machine_code.iter().map(|&number| one(number, "sm"));
    let ptx = code.ptx.iter().map(|&number| one(number, "compute"));
    machine_code.chain(ptx).flatten().collect()
}

/// Assembler that puts the file where CUDA's own tools look for code.
fn section(fat_binary: &Path) -> String {
    let mut text = String::new();
    writeln!(
        text,
        "\t.section .nv_fatbin, \"a\", @progbits\n\
         \t.balign 8\n\
         \t.globl {SYMBOL}\n\
         \t.hidden {SYMBOL}\n\
         \t.type {SYMBOL}, @object\n\
         {SYMBOL}:\n\
         \t.incbin \"{}\"\n\
         \t.size {SYMBOL}, . - {SYMBOL}\n\
         \t.section .note.GNU-stack, \"\", @progbits",
        fat_binary.display()
    )
    .expect("writing to a string does not fail");
    text
}
