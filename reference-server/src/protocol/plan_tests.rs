//! Requests that fit and requests that do not.

use proptest::prelude::*;

use super::*;

fn tensor(name: &str, data_type: DataType, dims: &[i64]) -> TensorSpecification {
    TensorSpecification {
        name: name.into(),
        data_type,
        dims: Shape::from_slice(dims),
        reshape: None,
        optional: false,
    }
}

fn signature(max_batch_size: u32) -> Signature {
    Signature {
        model: "m".into(),
        max_batch_size,
        inputs: vec![
            tensor("X", DataType::Fp32, &[-1, 4]),
            tensor("S", DataType::Bytes, &[2]),
        ],
        outputs: vec![
            tensor("Y", DataType::Fp32, &[-1]),
            tensor("H", DataType::Fp16, &[-1]),
        ],
    }
}

fn one_input(data_type: DataType, dims: &[i64], max_batch_size: u32) -> Signature {
    Signature {
        model: "m".into(),
        max_batch_size,
        inputs: vec![tensor("X", data_type, dims)],
        outputs: vec![tensor("Y", data_type, dims)],
    }
}

const STRINGS: [u8; 10] = [1, 0, 0, 0, b'a', 1, 0, 0, 0, b'b'];

fn refused(json: &str, signature: &Signature, section: &[u8]) -> String {
    let request = InferenceRequest::parse(json.as_bytes()).unwrap();
    let error = plan(&request, signature, section.len())
        .and_then(|plan| {
            plan.inputs.iter().try_for_each(|input| {
                let name = &signature.inputs[input.index].name;
                input.write(section, &mut vec![0; input.byte_size], name, "m")
            })
        })
        .unwrap_err();
    assert_eq!(error.status(), 400);
    error.message
}

#[test]
fn binary_and_json_may_be_mixed() {
    let json = r#"{"id":"7","parameters":{"binary_data_output":true},"inputs":[
        {"name":"S","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":10}},
        {"name":"X","shape":[1,4],"datatype":"FP32","data":[[1,2,3,4]]}]}"#;
    let request = InferenceRequest::parse(json.as_bytes()).unwrap();
    let plan = plan(&request, &signature(0), STRINGS.len()).unwrap();
    assert_eq!(plan.batch_size, 0);
    let [strings, numbers] = plan.inputs.as_slice() else {
        panic!("two inputs");
    };
    assert_eq!((strings.index, strings.byte_size), (1, 10));
    let mut target = [0; 10];
    strings.write(&STRINGS, &mut target, "S", "m").unwrap();
    assert_eq!(target, STRINGS);
    assert_eq!((numbers.index, numbers.byte_size), (0, 16));
    let mut target = [0; 16];
    numbers.write(&STRINGS, &mut target, "X", "m").unwrap();
    assert_eq!(target[12..], 4_f32.to_le_bytes());
    assert_eq!(plan.outputs.len(), 2);
    assert_eq!(plan.outputs[1].form, OutputForm::Binary);
}

#[test]
fn outputs_are_listed_once_in_the_order_of_the_request() {
    let json = r#"{"inputs":[
        {"name":"S","shape":[2],"datatype":"BYTES","data":["a","b"]},
        {"name":"X","shape":[0,4],"datatype":"FP32","data":[]}],
        "outputs":[{"name":"H","parameters":{"binary_data":true}},{"name":"Y"},{"name":"Y"}]}"#;
    let request = InferenceRequest::parse(json.as_bytes()).unwrap();
    let plan = plan(&request, &signature(0), 0).unwrap();
    assert_eq!(plan.inputs[0].byte_size, 10);
    assert_eq!(plan.inputs[1].byte_size, 0);
    let forms: Vec<_> = plan
        .outputs
        .iter()
        .map(|output| (output.index, &output.form))
        .collect();
    assert_eq!(forms, [(1, &OutputForm::Binary), (0, &OutputForm::Json)]);
}

#[test]
fn the_batch_dimension_is_checked_and_kept() {
    let signature = one_input(DataType::Int8, &[3], 4);
    let json = |shape: &str| {
        format!(
            r#"{{"inputs":[{{"name":"X","shape":{shape},"datatype":"INT8","parameters":{{"binary_data_size":6}}}}]}}"#
        )
    };
    let text = json("[2,3]");
    let request = InferenceRequest::parse(text.as_bytes()).unwrap();
    let plan = plan(&request, &signature, 6).unwrap();
    assert_eq!(plan.batch_size, 2);
    assert_eq!(plan.inputs[0].shape.as_slice(), [2, 3]);

    for (shape, expected) in [
        (
            "[]",
            "input 'X' has no shape but model requires batch dimension for 'm'",
        ),
        ("[0,3]", "inference request batch-size must be >= 1 for 'm'"),
        ("[5,3]", "inference request batch-size must be <= 4 for 'm'"),
        (
            "[9223372036854775807,3]",
            "inference request batch-size must be <= 4 for 'm'",
        ),
        (
            "[2,4]",
            "unexpected shape for input 'X' for model 'm'. Expected [-1,3], got [2,4]. NOTE",
        ),
        (
            "[1,3]",
            "input byte size mismatch for input 'X' for model 'm'. Expected 3, got 6",
        ),
    ] {
        let message = refused(&json(shape), &signature, &[0; 6]);
        assert!(message.contains(expected), "{shape} {message}");
        assert!(
            message.starts_with("[request id: <id_unknown>] "),
            "{message}"
        );
    }
}

#[test]
fn messages_name_the_tensor() {
    let signature = signature(0);
    let x = r#"{"name":"X","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}"#;
    let s = r#"{"name":"S","shape":[2],"datatype":"BYTES","data":["a","b"]}"#;
    let inputs =
        |list: &str| format!(r#"{{"id":"7","inputs":[{list}],"outputs":[{{"name":"Y"}}]}}"#);
    for (list, section, expected) in [
        (
            x.to_owned(),
            &[][..],
            "[request id: 7] expected 2 inputs but got 1 inputs for model 'm'. Got input(s) ['X'], \
             but missing required input(s) ['S']. Please provide all required input(s).",
        ),
        (
            format!("{x},{x}"),
            &[],
            "input 'X' already exists in request",
        ),
        (
            format!("{x},{}", s.replace("\"S\"", "\"T\"")),
            &[],
            "unexpected inference input 'T' for model 'm'",
        ),
        (
            format!("{s},{}", x.replace("FP32", "INT32")),
            &[],
            "inference input 'X' data-type is 'INT32', but model 'm' expects 'FP32'",
        ),
        (
            format!("{s},{}", x.replace("FP32", "FP23")),
            &[],
            "unknown data type 'FP23'; did you mean 'FP32'?",
        ),
        (
            format!("{s},{}", x.replace("FP32", "TYPE_FP32")),
            &[],
            "unknown data type 'TYPE_FP32'; did you mean 'FP32'?",
        ),
        (
            format!("{s},{}", x.replace("[1,4]", "[1,32]")),
            &[],
            "unexpected shape for input 'X' for model 'm'. Expected [-1,4], got [1,32].",
        ),
        (
            format!("{s},{}", x.replace("[1,4]", "[4]")),
            &[],
            "Expected [-1,4], got [4].",
        ),
        (
            format!("{s},{}", x.replace("[1,4]", "[9223372036854775807,4]")),
            &[],
            "more elements than can be addressed",
        ),
        (
            format!("{s},{}", x.replace("[1,4]", "[1000000000000,4]")),
            &[],
            "Shape does not match true shape of 'data' field",
        ),
        (
            format!("{x},{}", s.replace("[\"a\",\"b\"]", "[\"a\"]")),
            &[],
            "'data' of input 'S'",
        ),
        (
            format!("{x},{s}"),
            &[1],
            "unexpected additional input data for model 'm'",
        ),
        (
            format!(
                "{x},{}",
                s.replace(
                    "\"data\":[\"a\",\"b\"]",
                    "\"parameters\":{\"binary_data_size\":10}"
                )
            ),
            &STRINGS[..7],
            "unexpected size for input 'S', expecting 3 additional bytes for model 'm'",
        ),
        (
            format!(
                "{x},{}",
                s.replace(
                    "\"data\":[\"a\",\"b\"]",
                    "\"parameters\":{\"binary_data_size\":18446744073709551615}"
                )
            ),
            &STRINGS,
            "unexpected size for input 'S'",
        ),
        (
            format!(
                "{x},{}",
                s.replace(
                    "\"data\":[\"a\",\"b\"]",
                    "\"parameters\":{\"binary_data_size\":5}"
                )
            ),
            &STRINGS[..5],
            "expected 2 string elements for inference input 'S' for model 'm', got 1",
        ),
    ] {
        let message = refused(&inputs(&list), &signature, section);
        assert!(message.contains(expected), "{list}\n{message}");
    }
    let message = refused(
        &format!(r#"{{"inputs":[{x},{s}],"outputs":[{{"name":"Q"}}]}}"#),
        &signature,
        &[],
    );
    assert!(
        message.contains("unexpected inference output 'Q' for model 'm'"),
        "{message}"
    );
    let message = refused(&format!(r#"{{"inputs":[{x},{s}]}}"#), &signature, &[]);
    assert!(
        message.contains("sending FP16 data via JSON is not supported"),
        "{message}"
    );
}

#[test]
fn optional_inputs_may_be_left_out() {
    let mut signature = signature(0);
    signature.outputs.pop();
    signature.inputs[1].optional = true;
    let json = r#"{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}"#;
    let request = InferenceRequest::parse(json.as_bytes()).unwrap();
    assert_eq!(plan(&request, &signature, 0).unwrap().inputs.len(), 1);
    let message = refused(r#"{"inputs":[]}"#, &signature, &[]);
    assert!(
        message.contains("expected number of inputs between 1 and 2 but got 0"),
        "{message}"
    );
    let message = refused(
        r#"{"inputs":[{"name":"S","shape":[2],"datatype":"BYTES","data":["a","b"]}]}"#,
        &signature,
        &[],
    );
    assert!(
        message.contains("missing required input(s) ['X']"),
        "{message}"
    );
}

#[test]
fn shared_memory_is_planned_and_not_written() {
    let json = r#"{"inputs":[{"name":"X","shape":[2],"datatype":"INT8",
        "parameters":{"shared_memory_region":"r","shared_memory_byte_size":2}}]}"#;
    let request = InferenceRequest::parse(json.as_bytes()).unwrap();
    let plan = plan(&request, &one_input(DataType::Int8, &[-1], 0), 0).unwrap();
    let error = plan.inputs[0]
        .write(&[], &mut [0; 2], "X", "m")
        .unwrap_err();
    assert_eq!(error.status(), 501);
}

#[test]
fn a_raw_body_takes_the_models_shape() {
    let open = one_input(DataType::Fp32, &[2, -1], 8);
    let plan = plan_raw(&open, &[0; 24]).unwrap();
    assert_eq!(plan.batch_size, 1);
    assert_eq!(plan.inputs[0].shape.as_slice(), [1, 2, 3]);
    assert_eq!(plan.outputs[0].form, OutputForm::Binary);

    let string = one_input(DataType::Bytes, &[1], 0);
    let plan = plan_raw(&string, b"abc").unwrap();
    let mut target = [0; 7];
    plan.inputs[0].write(b"abc", &mut target, "X", "m").unwrap();
    assert_eq!(&target, b"\x03\0\0\0abc");

    for (signature, body, expected) in [
        (open, &[0; 23][..], "input byte size mismatch"),
        (
            one_input(DataType::Int8, &[-1, -1], 0),
            &[0; 4],
            "more than one variable-sized",
        ),
        (
            one_input(DataType::Bytes, &[2], 0),
            &[0; 4],
            "must have input shape [1]",
        ),
        (
            one_input(DataType::Int8, &[4], 0),
            &[0; 3],
            "Expected 4, got 3",
        ),
        (signature(0), &[0; 3], "Raw request must only have 1 input"),
    ] {
        let message = plan_raw(&signature, body).unwrap_err().message;
        assert!(message.contains(expected), "{message}");
    }
}

proptest! {
    #[test]
    fn arbitrary_requests_never_panic(
        shape in prop::collection::vec(0_i64.., 0..4),
        size in prop::option::of(0_u64..64),
        section in prop::collection::vec(any::<u8>(), 0..64),
        data_type in prop::sample::select(DataType::ALL.to_vec()),
        dims in prop::collection::vec(-1_i64..5, 0..3),
        max_batch_size in 0_u32..3,
    ) {
        let source = match size {
            Some(size) => format!(r#""parameters":{{"binary_data_size":{size}}}"#),
            None => r#""data":[1,2,3]"#.to_owned(),
        };
        let json = format!(
            r#"{{"inputs":[{{"name":"X","shape":{shape:?},"datatype":"{data_type}",{source}}}],"parameters":{{"binary_data_output":true}}}}"#
        );
        let request = InferenceRequest::parse(json.as_bytes()).unwrap();
        let signature = one_input(data_type, &dims, max_batch_size);
        if let Ok(plan) = plan(&request, &signature, section.len()) {
            for input in &plan.inputs {
                // Only what the request itself can hold may be asked for.
                prop_assert!(input.byte_size <= 8 * (section.len() + json.len()));
                let _ = input.write(&section, &mut vec![0; input.byte_size], "X", "m");
            }
        }
        let _ = plan_raw(&signature, &section);
    }
}
