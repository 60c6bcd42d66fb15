//! The code for GPUs in op libraries, as the inspector sees it. Compiled here, on any machine.

use std::{path::PathBuf, sync::OnceLock};

use runtimes::{Cache, Catalog, Framework, Pip, Runtime, Silent, Size};
use test_ops::{Builder, Content, DeviceCode, Library, Sample, TorchInterface};

fn cache() -> Cache {
    Cache::locate(None).expect("a cache folder")
}

fn install(framework: Framework) -> Runtime {
    let entry = Catalog::builtin()
        .default_of(framework)
        .expect("the catalogue has one of each");
    let pip = Pip::find().expect("pip");
    runtimes::install(&cache(), entry, Size::Small, &pip, &Silent)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The default TensorRT, whose libraries take the least time.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| install(Framework::TensorRt))
}

fn build(sample: Sample, runtime: &Runtime) -> PathBuf {
    Builder::in_cache(&cache())
        .build(&Library::new(runtime.name.framework, sample), runtime)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// The names of machine code and of PTX in the library of a sample.
fn code(sample: Sample, runtime: &Runtime) -> (Vec<String>, Vec<String>) {
    let library = op_library::inspect(&build(sample, runtime)).expect("an ELF file");
    let code = library.gpu_code;
    let names = |architectures: &std::collections::BTreeSet<op_library::Architecture>,
                 name: fn(op_library::Architecture) -> String| {
        architectures.iter().copied().map(name).collect()
    };
    (
        names(&code.binaries, op_library::Architecture::binary_name),
        names(&code.ptx, op_library::Architecture::ptx_name),
    )
}

#[test]
fn every_architecture_is_named() {
    for framework in Framework::ALL {
        let runtime = &install(framework);
        let (machine_code, ptx) = code(Sample::default(), runtime);
        assert_eq!(
            machine_code,
            [
                "sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"
            ],
            "{}",
            runtime.name
        );
        assert_eq!(ptx, ["compute_120"], "{}", runtime.name);
    }
}

#[test]
fn other_code_is_compiled_on_request() {
    let sample = |code| Sample::default().with_device_code(code);
    let none: [String; 0] = [];

    let (machine_code, ptx) = code(sample(DeviceCode::machine_code(&[75])), runtime());
    assert_eq!(machine_code, ["sm_75"]);
    assert_eq!(ptx, none);

    let (machine_code, ptx) = code(sample(DeviceCode::ptx(80)), runtime());
    assert_eq!(machine_code, none);
    assert_eq!(ptx, ["compute_80"]);

    let (machine_code, ptx) = code(sample(DeviceCode::none()), runtime());
    assert_eq!((machine_code, ptx), (vec![], vec![]));
}

#[test]
fn an_unknown_architecture_is_refused_by_the_compiler() {
    let sample = Sample::default().with_device_code(DeviceCode::machine_code(&[1]));
    let library = Library::new(Framework::TensorRt, sample);
    let error = Builder::in_cache(&cache())
        .build(&library, runtime())
        .unwrap_err()
        .to_string();
    for part in ["kernels for GPUs", "the CUDA compiler", "compute_1'"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn code_can_be_chosen_where_there_are_kernels_for_gpus() {
    let sample = Sample::default().with_device_code(DeviceCode::ptx(80));
    let exists = |framework, sample: &Sample| {
        Library::new(framework, Content::from(sample.clone())).exists()
    };
    for framework in Framework::ALL {
        assert!(exists(framework, &sample), "{framework}");
    }
    let stable = sample.clone().with_interface(TorchInterface::Stable);
    assert!(!exists(Framework::PyTorch, &stable));
}

#[test]
fn what_a_library_says_of_itself_is_read_without_its_code() {
    let path = build(Sample::default(), runtime());
    let whole = std::fs::read(&path).expect("a file");
    let without = op_library::content_without_code(&path).expect("a file");
    assert_eq!(whole.len(), without.len());
    let holds = |content: &[u8], text: &[u8]| {
        let mut places = content.windows(text.len());
        places.any(|place| place == text)
    };
    // How a fat binary begins.
    let magic = [0x50, 0xed, 0x55, 0xba];
    assert!(holds(&whole, &magic) && !holds(&without, &magic));
    let name = test_ops::DEFAULT_DOMAIN.as_bytes();
    assert!(holds(&whole, name) && holds(&without, name));
}
