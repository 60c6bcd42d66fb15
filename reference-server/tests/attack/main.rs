//! Clients that mean harm, one kind a file, against a real server process. While each of them does what
//! it can, well-behaved clients go on inferring over both protocols: all their answers come, are right
//! and are not late; and the front's memory stays within bounds.
//!
//! Where a limit in time is what protects the server, it is set low (`--client-timeout`).

#[path = "../support/mod.rs"]
mod support;

#[path = "../grpc/client.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod client;

#[path = "../grpc/request.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod request;

#[path = "../soak/footprint.rs"]
mod footprint;

#[path = "../support/shared_memory.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod shared_memory;

mod bystanders;
mod connection_floods;
mod frame_floods;
mod half_open;
mod http2;
mod incomplete_http;
mod malformed_frames;
mod model_files;
mod outside;
mod oversized_http;
mod pipelining;
mod silent_grpc;
mod smuggling;
mod too_many_calls;
mod unread_answers;
mod victim;
