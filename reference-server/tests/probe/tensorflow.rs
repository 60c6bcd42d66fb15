//! TensorFlow: ops with their signatures and kernels, kernels alone.

use op_library::ProbeOutcome;
use runtimes::Framework;
use test_ops::{Op, Sample};

use crate::sub_command::{Bench, assert_ended, names};

/// A kernel for an op of TensorFlow's own.
const KERNEL_ALONE: &str = r#"
#include "tensorflow/core/framework/op_kernel.h"
class Copy : public tensorflow::OpKernel {
   public:
    using tensorflow::OpKernel::OpKernel;
    void Compute(tensorflow::OpKernelContext* context) override {
        context->set_output(0, context->input(0));
    }
};
REGISTER_KERNEL_BUILDER(Name("Relu").Device(tensorflow::DEVICE_CPU).TypeConstraint<float>("T").Label("copy"), Copy);
"#;

/// An op without a kernel, whose name is given.
const OP_ALONE: &str = r#"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/shape_inference.h"
REGISTER_OP(OP_NAME)
    .Input("values: N * T")
    .Output("merged: T")
    .Attr("T: {float, int32} = DT_FLOAT")
    .Attr("N: int >= 1")
    .Attr("axes: list(int) = [0, 1]")
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* context) {
        context->set_output(0, context->input(0));
        return absl::OkStatus();
    });
"#;

#[test]
fn ops_have_signatures_and_kernels() {
    let bench = Bench::of(Framework::TensorFlow);
    let probed = bench.probe_one(&bench.sample(Sample::default().with_ops(&[Op::BiasGelu])));
    let schema = "CustomBiasGelu(x: T, bias: T) -> (y: T); T: {float, half}; approximate: {'none', 'tanh'} = 'none'";
    assert_eq!(probed.ops[0].schemas, [schema]);
    assert_eq!(
        probed.ops[0].kernels,
        [
            "CPU T in [float]",
            "CPU T in [half]",
            "GPU T in [float]",
            "GPU T in [half]"
        ]
    );
}

#[test]
fn an_op_without_a_kernel_is_a_registration() {
    let bench = Bench::of(Framework::TensorFlow);
    let probed = bench.probe_one(&bench.compile("op", OP_ALONE, &["-DOP_NAME=\"Merge0\""]));
    assert_ended(&probed, ProbeOutcome::Registered, &[]);
    let schema = "Merge0(values: N * T) -> (merged: T); T: {float, int32} = float; N: int >= 1; axes: list(int) = [0, 1]";
    assert_eq!(probed.ops[0].schemas, [schema]);
    assert!(probed.ops[0].kernels.is_empty());
}

#[test]
fn a_kernel_alone_is_a_registration() {
    let bench = Bench::of(Framework::TensorFlow);
    let probed = bench.probe_one(&bench.compile("kernel", KERNEL_ALONE, &[]));
    assert_ended(&probed, ProbeOutcome::Registered, &[]);
    assert_eq!(names(&probed), ["::Relu"]);
    assert_eq!(probed.ops[0].kernels, ["CPU T in [float] label 'copy'"]);
}

#[test]
fn what_a_needed_library_registers_is_its_own() {
    let bench = Bench::of(Framework::TensorFlow);
    let base = bench.compile("base", OP_ALONE, &["-DOP_NAME=\"BaseOp\""]);
    let user = bench.compile(
        "user",
        OP_ALONE,
        &[
            "-DOP_NAME=\"UserOp\"",
            "-Wl,--no-as-needed",
            "-L.",
            "-lbase",
            "-Wl,-rpath,$ORIGIN",
        ],
    );
    let probed = bench.probe(&[&user, &base]);
    assert_eq!(names(&probed[0]), ["::UserOp"]);
    assert_eq!(names(&probed[1]), ["::BaseOp"]);
}
