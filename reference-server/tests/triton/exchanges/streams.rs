//! Inferences over streams.

use serde_json::{Value, json};

use super::inference::pair_message;
use crate::exchange::{Exchange, but, stream};

/// See the module.
pub fn exchanges() -> Vec<Exchange> {
    let good = |id: &str| but(&pair_message(), [("/id", json!(id))]);
    let unknown = but(&good("2"), [("/model_name", json!("nobody"))]);
    let wrong = but(&good("2"), [("/inputs/0/shape", json!([1, 5]))]);
    let missing = but(&good("2"), [("/raw_input_contents/1", Value::Null)]);
    let fails = json!({
        "model_name": "sum", "id": "2",
        "inputs": [
            {"name": "x", "shape": [2], "datatype": "FP32", "contents": {"fp32_contents": [1, 2]}},
            {"name": "w", "shape": [3], "datatype": "FP32", "contents": {"fp32_contents": [1, 2, 3]}},
        ],
    });
    let finally = |value: Value| {
        but(
            &good("1"),
            [(
                "/parameters",
                json!({"triton_enable_empty_final_response": value}),
            )],
        )
    };
    let of = |what: &str, messages: Vec<Value>| {
        stream(&format!("stream: {what}"), "ModelStreamInfer", messages)
    };
    let strict = |exchange: Exchange| exchange.with_metadata("triton_grpc_error", "true");
    vec![
        of("nothing", vec![]),
        of("a request", vec![good("1")]),
        of("two requests", vec![good("1"), good("2")]),
        of("without an id", vec![pair_message()]),
        of("an unknown model alone", vec![unknown.clone()]),
        of("a wrong shape alone", vec![wrong.clone()]),
        of("missing contents alone", vec![missing.clone()]),
        of("a model that fails alone", vec![fails.clone()]),
        of(
            "empty final response wanted",
            vec![finally(json!({"bool_param": true}))],
        ),
        of(
            "empty final response not wanted",
            vec![finally(json!({"bool_param": false}))],
        ),
        of(
            "empty final response that is a number",
            vec![finally(json!({"int64_param": 1}))],
        ),
        strict(of("errors end it: a request", vec![good("1")])),
        strict(of("errors end it: an unknown model", vec![unknown])),
        strict(of("errors end it: a wrong shape", vec![wrong])),
        strict(of("errors end it: missing contents", vec![missing])),
        strict(of("errors end it: a model that fails", vec![fails])),
    ]
}
