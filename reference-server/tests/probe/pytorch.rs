//! PyTorch: operators with their schemas and dispatch keys, kernels alone, classes alone.

use std::path::Path;
use std::process::Command;

use op_library::{ProbeOutcome, ProbedOp, Verdict, inspect};
use runtimes::Framework;
use test_ops::{Broken, Op, Sample};

use crate::sub_command::{Bench, assert_ended, names};

/// Kernels for operators of PyTorch's own: one that takes the place of another, one for a key that
/// had none.
const KERNELS_ALONE: &str = r#"
#include <torch/library.h>
static at::Tensor kernel(const at::Tensor& x) { return x; }
TORCH_LIBRARY_IMPL(aten, CPU, library) { library.impl("erfinv", &kernel); }
TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) { library.impl("digamma", &kernel); }
"#;

const CLASS_ALONE: &str = r#"
#include <torch/custom_class.h>
struct Counter : torch::CustomClassHolder {
    explicit Counter(int64_t start) : count(start) {}
    int64_t next() { return ++count; }
    int64_t count;
};
static auto registration = torch::class_<Counter>("vendor", "Counter")
    .def(torch::init<int64_t>())
    .def("next", &Counter::next);
"#;

/// An operator `NAMESPACE::op`; what `NEEDED` names is called, so that its library is needed.
const OPERATOR: &str = r#"
#include <torch/library.h>
static at::Tensor kernel(const at::Tensor& x) { return x; }
TORCH_LIBRARY(NAMESPACE, library) { library.def("op(Tensor x) -> Tensor", &kernel); }
"#;

/// A kernel that takes one of everything, and one for an operator that takes `ARGUMENTS`.
const TYPED: &str = r#"
#include <torch/library.h>
static std::tuple<at::Tensor, int64_t> all(
    const at::Tensor& x, const std::optional<at::Tensor>& y, at::TensorList z, int64_t n,
    at::IntArrayRef s, c10::SymIntArrayRef t, double f, bool b, std::optional<std::string> name,
    const at::Scalar& v, std::optional<at::ScalarType> d, at::Device device, c10::complex<double> c,
    const c10::List<std::optional<at::Tensor>>& o) { return {x, n}; }
static at::Tensor scaled(const at::Tensor& x, double factor) { return x; }
TORCH_LIBRARY(typed_ops, m) {
    m.def("all(Tensor x, Tensor? y, Tensor[] z, int n, int[2] s, SymInt[] t, float f, bool b=True, "
          "str? name='a, (b', *, Scalar v, ScalarType? d, Device device, complex c, Tensor?[] o) "
          "-> (Tensor(a), int n)", &all);
    m.def("scaled(" ARGUMENTS ") -> Tensor");
}
TORCH_LIBRARY_IMPL(typed_ops, CPU, m) { m.impl("scaled", &scaled); }
"#;

fn of_name<'a>(ops: &'a [ProbedOp], name: &str) -> &'a ProbedOp {
    ops.iter().find(|op| op.name == name).expect("the op")
}

#[test]
fn operators_have_schemas_and_dispatch_keys() {
    let bench = Bench::of(Framework::PyTorch);
    let probed = bench.probe_one(&bench.sample(Sample::default().with_ops(&[Op::BiasGelu])));
    let op = of_name(&probed.ops, "bias_gelu");
    let schema = "bias_gelu(Tensor x, Tensor bias, str approximate=\"none\") -> Tensor";
    assert_eq!(op.schemas, [schema]);
    assert_eq!(op.kernels, ["CPU", "CUDA"]);
}

#[test]
fn every_supported_version_describes_them() {
    for name in ["pytorch-2.9.1", "pytorch-2.13.0"] {
        let bench = Bench::with(name);
        let probed = bench.probe_one(&bench.sample(Sample::default().with_ops(&[Op::Modulo])));
        let op = of_name(&probed.ops, "modulo");
        assert_eq!(
            op.schemas,
            ["modulo(Tensor x, Tensor divisor) -> Tensor"],
            "{name}"
        );
        assert_eq!(op.kernels, ["CPU", "CUDA"], "{name}");
    }
}

#[test]
fn kernels_alone_are_a_registration() {
    let bench = Bench::of(Framework::PyTorch);
    let probed = bench.probe_one(&bench.compile("kernels", KERNELS_ALONE, &[]));
    assert_ended(&probed, ProbeOutcome::Registered, &[]);
    assert_eq!(names(&probed), ["aten::digamma", "aten::erfinv"]);
    assert_eq!(of_name(&probed.ops, "erfinv").kernels, ["CPU"]);
    assert_eq!(of_name(&probed.ops, "digamma").kernels, ["PrivateUse1"]);
    let schemas = &of_name(&probed.ops, "erfinv").schemas;
    assert!(
        schemas.contains(&"erfinv(Tensor self) -> Tensor".to_owned()),
        "{schemas:?}"
    );
}

#[test]
fn a_class_alone_is_a_registration() {
    let bench = Bench::of(Framework::PyTorch);
    let probed = bench.probe_one(&bench.compile("class", CLASS_ALONE, &[]));
    assert_ended(&probed, ProbeOutcome::Registered, &[]);
    assert_eq!(names(&probed), ["torch.classes.vendor::Counter"]);
    let methods = &probed.ops[0].schemas;
    assert!(
        methods.iter().any(|method| method.starts_with("next(")),
        "{methods:?}"
    );
}

#[test]
fn what_a_needed_library_registers_is_its_own() {
    let bench = Bench::of(Framework::PyTorch);
    let base = bench.compile("base", OPERATOR, &["-DNAMESPACE=base_ops"]);
    let user = bench.compile(
        "user",
        OPERATOR,
        &[
            "-DNAMESPACE=user_ops",
            "-Wl,--no-as-needed",
            "-L.",
            "-lbase",
            "-Wl,-rpath,$ORIGIN",
        ],
    );
    let probed = bench.probe(&[&user, &base]);
    assert_eq!(names(&probed[0]), ["user_ops::op"]);
    assert_eq!(names(&probed[1]), ["base_ops::op"]);
    assert_eq!(probed[0].ops[0].kernels, probed[1].ops[0].kernels);
}

#[test]
fn a_kernel_that_does_not_fit_is_told_before_the_process_ends() {
    let bench = Bench::of(Framework::PyTorch);
    let library = bench.sample(Broken::SchemaDisagrees);
    let stripped = bench.copy(&library, "libstripped.so");
    strip(&stripped);
    for library in [library, stripped] {
        let verdict = inspect(&library).unwrap().verdict(&bench.runtime);
        assert!(matches!(verdict, Verdict::Fails { .. }), "{verdict}");
        for part in [
            "custom_ops::bias_gelu",
            "argument 3 is 'str approximate' in the schema, and the kernel takes 'double'",
        ] {
            assert!(verdict.reason().contains(part), "no '{part}': {verdict}");
        }
        let probed = bench.probe_one(&library);
        let parts = [
            "signal 6 (SIGABRT)",
            "Type mismatch in argument 3: str vs float",
        ];
        assert_ended(&probed, ProbeOutcome::Crashed, &parts);
    }
}

#[test]
fn types_fit_where_pytorch_says_so() {
    let bench = Bench::of(Framework::PyTorch);
    for (name, arguments, fits) in [
        ("fits", "Tensor x, float factor", true),
        ("number", "Tensor x, Scalar factor", false),
        ("whole", "Tensor x, int factor", false),
        ("optional", "Tensor? x, float factor", false),
        ("fewer", "Tensor x", false),
    ] {
        let arguments = format!("-DARGUMENTS=\"{arguments}\"");
        let library = bench.compile(name, TYPED, &["-O2", &arguments]);
        let verdict = inspect(&library).unwrap().verdict(&bench.runtime);
        let expected = if fits { "loads" } else { "fails" };
        assert_eq!(verdict.name(), expected, "{name}: {verdict}");
        let outcome = match fits {
            true => ProbeOutcome::Registered,
            false => ProbeOutcome::Crashed,
        };
        assert_ended(&bench.probe_one(&library), outcome, &[]);
    }
}

fn strip(library: &Path) {
    let status = Command::new("strip").arg(library).status().unwrap();
    assert!(status.success(), "strip ended with {status}");
}
