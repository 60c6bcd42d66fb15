//! TensorRT: plugins with their attributes and interface.

use op_library::ProbeOutcome;
use runtimes::Framework;
use test_ops::{Op, PluginEntry, Sample};

use crate::sub_command::{Bench, assert_ended, names};

/// A creator `NAME` that a static initializer registers; `FIELDS` is its list of attributes.
const PLUGIN: &str = r#"
#include <NvInferRuntime.h>
using namespace nvinfer1;
class Creator : public IPluginCreator {
public:
    AsciiChar const* getPluginName() const noexcept override { return NAME; }
    AsciiChar const* getPluginVersion() const noexcept override { return "1"; }
    AsciiChar const* getPluginNamespace() const noexcept override { return ""; }
    void setPluginNamespace(AsciiChar const*) noexcept override {}
    PluginFieldCollection const* getFieldNames() noexcept override {
        static PluginField const fields[] = {{"axis", nullptr, PluginFieldType::kINT32, 1}, {"mode"}};
        static PluginFieldCollection const list{2, fields};
        return FIELDS;
    }
    IPluginV2* createPlugin(AsciiChar const*, PluginFieldCollection const*) noexcept override {
        return nullptr;
    }
    IPluginV2* deserializePlugin(AsciiChar const*, void const*, size_t) noexcept override {
        return nullptr;
    }
};
REGISTER_TENSORRT_PLUGIN(Creator);
"#;

const NEEDS_BASE: [&str; 4] = ["-Wl,--no-as-needed", "-L.", "-lbase", "-Wl,-rpath,$ORIGIN"];

#[test]
fn plugins_have_attributes_and_an_interface() {
    for (name, interface) in [
        ("tensorrt-8.5.3.1", "IPluginV2"),
        ("tensorrt-8.6.0", "IPluginV2"),
        ("tensorrt-10.16.1", "IPluginV3"),
        ("tensorrt-11.4.0", "IPluginV3"),
    ] {
        let bench = Bench::with(name);
        for entry in [PluginEntry::Creators, PluginEntry::StaticRegistrar] {
            let sample = Sample::default().with_ops(&[Op::RmsNorm]);
            let probed = bench.probe_one(&bench.sample(sample.with_plugin_entry(entry)));
            assert_eq!(names(&probed), ["custom.ops::RmsNorm"], "{name}");
            assert_eq!(probed.ops[0].version, "1");
            assert_eq!(
                probed.ops[0].schemas,
                ["RmsNorm(epsilon: float32)"],
                "{name}"
            );
            assert_eq!(probed.ops[0].kernels, [interface], "{name}");
        }
    }
}

#[test]
fn what_a_needed_library_registers_is_its_own() {
    let bench = Bench::of(Framework::TensorRt);
    let base = bench.compile("base", PLUGIN, &["-DNAME=\"Base\"", "-DFIELDS=&list"]);
    let user = bench.compile(
        "user",
        PLUGIN,
        &[&["-DNAME=\"User\"", "-DFIELDS=&list"], &NEEDS_BASE[..]].concat(),
    );
    let probed = bench.probe(&[&user, &base]);
    assert_eq!(names(&probed[0]), ["::User"]);
    assert_eq!(names(&probed[1]), ["::Base"]);
    assert_eq!(probed[0].ops[0].schemas, ["User(axis: int32, mode)"]);
}

#[test]
fn a_library_that_pulls_in_another_one_registers_nothing_itself() {
    let bench = Bench::of(Framework::TensorRt);
    bench.compile("base", PLUGIN, &["-DNAME=\"Base\"", "-DFIELDS=&list"]);
    let user = bench.compile(
        "plain",
        "extern \"C\" int answer() { return 42; }",
        &NEEDS_BASE,
    );
    assert_ended(
        &bench.probe_one(&user),
        ProbeOutcome::RegisteredNothing,
        &["libplain.so"],
    );
}

#[test]
fn attributes_that_cannot_be_read_are_left_out() {
    let bench = Bench::of(Framework::TensorRt);
    let crashing = "-DFIELDS=reinterpret_cast<PluginFieldCollection*>(8)";
    for fields in ["-DFIELDS=nullptr", crashing] {
        let library = bench.compile("odd", PLUGIN, &["-DNAME=\"Odd\"", fields]);
        let probed = bench.probe_one(&library);
        assert_ended(&probed, ProbeOutcome::Registered, &[]);
        assert_eq!(names(&probed), ["::Odd"]);
        assert_ne!(probed.ops[0].schemas, ["Odd(axis: int32, mode)"]);
    }
}
