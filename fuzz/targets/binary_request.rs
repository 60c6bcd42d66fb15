//! A request of JSON and a binary section. What the header would say about where the one ends stands
//! in the first line.
#![no_main]

use fuzz_targets::{follow, signature};
use libfuzzer_sys::fuzz_target;
use reference_server::protocol::InferenceRequest;
use reference_server::protocol::body::{Form, split};
use reference_server::protocol::plan::{plan, plan_raw};

fuzz_target!(|input: &[u8]| {
    let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
        return;
    };
    let Ok(header) = std::str::from_utf8(&input[..end]) else {
        return;
    };
    let body = &input[end + 1..];
    let signature = signature();
    match split(Some(header), body.len()) {
        Ok(Form::Json(length)) => {
            let (json, section) = body.split_at(length);
            let Ok(request) = InferenceRequest::parse(json) else {
                return;
            };
            if let Ok(plan) = plan(&request, &signature, section.len()) {
                follow(&plan, &signature, section);
            }
        }
        Ok(Form::Raw) => {
            let mut signature = signature;
            signature.inputs.truncate(1);
            if let Ok(plan) = plan_raw(&signature, body) {
                follow(&plan, &signature, body);
            }
        }
        Err(_) => {}
    }
});
