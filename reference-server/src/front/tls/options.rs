//! The flags of TLS. Those for gRPC are tritonserver's; tritonserver serves HTTP without TLS, so that
//! those for HTTP only follow their names.

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

/// Whether and how HTTP is served over TLS.
#[derive(Clone, Debug, Default, Args)]
pub struct HttpTlsOptions {
    /// Serve HTTP over TLS.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub http_use_ssl: bool,
    /// Serve HTTP over TLS to clients that show a certificate of --http-root-cert.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub http_use_ssl_mutual: bool,
    /// The certificate that HTTP is served with, and those between it and its authority (PEM).
    #[arg(long, value_name = "FILE")]
    pub http_server_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM).
    #[arg(long, value_name = "FILE")]
    pub http_server_key: Option<PathBuf>,
    /// The authorities of which clients show a certificate (PEM).
    #[arg(long, value_name = "FILE")]
    pub http_root_cert: Option<PathBuf>,
}

/// Whether and how gRPC is served over TLS.
#[derive(Clone, Debug, Default, Args)]
pub struct GrpcTlsOptions {
    /// Serve gRPC over TLS.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub grpc_use_ssl: bool,
    /// Serve gRPC over TLS to clients that show a certificate of --grpc-root-cert.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = false, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub grpc_use_ssl_mutual: bool,
    /// The certificate that gRPC is served with, and those between it and its authority (PEM).
    #[arg(long, value_name = "FILE")]
    pub grpc_server_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM).
    #[arg(long, value_name = "FILE")]
    pub grpc_server_key: Option<PathBuf>,
    /// The authorities of which clients show a certificate (PEM).
    #[arg(long, value_name = "FILE")]
    pub grpc_root_cert: Option<PathBuf>,
}

/// The flags of one port, without the protocol in their names.
#[derive(Clone, Copy, Debug)]
pub struct TlsOptions<'a> {
    /// `http` or `grpc`: how the flags begin.
    pub prefix: &'static str,
    /// The protocol that clients may agree on (RFC 7301).
    pub application_protocol: &'static [u8],
    /// `…-use-ssl`
    pub use_ssl: bool,
    /// `…-use-ssl-mutual`
    pub mutual: bool,
    /// `…-server-cert`
    pub certificate: Option<&'a Path>,
    /// `…-server-key`
    pub key: Option<&'a Path>,
    /// `…-root-cert`
    pub roots: Option<&'a Path>,
}

impl HttpTlsOptions {
    /// As they are for both protocols.
    pub fn tls(&self) -> TlsOptions<'_> {
        TlsOptions {
            prefix: "http",
            application_protocol: b"http/1.1",
            use_ssl: self.http_use_ssl,
            mutual: self.http_use_ssl_mutual,
            certificate: self.http_server_cert.as_deref(),
            key: self.http_server_key.as_deref(),
            roots: self.http_root_cert.as_deref(),
        }
    }
}

impl GrpcTlsOptions {
    /// As they are for both protocols.
    pub fn tls(&self) -> TlsOptions<'_> {
        TlsOptions {
            prefix: "grpc",
            application_protocol: b"h2",
            use_ssl: self.grpc_use_ssl,
            mutual: self.grpc_use_ssl_mutual,
            certificate: self.grpc_server_cert.as_deref(),
            key: self.grpc_server_key.as_deref(),
            roots: self.grpc_root_cert.as_deref(),
        }
    }
}

impl TlsOptions<'_> {
    /// A flag's whole name.
    pub fn flag(&self, name: &str) -> String {
        format!("--{}-{name}", self.prefix)
    }

    /// Whether the port is served over TLS. Mutual TLS is TLS, also without the other flag, as in
    /// tritonserver.
    pub const fn is_on(&self) -> bool {
        self.use_ssl || self.mutual
    }
}
