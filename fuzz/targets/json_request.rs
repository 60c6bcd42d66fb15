//! A request whose body is JSON alone.
#![no_main]

use fuzz_targets::{follow, signature};
use libfuzzer_sys::fuzz_target;
use reference_server::protocol::InferenceRequest;
use reference_server::protocol::plan::plan;

fuzz_target!(|body: &[u8]| {
    let signature = signature();
    let Ok(request) = InferenceRequest::parse(body) else {
        return;
    };
    if let Ok(plan) = plan(&request, &signature, 0) {
        follow(&plan, &signature, &[]);
    }
});
