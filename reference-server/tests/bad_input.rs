//! What bad input gets: the status that Triton gives, an error that names the field or the tensor,
//! and a server that serves the next request.

mod support;

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use support::client::{Request, Response};
use support::deadline::wait_until;
use support::inference::{Form, Inference, assert_computed, assert_serves};
use support::samples::{Samples, batching, one_of_each, small};
use support::server::Server;
use test_ops::{Model, Op};

/// How errors about text that is no JSON begin.
const NOT_JSON: &str = "failed to parse the request JSON buffer";

/// A request that must be refused.
struct Refused {
    what: &'static str,
    request: Request,
    status: u16,
    /// What the error says, among other things.
    says: &'static [&'static str],
}

/// Sends each request over one connection; after each of them a good request is answered, over
/// that connection and over another one.
#[track_caller]
fn assert_refused(server: &Server, cases: impl IntoIterator<Item = Refused>) {
    let mut connection = server.connect();
    for case in cases {
        let response = connection
            .send(&case.request)
            .unwrap_or_else(|error| panic!("{}: {error}", case.what));
        assert_refusal(&response, case.what, case.status, case.says);
        if response.header("connection") == Some("close") {
            connection = server.connect();
        }
        let inputs = small().sample_inputs(2, 1);
        let good = Inference::new(&small(), &inputs, Form::Binary).request();
        let response = connection
            .send(&good)
            .unwrap_or_else(|error| panic!("after {}: {error}", case.what));
        assert_computed(&response, &small(), &inputs, Form::Binary);
        assert_serves(server, &small());
    }
}

#[track_caller]
fn assert_refusal(response: &Response, what: &str, status: u16, says: &[&str]) {
    assert_eq!(response.status, status, "{what}: {}", response.text());
    let error = response.error();
    for text in says {
        assert!(error.contains(text), "{what}: no {text:?} in {error:?}");
    }
}

/// A server with the model `small` and one that batches, `batched`.
fn server() -> (Samples, Server) {
    let samples = Samples::with_small();
    samples.add_with(&batched(), |configuration| configuration.max_batch_size = 4);
    one_of_each().iter().for_each(|model| samples.add(model));
    let server = Server::start(samples.root(), &[]);
    (samples, server)
}

fn batched() -> Model {
    small().with_name("batched")
}

fn infer(body: impl Into<Vec<u8>>) -> Request {
    Request::post("/v2/models/small/infer", body)
}

/// A request to `small` whose only input has these fields in place of the right ones.
fn with_input(fields: Value) -> Request {
    let mut input = json!({"name": "x", "datatype": "FP32", "shape": [1, 16], "data": vec![0; 16]});
    for (name, value) in fields.as_object().expect("an object") {
        match value {
            Value::Null => drop(input.as_object_mut().expect("an object").remove(name)),
            value => input[name] = value.clone(),
        }
    }
    infer(json!({"inputs": [input]}).to_string())
}

/// A request to `small` that announces a JSON part of `header` and a tensor of `announced` bytes,
/// and brings `bytes`.
fn with_section(shape: Value, announced: Value, bytes: usize) -> Request {
    let header = json!({"inputs": [{
        "name": "x", "datatype": "FP32", "shape": shape,
        "parameters": {"binary_data_size": announced},
    }]})
    .to_string();
    let length = header.len();
    let mut body = header.into_bytes();
    body.resize(length + bytes, 0);
    infer(body).with_header("Inference-Header-Content-Length", length)
}

#[test]
fn malformed_json() {
    let (_samples, server) = server();
    let cases: [(&str, &[u8], &[&str]); 16] = [
        ("an empty body", b"", &[NOT_JSON]),
        ("no JSON", b"hello", &[NOT_JSON, "line 1 column 1"]),
        (
            "half of a request",
            br#"{"inputs":[{"name":"#,
            &[NOT_JSON, "line 1"],
        ),
        ("a second value", br#"{"inputs":[]} {}"#, &[NOT_JSON]),
        (
            "not UTF-8",
            b"{\"inputs\":[],\"id\":\"\xff\xfe\"}",
            &[NOT_JSON],
        ),
        (
            "bytes without sense",
            &[0, 1, 2, 0xff, 0xfe, 0x80],
            &[NOT_JSON],
        ),
        ("a list", b"[]", &["the request must be a JSON object"]),
        ("nothing in it", b"{}", &["'inputs'", "missing"]),
        (
            "inputs that are no list",
            br#"{"inputs":{}}"#,
            &["'inputs'", "an array"],
        ),
        (
            "an input that is none",
            br#"{"inputs":[7]}"#,
            &["'inputs[0]'"],
        ),
        (
            "an id that is no text",
            br#"{"id":7,"inputs":[]}"#,
            &["'id'"],
        ),
        (
            "parameters that are none",
            br#"{"parameters":[],"inputs":[]}"#,
            &["'parameters'"],
        ),
        (
            "a parameter of the wrong kind",
            br#"{"parameters":{"binary_data_output":"yes"},"inputs":[]}"#,
            &["'parameters.binary_data_output'"],
        ),
        (
            "a reserved parameter",
            br#"{"parameters":{"triton_x":1},"inputs":[]}"#,
            &["'triton_'", "reserved"],
        ),
        (
            "outputs that are none",
            br#"{"inputs":[],"outputs":[1]}"#,
            &["'outputs[0]'"],
        ),
        ("no input at all", br#"{"inputs":[]}"#, &["'x'", "'small'"]),
    ];
    assert_refused(
        &server,
        cases.into_iter().map(|(what, body, says)| Refused {
            what,
            request: infer(body),
            status: 400,
            says,
        }),
    );
    let mut deep = br#"{"inputs":[],"parameters":{"mine":"#.to_vec();
    deep.extend(vec![b'['; 100_000]);
    assert_refused(
        &server,
        [Refused {
            what: "a hundred thousand brackets",
            request: infer(deep),
            status: 400,
            says: &[NOT_JSON, "recursion limit"],
        }],
    );
}

#[test]
fn wrong_tensors_in_json() {
    let (_samples, server) = server();
    let cases: [(&str, Value, &[&str]); 19] = [
        ("no name", json!({"name": null}), &["'inputs[0].name'"]),
        (
            "no shape",
            json!({"shape": null}),
            &["'inputs[0].shape'", "'x'"],
        ),
        (
            "no data type",
            json!({"datatype": null}),
            &["'inputs[0].datatype'", "'x'"],
        ),
        ("no data", json!({"data": null}), &["'x'"]),
        ("an unknown name", json!({"name": "z"}), &["'z'", "'small'"]),
        (
            "an unknown data type",
            json!({"datatype": "FLOAT"}),
            &["'x'", "'FLOAT'", "'FP32'"],
        ),
        (
            "the name of a configuration",
            json!({"datatype": "TYPE_FP32"}),
            &["'x'", "'TYPE_FP32'"],
        ),
        (
            "another data type",
            json!({"datatype": "INT32"}),
            &["'x'", "'INT32'", "'FP32'"],
        ),
        (
            "another last dimension",
            json!({"shape": [1, 15]}),
            &["'x'", "[-1,16]", "[1,15]"],
        ),
        (
            "one dimension too few",
            json!({"shape": [16]}),
            &["'x'", "[-1,16]", "[16]"],
        ),
        (
            "one dimension too many",
            json!({"shape": [1, 1, 16]}),
            &["'x'", "[1,1,16]"],
        ),
        ("no dimension", json!({"shape": []}), &["'x'", "[]"]),
        (
            "a negative dimension",
            json!({"shape": [-1, 16]}),
            &["'inputs[0].shape[0]'", "'x'", "-1"],
        ),
        (
            "half a dimension",
            json!({"shape": [1.5, 16]}),
            &["'inputs[0].shape[0]'", "'x'", "1.5"],
        ),
        (
            "a dimension above 63 bits",
            json!({"shape": [9_223_372_036_854_775_808_u64, 16]}),
            &["'inputs[0].shape[0]'", "'x'"],
        ),
        (
            "dimensions that overflow",
            json!({"shape": [9_223_372_036_854_775_807_u64, 16]}),
            &["'x'", "more elements than can be addressed"],
        ),
        ("an element too few", json!({"data": vec![0; 15]}), &["'x'"]),
        (
            "an element too many",
            json!({"data": vec![0; 17]}),
            &["'x'"],
        ),
        (
            "a text among numbers",
            json!({"data": vec!["a"; 16]}),
            &["'x'"],
        ),
    ];
    assert_refused(
        &server,
        cases.into_iter().map(|(what, fields, says)| Refused {
            what,
            request: with_input(fields),
            status: 400,
            says,
        }),
    );
    // A shape that promises a terabyte costs neither time nor memory.
    assert_refused(
        &server,
        [Refused {
            what: "a shape of a terabyte with sixteen numbers",
            request: with_input(json!({"shape": [17_179_869_184_u64, 16]})),
            status: 400,
            says: &["'x'"],
        }],
    );
}

#[test]
fn integers_out_of_range() {
    let (_samples, server) = server();
    let models = one_of_each();
    let model = models
        .iter()
        .find(|model| model.op == Op::Modulo && model.name.ends_with("int32"))
        .expect("a sample");
    for (value, what) in [
        ("2147483648", "above the range"),
        ("1.5", "no integer"),
        ("true", "no number"),
    ] {
        let input = |name: &str, value: &str| {
            let data = vec![value; 24].join(",");
            format!(r#"{{"name":"{name}","datatype":"INT32","shape":[1,24],"data":[{data}]}}"#)
        };
        let body = format!(
            r#"{{"inputs":[{},{}]}}"#,
            input("x", "1"),
            input("divisor", value)
        );
        let request = Request::post(format!("/v2/models/{}/infer", model.name), body);
        assert_refused(
            &server,
            [Refused {
                what,
                request,
                status: 400,
                says: &["'divisor'"],
            }],
        );
    }
}

#[test]
fn wrong_sets_of_tensors() {
    let (_samples, server) = server();
    let inputs = small().sample_inputs(1, 1);
    let one = Inference::to("small").input("x", &inputs[0], Form::Json);
    let twice = one.clone().input("x", &inputs[0], Form::Json);
    let besides = one.clone().input("z", &inputs[0], Form::Json);
    let models = one_of_each();
    let two = &models[0];
    let second = two.sample_inputs(1, 2);
    let missing = Inference::to(&two.name).input("x", &second[0], Form::Binary);
    let batch = batched().sample_inputs(5, 1);
    let empty = batched().sample_inputs(0, 1);
    assert_refused(
        &server,
        [
            Refused {
                what: "an input twice",
                request: twice.request(),
                status: 400,
                says: &["'x'", "already exists"],
            },
            Refused {
                what: "an input that the model does not have",
                request: besides.request(),
                status: 400,
                says: &["expected 1 inputs but got 2", "'z'"],
            },
            Refused {
                what: "an input that is missing",
                request: missing.request(),
                status: 400,
                says: &["expected 2 inputs but got 1", "['bias']"],
            },
            Refused {
                what: "an output that the model does not have",
                request: one.clone().output("q", Form::Json).request(),
                status: 400,
                says: &["unexpected inference output 'q'", "'small'"],
            },
            Refused {
                what: "an input in a region that is not there",
                request: with_input(json!({
                    "data": null,
                    "parameters": {"shared_memory_region": "r", "shared_memory_byte_size": 64},
                })),
                status: 404,
                says: &["shared memory region: 'r'"],
            },
            Refused {
                what: "a batch above the model's limit",
                request: Inference::new(&batched(), &batch, Form::Binary).request(),
                status: 400,
                says: &["batch-size must be <= 4", "'batched'"],
            },
            Refused {
                what: "a batch of nothing",
                request: Inference::new(&batched(), &empty, Form::Binary).request(),
                status: 400,
                says: &["batch-size must be >= 1", "'batched'"],
            },
        ],
    );
}

#[test]
fn wrong_binary_sections() {
    let (_samples, server) = server();
    let cases: [(&str, Request, &[&str]); 9] = [
        (
            "shorter than announced",
            with_section(json!([1, 16]), json!(64), 60),
            &["'x'", "4 additional bytes", "'small'"],
        ),
        (
            "longer than announced",
            with_section(json!([1, 16]), json!(64), 70),
            &["unexpected additional input data", "6 bytes"],
        ),
        (
            "not what the shape says",
            with_section(json!([1, 16]), json!(60), 60),
            &["'x'", "Expected 64, got 60"],
        ),
        (
            "announced beyond all bounds",
            with_section(json!([1, 16]), json!(u64::MAX), 64),
            &["'x'"],
        ),
        (
            "announced as less than nothing",
            with_section(json!([1, 16]), json!(-64), 64),
            &["'inputs[0].parameters.binary_data_size'", "'x'"],
        ),
        (
            "a shape that overflows",
            with_section(json!([1_i64 << 62, 16]), json!(64), 64),
            &["'x'", "more elements than can be addressed"],
        ),
        (
            "data in both forms",
            with_input(json!({"parameters": {"binary_data_size": 64}})),
            &["'x'", "'data'", "'binary_data_size'"],
        ),
        (
            "a header beyond the body",
            infer("{}").with_header("Inference-Header-Content-Length", 100),
            &["inference header size should be in range (0, 2), got: 100"],
        ),
        (
            "a header that is no number",
            infer("{}").with_header("Inference-Header-Content-Length", "two"),
            &["Unable to parse Inference-Header-Content-Length, got: two"],
        ),
    ];
    assert_refused(
        &server,
        cases.into_iter().map(|(what, request, says)| Refused {
            what,
            request,
            status: 400,
            says,
        }),
    );
}

#[test]
fn unknown_models_versions_paths_and_methods() {
    let (_samples, server) = server();
    let good = |path: &str| {
        let inputs = small().sample_inputs(1, 1);
        let mut request = Inference::new(&small(), &inputs, Form::Json).request();
        request.path = path.to_owned();
        request
    };
    let cases: [(&str, Request, u16, &[&str]); 14] = [
        (
            "an unknown model",
            good("/v2/models/nobody/infer"),
            404,
            &["Request for unknown model: 'nobody' is not found"],
        ),
        (
            "an unknown version",
            good("/v2/models/small/versions/9/infer"),
            404,
            &["Request for unknown model: 'small' version 9 is not found"],
        ),
        (
            "a version that is no number",
            good("/v2/models/small/versions/new/infer"),
            404,
            &["there is nothing at '/v2/models/small/versions/new/infer'"],
        ),
        (
            "metadata of an unknown model",
            Request::get("/v2/models/nobody"),
            404,
            &["'nobody'"],
        ),
        (
            "a configuration of one",
            Request::get("/v2/models/nobody/config"),
            404,
            &["'nobody'"],
        ),
        (
            "statistics of one",
            Request::get("/v2/models/nobody/stats"),
            400,
            &["'nobody'"],
        ),
        (
            "an unknown path",
            Request::get("/v2/nowhere"),
            404,
            &["'/v2/nowhere'"],
        ),
        ("the root", Request::get("/"), 404, &["'/'"]),
        (
            "a name that is no UTF-8",
            Request::get("/v2/models/%ff"),
            404,
            &["'/v2/models/%ff'"],
        ),
        (
            "an unknown action",
            good("/v2/models/small/explain"),
            404,
            &["'/v2/models/small/explain'"],
        ),
        (
            "GET in place of POST",
            Request::get("/v2/models/small/infer"),
            405,
            &["POST", "not to GET"],
        ),
        (
            "POST in place of GET",
            Request::post("/v2/models/small", "{}"),
            405,
            &["GET", "not to POST"],
        ),
        (
            "an unknown method",
            Request::get("/v2").with_method("BREW"),
            405,
            &["not to BREW"],
        ),
        (
            "GET of the index",
            Request::get("/v2/repository/index"),
            405,
            &["POST", "not to GET"],
        ),
    ];
    assert_refused(
        &server,
        cases
            .into_iter()
            .map(|(what, request, status, says)| Refused {
                what,
                request,
                status,
                says,
            }),
    );
}

#[test]
fn wrong_repository_requests() {
    let samples = Samples::with_small();
    let server = Server::start_explicit(samples.root(), &[]);
    let load = "/v2/repository/models/small/load";
    let broken = json!({"parameters": {"config": "{\"max_batch_size\": \"many\"}"}});
    let files = json!({"parameters": {"config": "{}", "file:1/model.onnx": "AAAA"}});
    let cases: [(&str, Request, u16, &[&str]); 6] = [
        (
            "an index that is no JSON",
            Request::post("/v2/repository/index", "{"),
            400,
            &["JSON"],
        ),
        (
            "an index with a wrong field",
            Request::post("/v2/repository/index", r#"{"ready":"yes"}"#),
            400,
            &["ready"],
        ),
        (
            "a load that is no JSON",
            Request::post(load, "nonsense"),
            400,
            &["JSON"],
        ),
        (
            "a configuration that is none",
            Request::post(load, broken.to_string()),
            400,
            &["'small'", "line 1 column"],
        ),
        (
            "a model in the request that is none",
            Request::post(load, files.to_string()),
            400,
            &["load failed for model 'small'", "not an ONNX model"],
        ),
        (
            "an unload that is no JSON",
            Request::post("/v2/repository/models/small/unload", "["),
            400,
            &["JSON"],
        ),
    ];
    assert_refused(
        &server,
        cases
            .into_iter()
            .map(|(what, request, status, says)| Refused {
                what,
                request,
                status,
                says,
            }),
    );
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn wrong_encodings() {
    let (_samples, server) = server();
    let inputs = small().sample_inputs(1, 1);
    let good = Inference::new(&small(), &inputs, Form::Json).request();
    let encoded = |name: &str, body: Vec<u8>| infer(body).with_header("Content-Encoding", name);
    let mut cut = gzip(&good.body);
    cut.truncate(cut.len() / 2);
    let brotli = server.send(&encoded("br", good.body.clone()));
    assert_eq!(brotli.header("accept-encoding"), Some("gzip, deflate"));
    let cases: [(&str, Request, u16, &[&str]); 6] = [
        (
            "an unsupported encoding",
            encoded("br", good.body.clone()),
            501,
            &["'br'", "gzip, deflate"],
        ),
        (
            "two encodings",
            encoded("gzip, deflate", gzip(&good.body)),
            501,
            &["'gzip, deflate'"],
        ),
        (
            "no gzip",
            encoded("gzip", good.body.clone()),
            400,
            &["not valid gzip data"],
        ),
        (
            "half of a gzip",
            encoded("gzip", cut),
            400,
            &["not valid gzip data"],
        ),
        (
            "no deflate",
            encoded("deflate", vec![0xff; 100]),
            400,
            &["not valid deflate data"],
        ),
        ("nothing, as gzip", encoded("gzip", Vec::new()), 400, &[""]),
    ];
    assert_refused(
        &server,
        cases
            .into_iter()
            .map(|(what, request, status, says)| Refused {
                what,
                request,
                status,
                says,
            }),
    );
}

#[test]
fn bodies_above_the_limit() {
    const LIMIT: usize = 20_000;
    let samples = Samples::with_small();
    let limit = LIMIT.to_string();
    let server = Server::start(samples.root(), &["--http-max-input-size", &limit]);
    let of_size = |size: usize| {
        let mut body = br#"{"inputs":[]}"#.to_vec();
        body.resize(size, b' ');
        body
    };
    let bomb = of_size(50_000_000);
    let says = &["20000 bytes", "--http-max-input-size"];
    let too_large = |what, request| Refused {
        what,
        request,
        status: 400,
        says,
    };
    let encoded = |name: &str, body| infer(body).with_header("Content-Encoding", name);
    assert_refused(
        &server,
        [
            too_large("a byte too many", infer(of_size(LIMIT + 1))),
            too_large("in chunks", infer(of_size(LIMIT + 1)).in_chunks(1000)),
            too_large("compressed with gzip", encoded("gzip", gzip(&bomb))),
            too_large(
                "compressed with deflate",
                encoded("deflate", deflate(&bomb)),
            ),
            too_large(
                "on the way to the index",
                Request::post("/v2/repository/index", of_size(LIMIT + 1)),
            ),
        ],
    );
    // A length that is announced is refused before a byte of the body is sent.
    let mut connection = server.connect();
    let mut announced = infer("");
    announced
        .headers
        .push(("Expect".to_owned(), "100-continue".to_owned()));
    let head = String::from_utf8(announced.head()).unwrap();
    let head = head.replace("Content-Length: 0", "Content-Length: 99999999999");
    connection.write(head.as_bytes()).unwrap();
    let response = connection.read().unwrap();
    assert_refusal(&response, "a hundred gigabytes", 400, says);

    // What is exactly as large as allowed is looked at.
    let response = server.send(&infer(of_size(LIMIT)));
    assert_refusal(&response, "at the limit", 400, &["'x'"]);
    assert_serves(&server, &small());
}

#[test]
fn a_body_far_above_the_limit_is_answered_while_it_is_being_sent() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--http-max-input-size", "1000"]);
    for _ in 0..10 {
        // More than the sockets between client and server can hold; like most clients, this one
        // reads when it has written everything.
        let response = server.connect().send(&infer(vec![b' '; 16 << 20]));
        let response = response.expect("the refusal arrives");
        assert_refusal(&response, "16 MiB", 400, &["--http-max-input-size"]);
    }
    // The same for every refusal that does not need the body.
    let unknown = Request::post("/v2/models/nobody/infer", vec![b' '; 16 << 20]);
    let response = server.connect().send(&unknown);
    let response = response.expect("the refusal arrives");
    assert_refusal(&response, "16 MiB for nobody", 404, &["'nobody'"]);
    assert_serves(&server, &small());
}

#[test]
fn requests_that_are_no_http() {
    let (_samples, server) = server();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"hello\r\n\r\n",
        b"POST /v2/models/small/infer HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST /v2/models/small/infer HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v2/models/small/infer HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v2/models/small/infer HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"GET /v2 HTTP/1.1\r\nno header\r\n\r\n",
    ] {
        let mut connection = server.connect();
        connection.write(bytes).unwrap();
        let what = String::from_utf8_lossy(bytes);
        if let Ok(response) = connection.read() {
            assert_eq!(response.status, 400, "{what}");
        }
        assert!(connection.is_closed(), "{what}");
        assert_serves(&server, &small());
    }
    // A head without end.
    let mut connection = server.connect();
    let line = format!("X-Long: {}\r\n", "a".repeat(10_000));
    let mut head = b"GET /v2 HTTP/1.1\r\n".to_vec();
    (0..200).for_each(|_| head.extend(line.as_bytes()));
    // The server may have closed the connection before everything was written.
    if connection.write(&head).is_ok()
        && let Ok(response) = connection.read()
    {
        assert_eq!(response.status, 431);
    }
    assert_serves(&server, &small());
}

#[test]
fn half_a_request_and_then_nothing() {
    let (_samples, server) = server();
    let inputs = small().sample_inputs(100, 1);
    for form in [Form::Json, Form::Binary] {
        let request = Inference::new(&small(), &inputs, form).request();
        let bytes = request.bytes();
        let head = request.head().len();
        for end in [3, head - 2, head, head + 10, bytes.len() - 1] {
            let mut connection = server.connect();
            connection.write(&bytes[..end]).unwrap();
            drop(connection);
            assert_serves(&server, &small());
        }
        let chunked = request.in_chunks(100).bytes();
        let mut connection = server.connect();
        connection.write(&chunked[..chunked.len() - 3]).unwrap();
        drop(connection);
        assert_serves(&server, &small());
    }
    // Nothing of them was executed, and nothing of them is left behind.
    let statistics = server.statistics_of("small");
    assert_eq!(statistics["inference_stats"]["success"]["count"], 12);
    wait_until("no request is pending", || {
        server.metric("nv_inference_pending_request_count", "small") == 0.0
    });
}

#[test]
fn a_client_that_leaves_before_its_answer_disturbs_nobody() {
    let samples = Samples::with_small();
    samples.add_with(&batched(), |configuration| {
        configuration.max_batch_size = 4;
        configuration.dynamic_batching = Some(batching(500_000));
    });
    let server = Server::start(samples.root(), &[]);
    let inputs = batched().sample_inputs(1, 1);
    let request = Inference::new(&batched(), &inputs, Form::Binary).request();
    for round in 0..3 {
        let mut leaving = server.connect();
        leaving.write(&request.bytes()).unwrap();
        wait_until("the request waits in the queue", || {
            server.metric("nv_inference_pending_request_count", "batched") == 1.0
        });
        drop(leaving);
        // The next request of the batch is answered, whatever became of the first.
        let response = server.send(&request);
        assert_computed(&response, &batched(), &inputs, Form::Binary);
        let pending = server.metric("nv_inference_pending_request_count", "batched");
        assert_eq!(pending, 0.0, "round {round}");
    }
}

#[test]
fn slow_clients_keep_nobody_waiting() {
    let samples = Samples::with_small();
    let server = Server::start(samples.root(), &["--http-thread-count", "1"]);
    let inputs = small().sample_inputs(10, 1);
    let request = Inference::new(&small(), &inputs, Form::Binary).request();
    let bytes = request.bytes();
    // Some are stuck in the head, some in the JSON part, some in the tensors.
    let places = [10, request.head().len() + 5, bytes.len() - 7];
    let mut slow: Vec<_> = (0..30)
        .map(|client| {
            let mut connection = server.connect();
            let place = places[client % places.len()];
            connection.write(&bytes[..place]).unwrap();
            (connection, place)
        })
        .collect();
    for _ in 0..20 {
        assert_serves(&server, &small());
    }
    // Byte by byte, they get there in the end.
    for (connection, place) in &mut slow {
        for byte in &bytes[*place..] {
            connection.write(&[*byte]).unwrap();
        }
        assert_computed(&connection.read().unwrap(), &small(), &inputs, Form::Binary);
    }
}

#[test]
fn a_broken_configuration_makes_its_model_unavailable_and_no_other() {
    let samples = Samples::with_small();
    let texts = [
        (
            "no_text_format",
            "name: \"no_text_format\"\nbackend \"onnxruntime\"\n",
            "2:",
            "",
        ),
        (
            "unknown_field",
            "backend: \"onnxruntime\"\n\n  max_batch_sise: 4\n",
            "3:3",
            "max_batch_size",
        ),
        (
            "wrong_type",
            "backend: \"onnxruntime\"\nmax_batch_size: \"many\"\n",
            "2:17",
            "",
        ),
        (
            "unclosed",
            "backend: \"onnxruntime\"\ninput [ {\n  name: \"x\"\n",
            "3:",
            "",
        ),
        (
            "unknown_value",
            "backend: \"onnxruntime\"\ninput [ { name: \"x\" data_type: TYPE_FLOAT dims: [16] } ]\n",
            "2:",
            "TYPE_F",
        ),
    ];
    for (name, text, _, _) in texts {
        samples.add(&small().with_name(name));
        let file = samples.root().join(name).join("config.pbtxt");
        std::fs::write(file, text).unwrap();
    }
    let not_utf8 = samples.root().join("not_utf8");
    samples.add(&small().with_name("not_utf8"));
    std::fs::write(not_utf8.join("config.pbtxt"), b"name: \"\xff\xfe\"\n").unwrap();
    let other_name = small().with_name("other_name");
    samples.add(&other_name);
    let configuration = samples.configuration().to_text(&small());
    let file = samples.root().join("other_name/config.pbtxt");
    std::fs::write(file, configuration).unwrap();
    std::fs::create_dir_all(samples.root().join("no_version")).unwrap();
    let no_model = samples.root().join("no_model/1");
    std::fs::create_dir_all(no_model).unwrap();
    let damaged = small().with_name("damaged");
    samples.add(&damaged);
    std::fs::write(samples.root().join("damaged/1/model.onnx"), b"nonsense").unwrap();

    let server = Server::start_unready(samples.root(), &["--exit-on-error=false"]);
    for (name, _, place, says) in texts {
        let reason = server.unavailable_reason(name);
        let place = format!("{name}/config.pbtxt:{place}");
        assert!(reason.contains(&place), "no {place:?} in {reason:?}");
        assert!(reason.contains(says), "no {says:?} in {reason:?}");
    }
    for (name, says) in [
        ("not_utf8", "not_utf8/config.pbtxt"),
        ("other_name", "'small'"),
        ("no_version", "version"),
        ("no_model", "model.onnx"),
        ("damaged", "damaged/1/model.onnx"),
    ] {
        let reason = server.unavailable_reason(name);
        assert!(reason.contains(says), "{name}: {reason:?}");
        let inputs = small().sample_inputs(1, 1);
        let request = Inference::new(&small().with_name(name), &inputs, Form::Binary);
        let response = server.send(&request.request());
        assert_refusal(
            &response,
            name,
            404,
            &["Request for unknown model", "has no available versions"],
        );
    }
    wait_until("the good model is served", || {
        server.get("/v2/models/small/ready").status == 200
    });
    assert_serves(&server, &small());
}
