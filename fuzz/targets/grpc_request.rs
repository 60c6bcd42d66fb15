//! A request that comes as a protobuf message.
#![no_main]

use fuzz_targets::{follow, signature};
use libfuzzer_sys::fuzz_target;
use prost::Message;
use proto::inference::ModelInferRequest;
use reference_server::protocol::message;
use reference_server::protocol::plan::plan;

fuzz_target!(|bytes: &[u8]| {
    let signature = signature();
    let Ok(received) = ModelInferRequest::decode(bytes) else {
        return;
    };
    let Ok((request, sections)) = message::read(&received) else {
        return;
    };
    let section = sections.concat();
    if let Ok(plan) = plan(&request, &signature, section.len()) {
        follow(&plan, &signature, &section);
    }
});
