//! Shared memory: registered, used and let go of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::inference::elements;
use crate::exchange::{Exchange, but, call, get, post};
use crate::shared_memory::Object;

/// Size of the object that the regions are of.
pub const OBJECT_SIZE: u64 = 8192;
/// Where in it byte strings are, three of them.
const STRINGS: u64 = 1024;
/// Where in it the outputs of inferences go.
const OUTPUTS: u64 = 4096;

/// See the module.
pub fn exchanges(object: &Object) -> Vec<Exchange> {
    object.write(0, &[1f32, 2., 3., 4.].map(f32::to_le_bytes).concat());
    object.write(16, &[1i32, 2, 3, 4].map(i32::to_le_bytes).concat());
    object.write(OUTPUTS, &[0; 64]);
    object.write(STRINGS, &elements(&["ab", "", "ä"]));
    let mut all = registrations_over_http(&object.key());
    all.extend(used_over_http());
    all.extend(used_over_grpc());
    all.extend(unregistered_over_http());
    all.extend(registrations_over_grpc(&object.key()));
    all.extend(cuda());
    all
}

fn registrations_over_http(key: &str) -> Vec<Exchange> {
    let good = json!({"key": key, "offset": 0, "byte_size": OBJECT_SIZE});
    let mut all = vec![
        get("region status: none", "/v2/systemsharedmemory/status"),
        get(
            "region status: unknown",
            "/v2/systemsharedmemory/region/nothing/status",
        ),
        post(
            "region register: no name",
            "/v2/systemsharedmemory/register",
            good.clone(),
        ),
    ];
    for (what, body) in [
        ("no body", Value::Null),
        ("a body that is a list", json!([])),
        ("no key", but(&good, [("/key", Value::Null)])),
        ("no size", but(&good, [("/byte_size", Value::Null)])),
        ("a key that is a number", but(&good, [("/key", json!(3))])),
        (
            "a size that is a text",
            but(&good, [("/byte_size", json!("8"))]),
        ),
        ("a size below 0", but(&good, [("/byte_size", json!(-8))])),
        ("an offset below 0", but(&good, [("/offset", json!(-8))])),
        ("a size of 0", but(&good, [("/byte_size", json!(0))])),
        (
            "beyond the object",
            but(&good, [("/byte_size", json!(OBJECT_SIZE + 1))]),
        ),
        (
            "an offset that leaves too little",
            but(&good, [("/offset", json!(4096))]),
        ),
        (
            "an offset beyond the object",
            but(
                &good,
                [("/offset", json!(1 << 20)), ("/byte_size", json!(8))],
            ),
        ),
        (
            "an offset that overflows",
            but(
                &good,
                [
                    ("/offset", json!(u64::MAX - 4095)),
                    ("/byte_size", json!(8192)),
                ],
            ),
        ),
        (
            "an unknown object",
            but(&good, [("/key", json!("/there-is-no-such-object"))]),
        ),
        ("an empty key", but(&good, [("/key", json!(""))])),
        (
            "a key that leaves the folder",
            but(&good, [("/key", json!("/../etc/passwd"))]),
        ),
        (
            "a reserved key",
            but(
                &good,
                [("/key", json!("triton_python_backend_shm_region_1"))],
            ),
        ),
        ("a region", but(&good, [("/offset", Value::Null)])),
        ("the same name again", good.clone()),
    ] {
        let path = "/v2/systemsharedmemory/region/r/register";
        all.push(post(&format!("region register: {what}"), path, body));
    }
    all.extend([
        get("region status: all", "/v2/systemsharedmemory/status"),
        get(
            "region status: one",
            "/v2/systemsharedmemory/region/r/status",
        ),
    ]);
    all
}

/// An inference of `pair` with `a` in a region.
fn pair(offset: u64, byte_size: u64) -> Value {
    json!({"inputs": [
        {"name": "a", "shape": [1, 4], "datatype": "FP32", "parameters": {
            "shared_memory_region": "r", "shared_memory_offset": offset, "shared_memory_byte_size": byte_size}},
        {"name": "b", "shape": [1, 4], "datatype": "INT32", "data": [1, 2, 3, 4]},
    ]})
}

/// Byte strings in a region.
fn strings(byte_size: u64, count: u64) -> Value {
    json!({"inputs": [{"name": "x", "shape": [count], "datatype": "BYTES", "parameters": {
        "shared_memory_region": "r", "shared_memory_offset": STRINGS, "shared_memory_byte_size": byte_size}}]})
}

fn used_over_http() -> Vec<Exchange> {
    let good = pair(0, 16);
    let x = |change: &str, value: Value| but(&good, [(change, value)]);
    let output = |offset: u64, byte_size: u64| {
        json!([{"name": "y", "parameters": {
            "shared_memory_region": "r", "shared_memory_offset": offset, "shared_memory_byte_size": byte_size}}])
    };
    let size = elements(&["ab", "", "ä"]).len() as u64;
    let mut all = Vec::new();
    for (what, body) in [
        ("an input", good.clone()),
        (
            "an input without an offset",
            x("/inputs/0/parameters/shared_memory_offset", Value::Null),
        ),
        (
            "an input without a size",
            x("/inputs/0/parameters/shared_memory_byte_size", Value::Null),
        ),
        ("an input that is too short", pair(0, 12)),
        ("an input that is too long", pair(0, 32)),
        ("an input of no size", pair(0, 0)),
        ("an input beyond the region", pair(OBJECT_SIZE - 8, 16)),
        ("an input at the region's end", pair(OBJECT_SIZE, 16)),
        ("an input far beyond the region", pair(u64::MAX - 7, 16)),
        (
            "an input in an unknown region",
            x(
                "/inputs/0/parameters/shared_memory_region",
                json!("nothing"),
            ),
        ),
        (
            "a region that is a number",
            x("/inputs/0/parameters/shared_memory_region", json!(3)),
        ),
        (
            "a size that is a text",
            x("/inputs/0/parameters/shared_memory_byte_size", json!("16")),
        ),
        (
            "an offset below 0",
            x("/inputs/0/parameters/shared_memory_offset", json!(-1)),
        ),
        (
            "data and a region",
            x("/inputs/0/data", json!([1, 2, 3, 4])),
        ),
        ("an output", x("/outputs", output(OUTPUTS, 16))),
        (
            "an output with room to spare",
            x("/outputs", output(OUTPUTS, 64)),
        ),
        ("an output that is read again", pair(OUTPUTS, 16)),
        ("an output without room", x("/outputs", output(OUTPUTS, 12))),
        ("an output of no size", x("/outputs", output(OUTPUTS, 0))),
        (
            "an output beyond the region",
            x("/outputs", output(OBJECT_SIZE - 8, 16)),
        ),
        (
            "an output at the region's end",
            x("/outputs", output(OBJECT_SIZE, 16)),
        ),
        (
            "an output in an unknown region",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"shared_memory_region": "nothing", "shared_memory_byte_size": 16}}]),
            ),
        ),
        (
            "an output in binary too",
            but(
                &good,
                [
                    ("/outputs", output(OUTPUTS, 16)),
                    ("/outputs/0/parameters/binary_data", json!(true)),
                ],
            ),
        ),
        (
            "an output classified too",
            but(
                &good,
                [
                    ("/outputs", output(OUTPUTS, 16)),
                    ("/outputs/0/parameters/classification", json!(1)),
                ],
            ),
        ),
    ] {
        all.push(post(
            &format!("region infer: {what}"),
            "/v2/models/pair/infer",
            body,
        ));
    }
    for (what, body) in [
        ("byte strings", strings(size, 3)),
        ("byte strings, too few", strings(size, 4)),
        ("byte strings, too many", strings(size, 2)),
        (
            "byte strings, a length beyond the end",
            strings(size - 1, 3),
        ),
        ("byte strings, half a length", strings(8, 2)),
        ("byte strings, no size", strings(0, 3)),
    ] {
        all.push(post(
            &format!("region infer: {what}"),
            "/v2/models/strings/infer",
            body,
        ));
    }
    all
}

fn used_over_grpc() -> Vec<Exchange> {
    let region = |name: &str, offset: u64, byte_size: u64| {
        json!({
            "shared_memory_region": {"string_param": name},
            "shared_memory_offset": {"int64_param": offset},
            "shared_memory_byte_size": {"int64_param": byte_size},
        })
    };
    let integers = STANDARD.encode([1i32, 2, 3, 4].map(i32::to_le_bytes).concat());
    let pair = |parameters: Value| {
        json!({
            "model_name": "pair",
            "inputs": [
                {"name": "a", "shape": [1, 4], "datatype": "FP32", "parameters": parameters},
                {"name": "b", "shape": [1, 4], "datatype": "INT32"},
            ],
            "raw_input_contents": [integers.clone()],
        })
    };
    let good = pair(region("r", 0, 16));
    let without = |key: &str| {
        pair(but(
            &region("r", 0, 16),
            [(&format!("/{key}"), Value::Null)],
        ))
    };
    let with =
        |key: &str, value: Value| pair(but(&region("r", 0, 16), [(&format!("/{key}"), value)]));
    let output = |parameters: Value| {
        but(
            &good,
            [("/outputs", json!([{"name": "y", "parameters": parameters}]))],
        )
    };
    let strings = |byte_size: u64, count: u64| {
        json!({"model_name": "strings", "inputs": [
            {"name": "x", "shape": [count], "datatype": "BYTES", "parameters": region("r", STRINGS, byte_size)},
        ]})
    };
    let size = elements(&["ab", "", "ä"]).len() as u64;
    let cases = [
        ("an input", good.clone()),
        (
            "an input without an offset",
            without("shared_memory_offset"),
        ),
        (
            "an input without a size",
            without("shared_memory_byte_size"),
        ),
        ("an input without a region", without("shared_memory_region")),
        ("an input that is too short", pair(region("r", 0, 12))),
        ("an input that is too long", pair(region("r", 0, 32))),
        ("an input of no size", pair(region("r", 0, 0))),
        (
            "an input beyond the region",
            pair(region("r", OBJECT_SIZE - 8, 16)),
        ),
        (
            "an input at the region's end",
            pair(region("r", OBJECT_SIZE, 16)),
        ),
        (
            "an input in an unknown region",
            pair(region("nothing", 0, 16)),
        ),
        (
            "an input in a region without a name",
            pair(region("", 0, 16)),
        ),
        (
            "a region that is a number",
            with("shared_memory_region", json!({"int64_param": 3})),
        ),
        (
            "a size that is a text",
            with("shared_memory_byte_size", json!({"string_param": "16"})),
        ),
        (
            "a size below 0",
            with("shared_memory_byte_size", json!({"int64_param": -16})),
        ),
        (
            "an offset below 0",
            with("shared_memory_offset", json!({"int64_param": -1})),
        ),
        (
            "contents and a region",
            but(
                &good,
                [
                    ("/inputs/0/contents", json!({"fp32_contents": [1, 2, 3, 4]})),
                    ("/inputs/1/contents", json!({"int_contents": [1, 2, 3, 4]})),
                    ("/raw_input_contents", Value::Null),
                ],
            ),
        ),
        ("an output", output(region("r", OUTPUTS, 16))),
        (
            "an output that is read again",
            pair(region("r", OUTPUTS, 16)),
        ),
        ("an output without room", output(region("r", OUTPUTS, 12))),
        ("an output of no size", output(region("r", OUTPUTS, 0))),
        (
            "an output beyond the region",
            output(region("r", OBJECT_SIZE - 8, 16)),
        ),
        (
            "an output in an unknown region",
            output(region("nothing", 0, 16)),
        ),
        (
            "an output classified too",
            output(but(
                &region("r", OUTPUTS, 16),
                [("/classification", json!({"int64_param": 1}))],
            )),
        ),
        ("byte strings", strings(size, 3)),
        ("byte strings, too few", strings(size, 4)),
        ("byte strings, too many", strings(size, 2)),
        (
            "byte strings, a length beyond the end",
            strings(size - 1, 3),
        ),
        ("byte strings, half a length", strings(8, 2)),
        ("byte strings, no size", strings(0, 3)),
    ];
    cases
        .into_iter()
        .map(|(what, message)| call(&format!("region infer: {what}"), "ModelInfer", message))
        .collect()
}

fn unregistered_over_http() -> Vec<Exchange> {
    vec![
        post(
            "region unregister: unknown",
            "/v2/systemsharedmemory/region/nothing/unregister",
            Value::Null,
        ),
        post(
            "region unregister: one",
            "/v2/systemsharedmemory/region/r/unregister",
            Value::Null,
        ),
        post(
            "region unregister: the same again",
            "/v2/systemsharedmemory/region/r/unregister",
            Value::Null,
        ),
        post(
            "region infer: after it was unregistered",
            "/v2/models/pair/infer",
            pair(0, 16),
        ),
        post(
            "region unregister: all",
            "/v2/systemsharedmemory/unregister",
            Value::Null,
        ),
        get("region status: none again", "/v2/systemsharedmemory/status"),
    ]
}

fn registrations_over_grpc(key: &str) -> Vec<Exchange> {
    const REGISTER: &str = "SystemSharedMemoryRegister";
    const STATUS: &str = "SystemSharedMemoryStatus";
    const UNREGISTER: &str = "SystemSharedMemoryUnregister";
    let good = json!({"name": "r", "key": key, "byte_size": OBJECT_SIZE});
    let x = |change: &str, value: Value| but(&good, [(change, value)]);
    let named = |name: &str| json!({"name": name});
    vec![
        call("region status: none", STATUS, json!({})),
        call("region status: unknown", STATUS, named("nothing")),
        call("region register: no key", REGISTER, x("/key", Value::Null)),
        call(
            "region register: no size",
            REGISTER,
            x("/byte_size", Value::Null),
        ),
        call(
            "region register: beyond the object",
            REGISTER,
            x("/byte_size", json!(OBJECT_SIZE + 1)),
        ),
        call(
            "region register: an offset that leaves too little",
            REGISTER,
            x("/offset", json!(4096)),
        ),
        call(
            "region register: an unknown object",
            REGISTER,
            x("/key", json!("/there-is-no-such-object")),
        ),
        call(
            "region register: a reserved key",
            REGISTER,
            x("/key", json!("triton_python_backend_shm_region_1")),
        ),
        call("region register: a region", REGISTER, good.clone()),
        call(
            "region register: the same name again",
            REGISTER,
            good.clone(),
        ),
        call("region status: all", STATUS, json!({})),
        call("region status: one", STATUS, named("r")),
        call(
            "region status: of CUDA memory",
            "CudaSharedMemoryStatus",
            named("r"),
        ),
        call("region unregister: unknown", UNREGISTER, named("nothing")),
        call("region unregister: one", UNREGISTER, named("r")),
        call("region unregister: all", UNREGISTER, json!({})),
        call("region status: none again", STATUS, json!({})),
        call(
            "region register: no name",
            REGISTER,
            x("/name", Value::Null),
        ),
        call("region unregister: all again", UNREGISTER, json!({})),
    ]
}

/// There may be no GPU, so that only what needs none is asked.
fn cuda() -> Vec<Exchange> {
    let handle = STANDARD.encode([7; 64]);
    let good = json!({"raw_handle": {"b64": handle}, "device_id": 0, "byte_size": 64});
    let register = |what: &str, body: Value| {
        post(
            &format!("CUDA register: {what}"),
            "/v2/cudasharedmemory/region/c/register",
            body,
        )
    };
    vec![
        get("CUDA status: none", "/v2/cudasharedmemory/status"),
        get(
            "CUDA status: unknown",
            "/v2/cudasharedmemory/region/nothing/status",
        ),
        register("a region", good.clone()),
        register("no body", Value::Null),
        register("no handle", but(&good, [("/raw_handle", Value::Null)])),
        register(
            "a handle that is no base64",
            but(&good, [("/raw_handle/b64", json!("?"))]),
        ),
        post(
            "CUDA register: no name",
            "/v2/cudasharedmemory/register",
            good,
        ),
        post(
            "CUDA unregister: unknown",
            "/v2/cudasharedmemory/region/nothing/unregister",
            Value::Null,
        ),
        post(
            "CUDA unregister: all",
            "/v2/cudasharedmemory/unregister",
            Value::Null,
        ),
        call("CUDA status: none", "CudaSharedMemoryStatus", json!({})),
        call(
            "CUDA status: unknown",
            "CudaSharedMemoryStatus",
            json!({"name": "nothing"}),
        ),
        call(
            "CUDA register: a region",
            "CudaSharedMemoryRegister",
            json!({"name": "c", "raw_handle": handle, "byte_size": 64}),
        ),
        call(
            "CUDA register: no name",
            "CudaSharedMemoryRegister",
            json!({"byte_size": 64}),
        ),
        call(
            "CUDA unregister: unknown",
            "CudaSharedMemoryUnregister",
            json!({"name": "nothing"}),
        ),
        call(
            "CUDA unregister: all",
            "CudaSharedMemoryUnregister",
            json!({}),
        ),
    ]
}
