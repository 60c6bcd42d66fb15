//! ONNX Runtime: structs with their element types, API levels, and what only a session shows.

use std::mem::offset_of;
use std::path::PathBuf;

use op_library::{ProbeOutcome, ProbePhase};
use ort::sys::OrtApi;
use runtimes::Framework;
use test_ops::{Fault, Op, Sample};

use crate::sub_command::{Bench, assert_ended, names};

/// Element types of ONNX.
const FLOAT: u32 = 1;
const UNDEFINED: u32 = 0;

/// A library with one op, `vendor::Op`, that takes a float, an optional number and any number of
/// strings, and returns the element type `OUTPUT`. `BEFORE` runs at the beginning of each
/// registration. `VERSION` is that of the op's struct.
const OP: &str = r#"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
struct Op {
    uint32_t version;
    void* (*create)(const Op*, const void*, const void*);
    const char* (*name)(const Op*);
    const char* (*provider)(const Op*);
    int (*input)(const Op*, size_t);
    size_t (*inputs)(const Op*);
    int (*output)(const Op*, size_t);
    size_t (*outputs)(const Op*);
    void (*compute)(void*, void*);
    void (*destroy)(void*);
    int (*input_kind)(const Op*, size_t);
    int (*output_kind)(const Op*, size_t);
    int (*memory)(const Op*, size_t);
    int (*arity)(const Op*);
    int (*homogeneity)(const Op*);
    int (*output_arity)(const Op*);
    int (*output_homogeneity)(const Op*);
    void* later[9];
};
static int one(const Op*) { return 1; }
static int zero(const Op*, size_t) { return 0; }
static Op op = {
    VERSION,
    [](const Op*, const void*, const void*) -> void* { return nullptr; },
    [](const Op*) { return "Op"; },
    [](const Op*) -> const char* { return nullptr; },
    [](const Op*, size_t place) { const int types[] = {1, 7, 8}; return types[place]; },
    [](const Op*) -> size_t { return 3; },
    [](const Op*, size_t) { return OUTPUT; },
    [](const Op*) -> size_t { return 1; },
    [](void*, void*) {},
    [](void*) {},
    [](const Op*, size_t place) { return static_cast<int>(place); },
    zero, zero, one, one, one, one, {}};
struct Base { void* const* (*get_api)(uint32_t); };
extern "C" void* RegisterCustomOps(void* options, const Base* base) {
    static int calls = 0;
    ++calls;
    BEFORE;
    void* const* api = base->get_api(20);
    void* domain = nullptr;
    reinterpret_cast<void* (*)(const char*, void**)>(api[CREATE])("vendor", &domain);
    reinterpret_cast<void* (*)(void*, const Op*)>(api[ADD_OP])(domain, &op);
    return reinterpret_cast<void* (*)(void*, void*)>(api[ADD_DOMAIN])(options, domain);
}
"#;

fn op(bench: &Bench, version: u32, output: u32, before: &str) -> PathBuf {
    let slot = |offset: usize| offset / size_of::<usize>();
    let definitions = [
        format!("-DVERSION={version}"),
        format!("-DOUTPUT={output}"),
        format!("-DBEFORE={before}"),
        format!(
            "-DCREATE={}",
            slot(offset_of!(OrtApi, CreateCustomOpDomain))
        ),
        format!("-DADD_OP={}", slot(offset_of!(OrtApi, CustomOpDomain_Add))),
        format!(
            "-DADD_DOMAIN={}",
            slot(offset_of!(OrtApi, AddCustomOpDomain))
        ),
    ];
    bench.compile("op", OP, &definitions.each_ref().map(String::as_str))
}

#[test]
fn ops_have_element_types_and_a_provider() {
    let bench = Bench::of(Framework::OnnxRuntime);
    let probed = bench.probe_one(&bench.sample(Sample::default().with_ops(&[Op::RmsNorm])));
    let schemas = [
        "RmsNorm(float, float) -> (float)",
        "RmsNorm(float16, float16) -> (float16)",
    ];
    assert_eq!(probed.ops[0].schemas, schemas);
    assert_eq!(
        probed.ops[0].kernels,
        ["CPUExecutionProvider", "CUDAExecutionProvider"]
    );
}

#[test]
fn optional_and_variadic_inputs_are_marked() {
    let bench = Bench::of(Framework::OnnxRuntime);
    let probed = bench.probe_one(&op(&bench, 16, FLOAT, ""));
    assert_ended(&probed, ProbeOutcome::Registered, &[]);
    assert_eq!(names(&probed), ["vendor::Op"]);
    assert_eq!(
        probed.ops[0].schemas,
        ["Op(float, int64?, string...) -> (float)"]
    );
}

#[test]
fn what_only_a_session_shows_is_a_failure() {
    let bench = Bench::of(Framework::OnnxRuntime);
    // Nothing tells the type of the output: no input has an open one.
    let probed = bench.probe_one(&op(&bench, 16, UNDEFINED, ""));
    assert_ended(
        &probed,
        ProbeOutcome::Failed,
        &["creates no session", "libop.so", "dynamically typed output"],
    );
    assert_eq!(probed.phase, Some(ProbePhase::Session));
    assert_eq!(probed.api_level, Some(20));
}

#[test]
fn a_level_that_is_not_offered_is_named() {
    let bench = Bench::of(Framework::OnnxRuntime);
    let sample = Sample::default().with_api_level(99);
    let probed = bench.probe_one(&bench.sample(sample.clone()));
    assert_ended(&probed, ProbeOutcome::Failed, &["API level 99"]);
    assert_eq!(probed.phase, Some(ProbePhase::Register));
    let probed = bench.probe_one(&bench.sample(sample.with_fault(Fault::UncheckedApi)));
    assert_ended(&probed, ProbeOutcome::Crashed, &["API level 99", "SIGSEGV"]);
    assert_eq!(
        (probed.signal, probed.phase),
        (Some(11), Some(ProbePhase::Register))
    );
}

#[test]
fn structs_that_a_runtime_is_too_old_for_are_a_failure() {
    for (name, outcome, parts) in [
        (
            "onnxruntime-1.27.0",
            ProbeOutcome::Failed,
            &["version 99", "up to version 27", "1.28"][..],
        ),
        ("onnxruntime-1.32.0", ProbeOutcome::Registered, &[]),
    ] {
        let bench = Bench::with(name);
        assert_ended(&bench.probe_one(&op(&bench, 99, FLOAT, "")), outcome, parts);
    }
}

#[test]
fn an_error_of_the_entry_point_is_a_failure() {
    let bench = Bench::of(Framework::OnnxRuntime);
    let probed =
        bench.probe_one(&bench.sample(Sample::default().with_fault(Fault::RegistrationFails)));
    assert_ended(&probed, ProbeOutcome::Failed, &["RegisterCustomOps"]);
    assert_eq!(probed.phase, Some(ProbePhase::Register));
}

#[test]
fn an_entry_point_that_does_nothing_registers_nothing_and_the_next_library_is_opened() {
    let bench = Bench::of(Framework::OnnxRuntime);
    let idle = bench.compile(
        "idle",
        "extern \"C\" void* RegisterCustomOps(void*, const void*) { return nullptr; }",
        &[],
    );
    let probed = bench.probe(&[&idle, &bench.sample(Sample::default())]);
    assert_ended(
        &probed[0],
        ProbeOutcome::RegisteredNothing,
        &["registered no ops"],
    );
    assert_ended(&probed[1], ProbeOutcome::Registered, &[]);
}

#[test]
fn a_crash_while_ops_are_described_leaves_their_names() {
    let bench = Bench::of(Framework::OnnxRuntime);
    // Once to learn the names, once for a session, and once to describe.
    let probed = bench.probe_one(&op(&bench, 16, FLOAT, "if (calls == 3) std::abort()"));
    assert_ended(&probed, ProbeOutcome::Registered, &[]);
    assert_eq!(names(&probed), ["vendor::Op"]);
    assert!(probed.ops[0].schemas.is_empty());
}
