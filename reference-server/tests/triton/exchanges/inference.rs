//! Inferences, good and bad.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::exchange::{Exchange, binary, but, call, http, post};
use crate::support::client::Request;

const PAIR: &str = "/v2/models/pair/infer";
const STRINGS: &str = "/v2/models/strings/infer";

/// One row of `pair` in JSON.
fn pair() -> Value {
    json!({"inputs": [
        {"name": "a", "shape": [1, 4], "datatype": "FP32", "data": [1.5, -2, 0.25, 3e6]},
        {"name": "b", "shape": [1, 4], "datatype": "INT32", "data": [1, -2, 3, 4]},
    ]})
}

/// The same with `a` in the binary section.
fn mixed() -> Value {
    but(
        &pair(),
        [
            ("/inputs/0/data", Value::Null),
            ("/inputs/0/parameters/binary_data_size", json!(16)),
        ],
    )
}

/// The same with both there.
fn both() -> Value {
    but(
        &mixed(),
        [
            ("/inputs/1/data", Value::Null),
            ("/inputs/1/parameters/binary_data_size", json!(16)),
        ],
    )
}

fn strings() -> Value {
    json!({"inputs": [{"name": "x", "shape": [3], "datatype": "BYTES", "data": ["ab", "", "ä"]}]})
}

/// Data of `pair`'s tensors: 1, 2, 3, 4.
fn floats() -> Vec<u8> {
    [1f32, 2., 3., 4.]
        .iter()
        .flat_map(|it| it.to_le_bytes())
        .collect()
}

fn integers() -> Vec<u8> {
    [1i32, 2, 3, 4]
        .iter()
        .flat_map(|it| it.to_le_bytes())
        .collect()
}

/// Byte strings as a tensor.
pub fn elements(strings: &[&str]) -> Vec<u8> {
    let of = |text: &&str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    strings.iter().flat_map(of).collect()
}

/// Good and bad JSON requests to `pair`: what is special, and the body.
fn in_json() -> Vec<(&'static str, Value)> {
    let pair = pair();
    let x = |change: &str, value: Value| but(&pair, [(change, value)]);
    let row = |count: usize| json!(vec![1; count]);
    let batch = |size: usize| {
        but(
            &pair,
            [
                ("/inputs/0/shape/0", json!(size)),
                ("/inputs/1/shape/0", json!(size)),
                ("/inputs/0/data", row(4 * size)),
                ("/inputs/1/data", row(4 * size)),
            ],
        )
    };
    vec![
        ("JSON", pair.clone()),
        ("nested data", x("/inputs/0/data", json!([[1, 2, 3, 4]]))),
        ("an id", x("/id", json!("request 7"))),
        ("an empty id", x("/id", json!(""))),
        ("an id that is a number", x("/id", json!(7))),
        ("an unknown field", x("/nothing", json!([1]))),
        ("an output", x("/outputs", json!([{"name": "z"}]))),
        (
            "outputs in the other order",
            x("/outputs", json!([{"name": "z"}, {"name": "y"}])),
        ),
        ("no outputs", x("/outputs", json!([]))),
        (
            "an output twice",
            x("/outputs", json!([{"name": "z"}, {"name": "z"}])),
        ),
        (
            "an unknown output",
            x("/outputs", json!([{"name": "nothing"}])),
        ),
        ("an output without a name", x("/outputs", json!([{}]))),
        ("outputs that are no list", x("/outputs", json!("y"))),
        (
            "an output in binary",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"binary_data": true}}]),
            ),
        ),
        (
            "all outputs in binary",
            x("/parameters", json!({"binary_data_output": true})),
        ),
        (
            "all outputs in binary but one",
            but(
                &pair,
                [
                    ("/parameters", json!({"binary_data_output": true})),
                    (
                        "/outputs",
                        json!([{"name": "y"}, {"name": "z", "parameters": {"binary_data": false}}]),
                    ),
                ],
            ),
        ),
        (
            "binary_data_output that is no boolean",
            x("/parameters", json!({"binary_data_output": 1})),
        ),
        (
            "binary_data that is no boolean",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"binary_data": "yes"}}]),
            ),
        ),
        (
            "classification",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"classification": 2}}]),
            ),
        ),
        (
            "classification without labels",
            x(
                "/outputs",
                json!([{"name": "z", "parameters": {"classification": 2}}]),
            ),
        ),
        (
            "classification of more than there are",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"classification": 9}}]),
            ),
        ),
        (
            "classification in binary",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"classification": 1, "binary_data": true}}]),
            ),
        ),
        (
            "classification of none",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"classification": 0}}]),
            ),
        ),
        (
            "classification below 0",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"classification": -1}}]),
            ),
        ),
        (
            "parameters",
            x(
                "/parameters",
                json!({"mine": "x", "number": 3, "truth": true, "real": 0.5}),
            ),
        ),
        (
            "a parameter that is a list",
            x("/parameters", json!({"mine": [1]})),
        ),
        (
            "a parameter that is an object",
            x("/parameters", json!({"mine": {"a": 1}})),
        ),
        (
            "parameters that are no object",
            x("/parameters", json!([1])),
        ),
        (
            "a reserved parameter",
            x("/parameters", json!({"triton_mine": 1})),
        ),
        ("priority", x("/parameters", json!({"priority": 1}))),
        (
            "priority below 0",
            x("/parameters", json!({"priority": -1})),
        ),
        (
            "priority that is a text",
            x("/parameters", json!({"priority": "1"})),
        ),
        ("timeout", x("/parameters", json!({"timeout": 5_000_000}))),
        (
            "timeout that is a text",
            x("/parameters", json!({"timeout": "soon"})),
        ),
        (
            "a sequence's parameters",
            x(
                "/parameters",
                json!({"sequence_id": 3, "sequence_start": true, "sequence_end": true}),
            ),
        ),
        (
            "sequence_start that is a number",
            x("/parameters", json!({"sequence_start": 1})),
        ),
        (
            "an unknown parameter of an input",
            x("/inputs/0/parameters/mine", json!(3)),
        ),
        ("a batch of 8", batch(8)),
        ("a batch of 9", batch(9)),
        ("a batch of 0", batch(0)),
        (
            "batches that differ",
            but(
                &batch(2),
                [("/inputs/1/shape/0", json!(1)), ("/inputs/1/data", row(4))],
            ),
        ),
        ("no inputs", json!({"inputs": []})),
        ("no list of inputs", json!({})),
        ("inputs that are no list", json!({"inputs": "a"})),
        ("an input that is no object", json!({"inputs": [3]})),
        ("a missing input", x("/inputs/1", Value::Null)),
        (
            "an extra input",
            x(
                "/inputs/2",
                json!({"name": "c", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}),
            ),
        ),
        ("an input twice", x("/inputs/2", pair["inputs"][0].clone())),
        ("an unknown input", x("/inputs/0/name", json!("c"))),
        ("an input without a name", x("/inputs/0/name", Value::Null)),
        (
            "an input without a shape",
            x("/inputs/0/shape", Value::Null),
        ),
        (
            "an input without a data type",
            x("/inputs/0/datatype", Value::Null),
        ),
        ("an input without data", x("/inputs/0/data", Value::Null)),
        ("another data type", x("/inputs/0/datatype", json!("FP64"))),
        (
            "an unknown data type",
            x("/inputs/0/datatype", json!("FLOAT")),
        ),
        (
            "a data type that is no text",
            x("/inputs/0/datatype", json!(3)),
        ),
        ("another shape", x("/inputs/0/shape", json!([1, 2, 2]))),
        (
            "another extent",
            but(
                &pair,
                [
                    ("/inputs/0/shape", json!([1, 5])),
                    ("/inputs/0/data", row(5)),
                ],
            ),
        ),
        ("no batch dimension", x("/inputs/0/shape", json!([4]))),
        ("an empty shape", x("/inputs/0/shape", json!([]))),
        ("a negative dimension", x("/inputs/0/shape", json!([1, -4]))),
        (
            "a dimension that is no number",
            x("/inputs/0/shape", json!([1, "4"])),
        ),
        ("a shape that is no list", x("/inputs/0/shape", json!(4))),
        (
            "a dimension that overflows",
            x("/inputs/0/shape", json!([4611686018427387904_u64, 4])),
        ),
        ("too few elements", x("/inputs/0/data", row(3))),
        ("too many elements", x("/inputs/0/data", row(5))),
        (
            "texts in place of numbers",
            x("/inputs/0/data", json!(["a", "b", "c", "d"])),
        ),
        (
            "reals in place of integers",
            x("/inputs/1/data", json!([1.5, 2, 3, 4])),
        ),
        (
            "an integer beyond its type",
            x("/inputs/1/data", json!([3_000_000_000_u64, 2, 3, 4])),
        ),
        (
            "null in the data",
            x("/inputs/0/data", json!([1, null, 3, 4])),
        ),
        (
            "booleans in place of numbers",
            x("/inputs/1/data", json!([true, false, true, true])),
        ),
        ("data that is no list", x("/inputs/0/data", json!(3))),
        (
            "data and its binary size",
            x("/inputs/0/parameters/binary_data_size", json!(16)),
        ),
    ]
}

/// See the module.
pub fn over_http() -> Vec<Exchange> {
    let infer = |what: &str| format!("infer: {what}");
    let mut all: Vec<Exchange> = in_json()
        .into_iter()
        .map(|(what, body)| post(&infer(what), PAIR, body))
        .collect();
    for (what, path) in [
        ("version 1", "/v2/models/pair/versions/1/infer"),
        ("an unknown version", "/v2/models/pair/versions/7/infer"),
        (
            "a version that is no number",
            "/v2/models/pair/versions/x/infer",
        ),
        ("version -1", "/v2/models/pair/versions/-1/infer"),
        ("an unknown model", "/v2/models/nobody/infer"),
        ("a model that is not loaded", "/v2/models/idle/infer"),
    ] {
        all.push(post(&infer(what), path, pair()));
    }
    for (what, body) in [
        ("an empty body", ""),
        ("no JSON", "nothing"),
        ("JSON that breaks off", "{\"inputs\": ["),
        ("JSON with something behind", "{\"inputs\": []} x"),
        ("JSON that is a list", "[]"),
        ("JSON that is null", "null"),
    ] {
        all.push(http(&infer(what), Request::post(PAIR, body)));
    }
    let sections = [floats(), integers()].concat();
    for (what, header, section) in [
        ("binary", both(), &sections[..]),
        ("mixed", mixed(), &sections[..16]),
        (
            "a binary section that is too short",
            both(),
            &sections[..30],
        ),
        ("a binary section that is missing", both(), &[][..]),
        (
            "a binary section that is too long",
            both(),
            &[&sections[..], &[0; 4]].concat()[..],
        ),
        (
            "a binary size of another shape",
            but(
                &mixed(),
                [("/inputs/0/parameters/binary_data_size", json!(12))],
            ),
            &sections[..12],
        ),
        (
            "a binary size of 0",
            but(
                &mixed(),
                [("/inputs/0/parameters/binary_data_size", json!(0))],
            ),
            &[][..],
        ),
        (
            "a binary size below 0",
            but(
                &mixed(),
                [("/inputs/0/parameters/binary_data_size", json!(-1))],
            ),
            &sections[..16],
        ),
        (
            "a binary size that is a text",
            but(
                &mixed(),
                [("/inputs/0/parameters/binary_data_size", json!("16"))],
            ),
            &sections[..16],
        ),
        (
            "binary in and out",
            but(
                &both(),
                [("/parameters", json!({"binary_data_output": true}))],
            ),
            &sections[..],
        ),
    ] {
        all.push(http(&infer(what), binary("pair", &header, section)));
    }
    let body = pair().to_string();
    for (what, length) in [
        ("a JSON length beyond the body", "100000".to_owned()),
        ("a JSON length of 0", "0".to_owned()),
        ("a JSON length below 0", "-1".to_owned()),
        ("a JSON length that is no number", "x".to_owned()),
        ("a JSON length in the middle", "20".to_owned()),
        ("a JSON length that is the body's", body.len().to_string()),
    ] {
        let request = Request::post(PAIR, body.clone())
            .with_header("Inference-Header-Content-Length", length);
        all.push(http(&infer(what), request));
    }
    all.extend(strings_over_http());
    all.extend(encoded());
    all.push(post(
        &infer("a model that fails"),
        "/v2/models/sum/infer",
        json!({"inputs": [
            {"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]},
            {"name": "w", "shape": [3], "datatype": "FP32", "data": [1, 2, 3]},
        ]}),
    ));
    all
}

fn strings_over_http() -> Vec<Exchange> {
    let in_binary = |bytes: &[u8], shape: i64| {
        let header = json!({"inputs": [{
            "name": "x", "shape": [shape], "datatype": "BYTES",
            "parameters": {"binary_data_size": bytes.len()},
        }]});
        binary("strings", &header, bytes)
    };
    let good = elements(&["ab", "", "ä"]);
    let mut all = vec![
        post("infer: byte strings", STRINGS, strings()),
        post(
            "infer: byte strings, numbers in place of texts",
            STRINGS,
            but(&strings(), [("/inputs/0/data", json!([1, 2, 3]))]),
        ),
        post(
            "infer: byte strings, too few",
            STRINGS,
            but(&strings(), [("/inputs/0/shape", json!([4]))]),
        ),
        post(
            "infer: byte strings, too many",
            STRINGS,
            but(&strings(), [("/inputs/0/shape", json!([2]))]),
        ),
        post(
            "infer: byte strings, none",
            STRINGS,
            json!({"inputs": [{"name": "x", "shape": [0], "datatype": "BYTES", "data": []}]}),
        ),
        post(
            "infer: byte strings, answered in binary",
            STRINGS,
            but(
                &strings(),
                [("/parameters", json!({"binary_data_output": true}))],
            ),
        ),
        post(
            "infer: byte strings, a batch dimension",
            STRINGS,
            but(&strings(), [("/inputs/0/shape", json!([1, 3]))]),
        ),
    ];
    for (what, bytes, shape) in [
        ("in binary", &good[..], 3),
        ("in binary, too few", &good[..], 4),
        ("in binary, too many", &good[..], 2),
        (
            "in binary, a length beyond the end",
            &good[..good.len() - 1],
            3,
        ),
        ("in binary, half a length", &good[..8], 2),
        ("in binary, no UTF-8", b"\x02\x00\x00\x00\xff\xfe", 1),
    ] {
        all.push(http(
            &format!("infer: byte strings {what}"),
            in_binary(bytes, shape),
        ));
    }
    all.push(http(
        "infer: the body is a byte string",
        Request::post(STRINGS, "abc").with_header("Inference-Header-Content-Length", 0),
    ));
    all
}

/// Encoded bodies and answers.
fn encoded() -> Vec<Exchange> {
    let body = pair().to_string();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(body.as_bytes()).unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::default());
    deflate.write_all(body.as_bytes()).unwrap();
    let sent = |what: &str, encoding: &str, body: Vec<u8>| {
        let request = Request::post(PAIR, body).with_header("Content-Encoding", encoding);
        http(&format!("infer: {what}"), request)
    };
    let wanted = |what: &str, encoding: &str| {
        let request = Request::post(PAIR, body.clone()).with_header("Accept-Encoding", encoding);
        http(&format!("infer: {what}"), request)
    };
    vec![
        sent("a body in gzip", "gzip", gzip.finish().unwrap()),
        sent("a body in deflate", "deflate", deflate.finish().unwrap()),
        sent("a body that is no gzip", "gzip", b"nothing".to_vec()),
        sent("an unknown encoding", "br", body.clone().into_bytes()),
        sent("identity encoding", "identity", body.clone().into_bytes()),
        wanted("an answer in gzip", "gzip"),
        wanted("an answer in deflate", "deflate"),
        wanted("an answer in either", "gzip;q=0.5, deflate"),
        wanted("an answer in an unknown encoding", "br"),
        http(
            "infer: a body in chunks",
            Request::post(PAIR, body.clone()).in_chunks(40),
        ),
    ]
}

/// One row of `pair` as a message.
pub fn pair_message() -> Value {
    json!({
        "model_name": "pair",
        "inputs": [
            {"name": "a", "shape": [1, 4], "datatype": "FP32"},
            {"name": "b", "shape": [1, 4], "datatype": "INT32"},
        ],
        "raw_input_contents": [STANDARD.encode(floats()), STANDARD.encode(integers())],
    })
}

fn strings_message(bytes: &[u8], count: i64) -> Value {
    json!({
        "model_name": "strings",
        "inputs": [{"name": "x", "shape": [count], "datatype": "BYTES"}],
        "raw_input_contents": [STANDARD.encode(bytes)],
    })
}

/// See the module.
pub fn over_grpc() -> Vec<Exchange> {
    let pair = pair_message();
    let x = |change: &str, value: Value| but(&pair, [(change, value)]);
    let typed = but(
        &pair,
        [
            ("/raw_input_contents", Value::Null),
            ("/inputs/0/contents", json!({"fp32_contents": [1, 2, 3, 4]})),
            ("/inputs/1/contents", json!({"int_contents": [1, 2, 3, 4]})),
        ],
    );
    let raw = |bytes: &[u8]| json!(STANDARD.encode(bytes));
    let sized = |size: usize| {
        but(
            &pair,
            [
                ("/inputs/0/shape/0", json!(size)),
                ("/inputs/1/shape/0", json!(size)),
                ("/raw_input_contents/0", raw(&floats().repeat(size))),
                ("/raw_input_contents/1", raw(&integers().repeat(size))),
            ],
        )
    };
    let classes = |number: i64| json!([{"name": "y", "parameters": {"classification": {"int64_param": number}}}]);
    let parameter = |name: &str, value: Value| x(&format!("/parameters/{name}"), value);
    let good = elements(&["ab", "", "ä"]);
    let cases = vec![
        ("raw contents", pair.clone()),
        ("typed contents", typed.clone()),
        ("an id", x("/id", json!("request 7"))),
        ("version 1", x("/model_version", json!("1"))),
        ("an unknown version", x("/model_version", json!("7"))),
        ("version -1", x("/model_version", json!("-1"))),
        (
            "a version that is no number",
            x("/model_version", json!("x")),
        ),
        ("an unknown model", x("/model_name", json!("nobody"))),
        ("no model", x("/model_name", json!(""))),
        (
            "a model that is not loaded",
            x("/model_name", json!("idle")),
        ),
        ("an output", x("/outputs", json!([{"name": "z"}]))),
        (
            "outputs in the other order",
            x("/outputs", json!([{"name": "z"}, {"name": "y"}])),
        ),
        (
            "an output twice",
            x("/outputs", json!([{"name": "z"}, {"name": "z"}])),
        ),
        (
            "an unknown output",
            x("/outputs", json!([{"name": "nothing"}])),
        ),
        ("classification", x("/outputs", classes(2))),
        ("classification below 0", x("/outputs", classes(-1))),
        (
            "classification that is a text",
            x(
                "/outputs",
                json!([{"name": "y", "parameters": {"classification": {"string_param": "2"}}}]),
            ),
        ),
        (
            "parameters",
            parameter("mine", json!({"string_param": "x"})),
        ),
        (
            "a reserved parameter",
            parameter("triton_mine", json!({"int64_param": 1})),
        ),
        (
            "triton_enable_empty_final_response",
            parameter(
                "triton_enable_empty_final_response",
                json!({"bool_param": true}),
            ),
        ),
        (
            "priority",
            parameter("priority", json!({"uint64_param": 1})),
        ),
        (
            "priority below 0",
            parameter("priority", json!({"int64_param": -1})),
        ),
        (
            "priority that is a text",
            parameter("priority", json!({"string_param": "1"})),
        ),
        (
            "timeout",
            parameter("timeout", json!({"int64_param": 5_000_000})),
        ),
        (
            "timeout that is a text",
            parameter("timeout", json!({"string_param": "soon"})),
        ),
        (
            "sequence_id that is a boolean",
            parameter("sequence_id", json!({"bool_param": true})),
        ),
        (
            "sequence_start that is a number",
            parameter("sequence_start", json!({"int64_param": 1})),
        ),
        ("a batch of 8", sized(8)),
        ("a batch of 9", sized(9)),
        ("a batch of 0", sized(0)),
        ("no inputs", json!({"model_name": "pair"})),
        (
            "a missing input",
            but(
                &pair,
                [
                    ("/inputs/1", Value::Null),
                    ("/raw_input_contents/1", Value::Null),
                ],
            ),
        ),
        (
            "an extra input",
            but(
                &pair,
                [
                    (
                        "/inputs/2",
                        json!({"name": "c", "shape": [1, 4], "datatype": "FP32"}),
                    ),
                    ("/raw_input_contents/2", raw(&floats())),
                ],
            ),
        ),
        (
            "an input twice",
            but(
                &pair,
                [
                    ("/inputs/2", pair["inputs"][0].clone()),
                    ("/raw_input_contents/2", raw(&floats())),
                ],
            ),
        ),
        ("an unknown input", x("/inputs/0/name", json!("c"))),
        ("an input without a name", x("/inputs/0/name", json!(""))),
        ("another data type", x("/inputs/0/datatype", json!("FP64"))),
        (
            "an unknown data type",
            x("/inputs/0/datatype", json!("FLOAT")),
        ),
        ("no data type", x("/inputs/0/datatype", json!(""))),
        ("another shape", x("/inputs/0/shape", json!([1, 2, 2]))),
        ("no batch dimension", x("/inputs/0/shape", json!([4]))),
        ("no shape", x("/inputs/0/shape", json!([]))),
        ("a negative dimension", x("/inputs/0/shape", json!([1, -4]))),
        (
            "a dimension that overflows",
            x("/inputs/0/shape", json!([4611686018427387904_i64, 4])),
        ),
        (
            "raw contents that are too short",
            x("/raw_input_contents/0", raw(&floats()[..12])),
        ),
        (
            "raw contents that are too long",
            x("/raw_input_contents/0", raw(&floats().repeat(2))),
        ),
        (
            "raw contents missing",
            x("/raw_input_contents/1", Value::Null),
        ),
        ("no contents", x("/raw_input_contents", Value::Null)),
        (
            "raw contents too many",
            x("/raw_input_contents/2", raw(&floats())),
        ),
        (
            "raw and typed contents",
            x("/inputs/0/contents", json!({"fp32_contents": [1, 2, 3, 4]})),
        ),
        (
            "typed contents too few",
            but(&typed, [("/inputs/0/contents/fp32_contents", json!([1]))]),
        ),
        (
            "typed contents too many",
            but(
                &typed,
                [("/inputs/0/contents/fp32_contents", json!([1, 2, 3, 4, 5]))],
            ),
        ),
        (
            "typed contents of another type",
            but(
                &typed,
                [("/inputs/0/contents", json!({"int_contents": [1, 2, 3, 4]}))],
            ),
        ),
        (
            "typed contents of two types",
            but(
                &typed,
                [("/inputs/0/contents/int_contents", json!([1, 2, 3, 4]))],
            ),
        ),
        ("byte strings", strings_message(&good, 3)),
        (
            "byte strings in typed contents",
            json!({"model_name": "strings", "inputs": [{
                "name": "x", "shape": [2], "datatype": "BYTES",
                "contents": {"bytes_contents": [STANDARD.encode("ab"), ""]},
            }]}),
        ),
        ("byte strings, too few", strings_message(&good, 4)),
        ("byte strings, too many", strings_message(&good, 2)),
        (
            "byte strings, a length beyond the end",
            strings_message(&good[..good.len() - 1], 3),
        ),
        (
            "byte strings, half a length",
            strings_message(&good[..8], 2),
        ),
        (
            "a model that fails",
            json!({
                "model_name": "sum",
                "inputs": [
                    {"name": "x", "shape": [2], "datatype": "FP32", "contents": {"fp32_contents": [1, 2]}},
                    {"name": "w", "shape": [3], "datatype": "FP32", "contents": {"fp32_contents": [1, 2, 3]}},
                ],
            }),
        ),
    ];
    cases
        .into_iter()
        .map(|(what, message)| call(&format!("infer: {what}"), "ModelInfer", message))
        .collect()
}
