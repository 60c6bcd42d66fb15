//! TLS of the HTTP and the gRPC port: flags, and the certificates that they name.

pub mod acceptor;
pub mod error;
pub mod options;
