//! The PyTorch backend with real runtimes: nearly every test runs with each runtime of the
//! catalogue.

#[path = "../support/execution.rs"]
mod execution;
mod fixture;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use execution::{Tensor, execute, execute_in_place};
use fixture::{Fixture, in_a_process, tensor, with_every_runtime};
use reference_server::configuration::Device;
use reference_server::protocol::DataType;
use reference_server::worker::backend::{
    Backend, InputTensor, Instance, RegisteredOp, TensorData, TensorSignature,
};
use runtimes::{Compiler, Framework};
use test_ops::{Model, Op, ParameterSource, Sample};

macro_rules! with_every_runtime {
    ($(fn $name:ident($fixture:ident) $body:block)*) => {$(
        #[test]
        fn $name() {
            fn check($fixture: &mut Fixture) $body
            with_every_runtime(stringify!($name), check);
        }
    )*};
}

const IDENTITY: &str = "def forward(self, x: Tensor) -> Tensor:\n  return x";

fn fp32(name: &str, dims: &[i64]) -> TensorSignature {
    tensor(name, DataType::Fp32, dims)
}

fn sample(op: Op, source: ParameterSource) -> Model {
    Model::new(op, test_ops::DataType::Fp32, &[-1, 4], source).in_format(Framework::PyTorch)
}

fn registered(domain: &str, names: &[&str]) -> Vec<RegisteredOp> {
    names
        .iter()
        .map(|name| RegisteredOp {
            domain: domain.to_owned(),
            name: (*name).to_owned(),
            version: String::new(),
        })
        .collect()
}

/// What a model answers whose one input is in `memory` and not anywhere else.
fn answer_in_place(instance: &mut dyn Instance, memory: &[f32]) -> Tensor {
    let input = InputTensor {
        input: 0,
        data_type: DataType::Fp32,
        dims: &[memory.len() as i64],
        data: TensorData::Host(bytemuck::cast_slice(memory)),
    };
    let mut executed = execute_in_place(instance, &[input], &[0]).unwrap();
    executed.outputs.remove(0).1
}

/// What a sample model answers, compared with the reference maths.
fn check_answer(instance: &mut dyn Instance, model: &Model, signatures: &[(&str, u8)]) {
    let inputs = model.sample_inputs(3, 7);
    let tensors: Vec<Tensor> = inputs
        .iter()
        .map(|input| {
            let dims: Vec<i64> = input.shape.iter().map(|&extent| extent as i64).collect();
            let data_type = input.data_type.protocol_name().parse().unwrap();
            Tensor::new(data_type, &dims, input.to_bytes())
        })
        .collect();
    let expected = model.expected(&inputs, signatures);
    let wanted: Vec<u32> = (0..expected.len() as u32).collect();
    let executed = execute(instance, &tensors, &wanted).unwrap();
    for ((_, actual), expected) in executed.outputs.iter().zip(&expected) {
        let shape: Vec<usize> = actual.dims.iter().map(|&dim| dim as usize).collect();
        let actual =
            test_ops::Tensor::from_bytes(expected.data_type, &shape, &actual.data).unwrap();
        actual.compare(expected).unwrap();
    }
}

with_every_runtime! {
    fn every_data_type_goes_in_and_out(fixture) {
        for data_type in DataType::ALL {
            let (methods, dims): (_, &[i64]) = match data_type {
                DataType::Bytes => ("def forward(self, x: List[str]) -> List[str]:\n  return x", &[3]),
                _ => (IDENTITY, &[3, 2]),
            };
            let open = vec![-1; dims.len()];
            let (x, y) = (tensor("x", data_type, &open), tensor("y", data_type, &open));
            let mut loaded = fixture.load(methods, &[x], std::slice::from_ref(&y));
            assert_eq!(loaded.outputs, [y]);
            let input = match data_type.element_size() {
                Some(size) => Tensor::new(
                    data_type,
                    dims,
                    (0..6 * size).map(|byte| u8::from(byte % 3 == 0)).collect::<Vec<_>>(),
                ),
                None => Tensor::bytes(dims, &[b"", b"a\0b", b"a string longer than any small-string buffer"]),
            };
            for _ in 0..3 {
                let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&input), &[0]).unwrap();
                assert_eq!(executed.allocations, 1);
                assert_eq!(executed.outputs, [(0, input.clone())]);
            }
        }
    }

    fn tensors_without_elements_and_scalars_are_served(fixture) {
        let mut loaded = fixture.load(IDENTITY, &[fp32("x", &[-1, 2])], &[fp32("y", &[-1, 2])]);
        let empty = Tensor::fp32(&[0, 2], &[]);
        let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&empty), &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, empty)]);

        let sum = "def forward(self, x: Tensor) -> Tensor:\n  return torch.sum(x)";
        let mut loaded = fixture.load(sum, &[fp32("x", &[-1])], &[fp32("y", &[1])]);
        let executed = execute(&mut *loaded.instances[0], &[Tensor::fp32(&[2], &[1.0, 2.5])], &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, Tensor::fp32(&[1], &[3.5]))]);
    }

    fn tuples_and_lists_are_outputs_by_number(fixture) {
        let outputs = [fp32("minus__1", &[-1]), fp32("same__0", &[-1])];
        for methods in [
            "def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:\n  y = torch.neg(x)\n  return (x, y)",
            "def forward(self, x: Tensor) -> List[Tensor]:\n  y = torch.neg(x)\n  return [x, y]",
        ] {
            let mut loaded = fixture.load(methods, &[fp32("x", &[-1])], &outputs);
            let x = Tensor::fp32(&[1], &[3.0]);
            let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&x), &[0]).unwrap();
            assert_eq!(executed.outputs, [(0, Tensor::fp32(&[1], &[-3.0]))]);
            let executed = execute(&mut *loaded.instances[0], std::slice::from_ref(&x), &[0, 1]).unwrap();
            assert_eq!(executed.outputs[1], (1, x));
        }
        let few = fixture.load(IDENTITY, &[fp32("x", &[-1])], &outputs).instances.remove(0);
        let mut few = few;
        let message = execute(&mut *few, &[Tensor::fp32(&[1], &[3.0])], &[0]).unwrap_err().0;
        assert!(message.contains("returned 1 outputs") && message.contains("'minus__1'"), "{message}");
    }

    fn an_output_that_is_a_view_is_written_in_its_own_order(fixture) {
        let methods = "def forward(self, x: Tensor) -> Tensor:\n  return torch.transpose(x, 0, 1)";
        let mut loaded = fixture.load(methods, &[fp32("x", &[-1, -1])], &[fp32("y", &[-1, -1])]);
        let x = Tensor::fp32(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let executed = execute(&mut *loaded.instances[0], &[x], &[0]).unwrap();
        assert_eq!(
            executed.outputs,
            [(0, Tensor::fp32(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]))]
        );
    }

    fn arguments_are_found_by_name_and_have_defaults(fixture) {
        let methods = "def forward(self, x: Tensor, y: Tensor, scale: Optional[Tensor]=None) -> Tensor:\n  z = torch.sub(x, y)\n  return z";
        let inputs = [fp32("y", &[-1]), fp32("x", &[-1])];
        let mut loaded = fixture.load(methods, &inputs, &[fp32("z", &[-1])]);
        let inputs = [Tensor::fp32(&[1], &[1.0]), Tensor::fp32(&[1], &[5.0])];
        let executed = execute(&mut *loaded.instances[0], &inputs, &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, Tensor::fp32(&[1], &[4.0]))]);
    }

    fn what_the_configuration_declares_wrongly_is_named(fixture) {
        let mut loaded = fixture.load(IDENTITY, &[fp32("x", &[-1])], &[tensor("y", DataType::Int32, &[-1])]);
        let x = [Tensor::fp32(&[2], &[1.0, 2.0])];
        let message = execute(&mut *loaded.instances[0], &x, &[0]).unwrap_err().0;
        assert!(message.contains("TYPE_FP32") && message.contains("TYPE_INT32"), "{message}");
        let mut loaded = fixture.load(IDENTITY, &[fp32("x", &[-1])], &[fp32("y", &[3])]);
        let message = execute(&mut *loaded.instances[0], &x, &[0]).unwrap_err().0;
        assert!(message.contains("[2]") && message.contains("[3]"), "{message}");

        let specification = fixture.specification(&test_ops::torch_script(IDENTITY), &[], &[]);
        let message = fixture.refusal(&specification).message;
        assert!(message.contains("config.pbtxt") && message.contains("name: \"x\""), "{message}");
    }

    fn what_a_model_keeps_of_an_input_outlasts_the_requests_memory(fixture) {
        for kept in ["x", "torch.slice(x, 0, 0, 2)", "torch.select(torch.reshape(x, [1, 2]), 0, 0)"] {
            let methods = format!(
                "def forward(self, x: Tensor) -> Tensor:\n  last = self.last\n  self.last = {kept}\n  return last"
            );
            let last = test_ops::Tensor::new(test_ops::DataType::Fp32, &[2], vec![0.0; 2]);
            let mut loaded = fixture.load_with_buffers(
                &methods,
                &[("last", last)],
                &[fp32("x", &[-1])],
                &[fp32("y", &[-1])],
            );
            let instance = &mut *loaded.instances[0];
            let mut memory = [1.0, 2.0];
            answer_in_place(instance, &memory);
            memory.copy_from_slice(&[8.0, 9.0]);
            assert_eq!(answer_in_place(instance, &memory), Tensor::fp32(&[2], &[1.0, 2.0]), "{kept}");
        }
    }

    fn a_model_that_writes_to_its_input_does_not_write_to_the_request(fixture) {
        let methods = "def forward(self, x: Tensor) -> Tensor:\n  y = torch.slice(x, 0, 0, 1)\n  z = torch.add_(y, y)\n  return x";
        let mut loaded = fixture.load(methods, &[fp32("x", &[-1])], &[fp32("y", &[-1])]);
        let memory = [1.0, 2.0];
        for _ in 0..3 {
            let answer = answer_in_place(&mut *loaded.instances[0], &memory);
            assert_eq!(answer, Tensor::fp32(&[2], &[2.0, 2.0]));
            assert_eq!(std::hint::black_box(memory), [1.0, 2.0]);
        }
    }

    fn a_failing_execution_tells_pytorchs_reason_and_leaves_the_model_usable(fixture) {
        let methods = "def forward(self, x: Tensor, y: Tensor) -> Tensor:\n  z = torch.mm(x, y)\n  return z";
        let inputs = [fp32("x", &[-1, -1]), fp32("y", &[-1, -1])];
        let mut loaded = fixture.load(methods, &inputs, &[fp32("z", &[-1, -1])]);
        let x = Tensor::fp32(&[1, 2], &[1.0, 2.0]);
        let message = execute(&mut *loaded.instances[0], &[x.clone(), x.clone()], &[0]).unwrap_err().0;
        assert!(message.contains("mat1 and mat2 shapes cannot be multiplied"), "{message}");
        assert!(!message.contains("frame #"), "{message}");
        let y = Tensor::fp32(&[2, 1], &[3.0, 4.0]);
        let executed = execute(&mut *loaded.instances[0], &[x, y], &[0]).unwrap();
        assert_eq!(executed.outputs, [(0, Tensor::fp32(&[1, 1], &[11.0]))]);
    }

    fn files_that_are_no_torchscript_are_refused(fixture) {
        for content in [&b"no archive"[..], b"PK\x03\x04", b""] {
            let specification = fixture.specification(content, &[fp32("x", &[-1])], &[fp32("y", &[-1])]);
            let message = fixture.refusal(&specification).message;
            assert!(message.contains("not a TorchScript file or is damaged"), "{message}");
        }
        let mut specification = fixture.specification(b"", &[fp32("x", &[-1])], &[fp32("y", &[-1])]);
        specification.file = "/nonexistent/model.pt".into();
        assert!(fixture.refusal(&specification).message.contains("check that it exists"));
    }

    fn instances_and_parameters_are_as_configured(fixture) {
        for parameters in [
            &[("INTRA_OP_THREAD_COUNT", "1"), ("INTER_OP_THREAD_COUNT", "2")][..],
            &[("INFERENCE_MODE", "false"), ("DISABLE_OPTIMIZED_EXECUTION", "true")],
            &[("ENABLE_WEIGHT_SHARING", "true"), ("INTER_OP_THREAD_COUNT", "5")],
        ] {
            let mut specification = fixture.specification(
                &test_ops::torch_script(IDENTITY),
                &[fp32("x", &[-1])],
                &[fp32("y", &[-1])],
            );
            specification.instances = vec![Device::Cpu; 2];
            specification.parameters = parameters
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            let loaded = fixture.backend.load_model(&specification).unwrap();
            assert_eq!(loaded.instances.len(), 2);
            std::thread::scope(|scope| {
                for mut instance in loaded.instances {
                    scope.spawn(move || {
                        let x = Tensor::fp32(&[2], &[1.0, 2.0]);
                        let executed = execute(&mut *instance, std::slice::from_ref(&x), &[0]).unwrap();
                        assert_eq!(executed.outputs, [(0, x)]);
                    });
                }
            });
        }
    }

    fn the_sample_ops_answer_as_the_reference_does(fixture) {
        let library = fixture.library(Sample::default().with_signature(3));
        for op in Op::ALL {
            for &data_type in op.data_types() {
                for source in [ParameterSource::Input, ParameterSource::Constant] {
                    let model = Model::new(op, data_type, &[-1, 4], source).in_format(Framework::PyTorch);
                    let (_, mut loaded) = fixture.load_sample(&model, std::slice::from_ref(&library)).unwrap();
                    assert_eq!(
                        loaded.libraries[0].ops,
                        registered("custom_ops", &["bias_gelu", "modulo", "rms_norm", "select_above"])
                    );
                    check_answer(&mut *loaded.instances[0], &model, &[("custom.ops", 3)]);
                }
            }
        }
    }

    fn libraries_of_different_namespaces_live_side_by_side(fixture) {
        let one = fixture.library(Sample::default().with_signature(1));
        let other = fixture.library(Sample::default().with_domain("vendor.ops").with_ops(&[Op::Modulo]).with_signature(2));
        let reports = fixture.backend.load_libraries(&[one.clone(), one]).unwrap();
        assert_eq!(reports.len(), 1);
        let model = sample(Op::Modulo, ParameterSource::Constant).with_domains(&["custom.ops", "vendor.ops"]);
        let (_, mut loaded) = fixture.load_sample(&model, &[other]).unwrap();
        assert_eq!(loaded.libraries[0].ops, registered("vendor_ops", &["modulo"]));
        check_answer(&mut *loaded.instances[0], &model, &[("custom.ops", 1), ("vendor.ops", 2)]);
    }

    fn a_library_that_registered_is_kept_and_used_again(fixture) {
        let library = fixture.library(Sample::default());
        let model = sample(Op::RmsNorm, ParameterSource::Constant);
        for _ in 0..2 {
            let (key, loaded) = fixture.load_sample(&model, std::slice::from_ref(&library)).unwrap();
            assert_eq!(loaded.libraries[0].ops.len(), 4);
            drop(loaded);
            let remaining = fixture.backend.unload_model(key);
            assert_eq!(remaining.len(), 1);
            assert_eq!(remaining[0].path, library);
            assert!(remaining[0].reason.contains("until the process ends"), "{}", remaining[0].reason);
        }
    }

    fn a_rebuilt_library_is_refused_while_the_former_is_in_the_process(fixture) {
        let path = fixture.folder.path().join("libops.so");
        let rebuild = |fixture: &Fixture, signature| {
            let new = fixture.folder.path().join("new.so");
            std::fs::copy(fixture.library(Sample::default().with_signature(signature)), &new).unwrap();
            std::fs::rename(new, &path).unwrap();
        };
        rebuild(fixture, 1);
        let model = sample(Op::Modulo, ParameterSource::Constant);
        let (key, loaded) = fixture.load_sample(&model, std::slice::from_ref(&path)).unwrap();
        drop(loaded);
        fixture.backend.unload_model(key);
        rebuild(fixture, 2);
        let error = fixture.load_sample(&model, std::slice::from_ref(&path)).err().unwrap();
        assert!(error.message.contains("the file has changed"), "{error}");
        assert_eq!(error.library, None);
    }

    fn ops_that_nobody_registers_are_named(fixture) {
        let model = sample(Op::BiasGelu, ParameterSource::Input).with_domains(&["custom.ops", "absent.ops"]);
        let error = fixture.load_sample(&model, &[]).err().unwrap();
        assert_eq!(
            error.missing_ops,
            [registered("absent_ops", &["bias_gelu"]), registered("custom_ops", &["bias_gelu"])].concat()
        );
        assert!(error.message.contains("lists an op library"), "{error}");
        assert!(error.message.contains("says: Unknown builtin op"), "{error}");
        let library = fixture.library(Sample::default());
        let error = fixture.load_sample(&model, &[library]).err().unwrap();
        assert_eq!(error.missing_ops, registered("absent_ops", &["bias_gelu"]));
        assert!(error.message.contains("'absent_ops::bias_gelu'"), "{error}");
        assert!(error.message.contains("registers custom_ops::bias_gelu"), "{error}");
    }

    fn an_ops_own_complaint_reaches_the_client(fixture) {
        let library = fixture.library(Sample::default());
        let model = sample(Op::BiasGelu, ParameterSource::Input);
        let (_, mut loaded) = fixture.load_sample(&model, &[library]).unwrap();
        let inputs = [Tensor::fp32(&[1, 4], &[0.0; 4]), Tensor::fp32(&[3], &[0.0; 3])];
        let message = execute(&mut *loaded.instances[0], &inputs, &[0]).unwrap_err().0;
        assert!(message.contains("bias is of shape [3] and x of shape [1, 4]"), "{message}");
        assert!(!message.contains("frame #"), "{message}");
    }
}

#[test]
fn a_namespace_that_two_libraries_register_ends_the_process_with_a_sentence() {
    fn check(fixture: &mut Fixture) {
        let libraries =
            [1, 2].map(|signature| fixture.library(Sample::default().with_signature(signature)));
        fixture.backend.load_libraries(&libraries).ok();
    }
    let name = "a_namespace_that_two_libraries_register_ends_the_process_with_a_sentence";
    let Some(output) = in_a_process(name, check) else {
        return;
    };
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text
        .lines()
        .find(|line| line.starts_with("uncaught C++ exception"))
        .unwrap_or_else(|| panic!("{text}"));
    for part in ["c10::Error", "TORCH_LIBRARY", "custom_ops"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!text.contains("frame #"), "{text}");
}

#[test]
fn a_replaced_kernel_is_reported() {
    fn check(fixture: &mut Fixture) {
        let first = fixture.library(Sample::default());
        let second = fixture.folder.path().join("libreplacing.so");
        compile(fixture, REPLACING, &second);
        let reports = fixture.backend.load_libraries(&[first, second]).unwrap();
        assert_eq!(reports[1].ops, registered("custom_ops", &["modulo"]));
    }
    const REPLACING: &str = "
        #include <torch/library.h>
        at::Tensor modulo(const at::Tensor &x, const at::Tensor &) { return x; }
        TORCH_LIBRARY_IMPL(custom_ops, CPU, library) { library.impl(\"modulo\", TORCH_FN(modulo)); }
    ";
    if let Some(output) = in_a_process("a_replaced_kernel_is_reported", check) {
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
    }
}

#[test]
fn what_an_op_keeps_of_an_input_outlasts_the_requests_memory() {
    fn check(fixture: &mut Fixture) {
        let library = fixture.folder.path().join("libkeeping.so");
        compile(fixture, KEEPING, &library);
        fixture.backend.load_libraries(&[library]).unwrap();
        let methods =
            "def forward(self, x: Tensor) -> Tensor:\n  y = ops.keeping.last(x)\n  return y";
        let mut loaded = fixture.load(methods, &[fp32("x", &[-1])], &[fp32("y", &[-1])]);
        let instance = &mut *loaded.instances[0];
        let mut memory = [1.0, 2.0];
        assert_eq!(
            answer_in_place(instance, &memory),
            Tensor::fp32(&[2], &memory)
        );
        memory.copy_from_slice(&[8.0, 9.0]);
        assert_eq!(
            answer_in_place(instance, &memory),
            Tensor::fp32(&[2], &[1.0, 2.0])
        );
    }
    const KEEPING: &str = "
        #include <torch/library.h>
        at::Tensor last(const at::Tensor &x) {
            static at::Tensor &kept = *new at::Tensor(x);
            return std::exchange(kept, x);
        }
        TORCH_LIBRARY(keeping, library) { library.def(\"last(Tensor x) -> Tensor\", TORCH_FN(last)); }
    ";
    let name = "what_an_op_keeps_of_an_input_outlasts_the_requests_memory";
    if let Some(output) = in_a_process(name, check) {
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
    }
}

/// Compiles a library against the runtime.
fn compile(fixture: &Fixture, source: &str, product: &Path) {
    let unit = fixture.folder.path().join("library.cpp");
    std::fs::write(&unit, source).unwrap();
    let mut arguments = vec!["-shared".into(), "-fPIC".into(), "-O0".into()];
    arguments.extend(fixture.runtime.compile_arguments());
    arguments.extend(["-o".into(), product.into(), unit.into()]);
    arguments.extend(fixture.runtime.link_arguments());
    Compiler::find().unwrap().run(&arguments).unwrap();
}
