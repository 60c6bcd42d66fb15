use std::path::Path;

use runtimes::{Framework, Runtime};

use super::{
    BuildError, elf,
    layout::{self, Configuration, Text},
    read, write,
};
use crate::{Broken, Fault, Op, Sample, spelling};

/// Longer than an ELF header, so that it is not refused for its size.
const TEXT: &[u8] = b"This is a text file with the name of a shared library.\n\
It stands for a download that brought an error page instead of the file.\n";

/// The configuration block of a sample for one runtime. `initializer` is what goes wrong in a
/// static initializer.
pub(super) fn configuration(
    sample: &Sample,
    initializer: Option<Broken>,
    runtime: &Runtime,
) -> Result<Configuration, BuildError> {
    let framework = runtime.name.framework;
    let domain = spelling::domain(framework, &sample.domain);
    // A framework that ignores levels gets the same library for all of them.
    let api_level = match framework {
        Framework::OnnxRuntime => sample.api_level,
        _ => 0,
    };
    let expressible = |op: &&Op| {
        framework == Framework::OnnxRuntime || !op.data_types_on(&runtime.name).is_empty()
    };
    Ok(Configuration {
        signature: sample.signature,
        ops: sample
            .ops
            .iter()
            .filter(expressible)
            .fold(0, |mask, &op| mask | op_bit(op)),
        fault: initializer
            .and_then(initializer_code)
            .or(sample.fault.map(fault_code))
            .unwrap_or(0),
        api_level,
        domain: text("operator domain", &domain)?,
        form: [
            (sample.without_bias, layout::FORM_WITHOUT_BIAS),
            (sample.kernels_only, layout::FORM_KERNELS_ONLY),
        ]
        .into_iter()
        .filter(|(is_so, _)| *is_so)
        .fold(0, |form, (_, bit)| form | bit),
        name: text("operator name", sample.name.as_deref().unwrap_or_default())?,
        version: text("plugin version", &sample.plugin_version)?,
    })
}

/// `text` as the block holds it.
fn text<const CAPACITY: usize>(
    what: &'static str,
    text: &str,
) -> Result<Text<CAPACITY>, BuildError> {
    Text::new(text).ok_or_else(|| BuildError::Text {
        what,
        text: text.to_owned(),
        capacity: CAPACITY,
    })
}

/// Writes a copy of `library` with another configuration block.
pub(super) fn configured(
    library: &Path,
    configuration: &Configuration,
    product: &Path,
) -> Result<(), BuildError> {
    let mut bytes = read(library)?;
    elf::configure(&mut bytes, configuration).map_err(odd(product))?;
    write(product, &bytes)
}

/// Writes the first half of `library`.
pub(super) fn truncated(library: &Path, product: &Path) -> Result<(), BuildError> {
    let whole = read(library)?;
    write(product, &whole[..whole.len() / 2])
}

/// Writes a copy of `library` that says it is for AArch64.
pub(super) fn other_architecture(library: &Path, product: &Path) -> Result<(), BuildError> {
    let mut bytes = read(library)?;
    elf::set_machine(&mut bytes, elf::MACHINE_AARCH64).map_err(odd(product))?;
    write(product, &bytes)
}

/// Writes a text.
pub(super) fn not_elf(product: &Path) -> Result<(), BuildError> {
    write(product, TEXT)
}

fn odd(product: &Path) -> impl FnOnce(String) -> BuildError {
    move |reason| BuildError::Elf {
        path: product.to_owned(),
        reason,
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
        Fault::SchemaDisagrees => layout::FAULT_SCHEMA_DISAGREES,
        Fault::DeviceKernelWritesAstray => layout::FAULT_DEVICE_KERNEL_WRITES_ASTRAY,
        Fault::DeviceKernelHangs => layout::FAULT_DEVICE_KERNEL_HANGS,
        Fault::DeviceMemoryIsExhausted => layout::FAULT_DEVICE_MEMORY_IS_EXHAUSTED,
        Fault::DeviceMemoryIsTaken => layout::FAULT_DEVICE_MEMORY_IS_TAKEN,
    }
}

fn initializer_code(broken: Broken) -> Option<u8> {
    match broken {
        Broken::InitializerCrashes => Some(layout::FAULT_INITIALIZER_CRASHES),
        Broken::InitializerAborts => Some(layout::FAULT_INITIALIZER_ABORTS),
        Broken::InitializerThrows => Some(layout::FAULT_INITIALIZER_THROWS),
        Broken::InitializerHangs => Some(layout::FAULT_INITIALIZER_HANGS),
        _ => None,
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    /// The header for C++ and the module for Rust agree: what is written by one is read by the
    /// other, through the block in a program.
    #[test]
    fn both_languages_have_one_layout() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample-library");
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("print_configuration");
        let arguments = [
            "-std=c++17".into(),
            "-Wl,--build-id=sha1".into(),
            "-I".into(),
            folder.clone().into(),
            "-o".into(),
            program.clone().into(),
            folder.join("configuration.cpp").into(),
            folder.join("tests/print_configuration.cpp").into(),
        ];
        runtimes::Compiler::find().unwrap().run(&arguments).unwrap();
        assert_eq!(printed(&program), "0 15 0 0 0 [custom.ops] [] [1]");

        let bytes = read(&program).unwrap();
        let block = |bytes: &[u8]| {
            let start = bytes
                .windows(layout::MAGIC.len())
                .position(|window| window == layout::MAGIC)
                .unwrap();
            bytes[start..start + layout::SIZE].to_vec()
        };
        let default = Configuration {
            signature: 0,
            ops: 0b1111,
            fault: 0,
            api_level: 0,
            domain: Text::new("custom.ops").unwrap(),
            form: 0,
            name: Text::new("").unwrap(),
            version: Text::new("1").unwrap(),
        };
        assert_eq!(block(&bytes), default.encode());

        proptest!(ProptestConfig::with_cases(20), |(
            signature: u8,
            ops: u8,
            fault: u8,
            form in 0u8..4,
            domain in "[a-z.]{0,64}",
            name in "[A-Za-z.]{0,40}",
            version in "[0-9.]{0,8}",
        )| {
            let configuration = Configuration {
                signature,
                ops,
                fault,
                api_level: 0,
                domain: Text::new(&domain).unwrap(),
                form,
                name: Text::new(&name).unwrap(),
                version: Text::new(&version).unwrap(),
            };
            let copy = tempfile::tempdir_in(scratch.path()).unwrap();
            let variant = copy.path().join("variant");
            std::fs::copy(&program, &variant).unwrap();
            configured(&program, &configuration, &variant).unwrap();
            let (without_bias, kernels_only) = (form & 1, form >> 1);
            prop_assert_eq!(
                printed(&variant),
                format!(
                    "{signature} {ops} {fault} {without_bias} {kernels_only} [{domain}] [{name}] \
                     [{version}]"
                )
            );
            prop_assert_eq!(Configuration::decode(&configuration.encode()), configuration);
        });
    }

    fn printed(program: &Path) -> String {
        let output = Command::new(program).output().unwrap();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end_matches('\n')
            .to_owned()
    }
}
