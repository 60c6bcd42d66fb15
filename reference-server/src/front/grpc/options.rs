//! The flags of the gRPC port. Names are tritonserver's wherever the same thing exists there.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args, ValueEnum};

use crate::front::restriction::Restriction;
use crate::front::tls::options::GrpcTlsOptions;

/// Whether responses are compressed for clients that accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompressionLevel {
    /// They are not.
    None,
    /// As `high`.
    Low,
    /// As `high`.
    Medium,
    /// They are, by zlib's level 6, which Triton uses at each of the three.
    High,
}

/// How gRPC is served.
#[derive(Clone, Debug, Args)]
pub struct GrpcOptions {
    /// Serve gRPC.
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1,
          default_value_t = true, default_missing_value = "true", value_parser = BoolishValueParser::new())]
    pub allow_grpc: bool,
    /// Address for gRPC.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub grpc_address: IpAddr,
    /// Port for gRPC; 0 takes a free one and logs it.
    #[arg(long, value_name = "PORT", default_value_t = 8001)]
    pub grpc_port: u16,
    /// Largest request message, also after decompression.
    #[arg(long, value_name = "BYTES", default_value_t = i32::MAX as u32)]
    pub grpc_max_input_size: u32,
    /// Calls that take the header `triton-grpc-protocol-KEY` with this value; may be given several times.
    #[arg(long, value_name = "API[,API]:KEY=VALUE")]
    pub grpc_restricted_protocol: Vec<Restriction>,
    /// Compression of responses for clients that accept it.
    #[arg(long, value_enum, default_value = "none")]
    pub grpc_infer_response_compression_level: CompressionLevel,
    /// Milliseconds without a frame after which a connection is probed.
    #[arg(long, value_name = "MILLISECONDS", default_value = "7200000", value_parser = milliseconds)]
    pub grpc_keepalive_time: Duration,
    /// Milliseconds that a probed client has to answer before its connection is closed.
    #[arg(long, value_name = "MILLISECONDS", default_value = "20000", value_parser = milliseconds)]
    pub grpc_keepalive_timeout: Duration,
    /// Milliseconds after which a connection takes no new calls; for ever where not given.
    #[arg(long, value_name = "MILLISECONDS", value_parser = milliseconds)]
    pub grpc_max_connection_age: Option<Duration>,
    /// Milliseconds that the calls of such a connection have to finish; for ever where not given.
    #[arg(long, value_name = "MILLISECONDS", value_parser = milliseconds)]
    pub grpc_max_connection_age_grace: Option<Duration>,
    /// Whether it is served over TLS.
    #[command(flatten)]
    pub tls: GrpcTlsOptions,

    /// No effect: connections without calls are probed like others.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", hide = true)]
    pub grpc_keepalive_permit_without_calls: Option<String>,
    /// No effect: only probes are sent, no data waits for them.
    #[arg(long, value_name = "N", hide = true)]
    pub grpc_http2_max_pings_without_data: Option<String>,
    /// No effect: clients may probe as often as they like.
    #[arg(long, value_name = "MILLISECONDS", hide = true)]
    pub grpc_http2_min_recv_ping_interval_without_data: Option<String>,
    /// No effect: clients may probe as often as they like.
    #[arg(long, value_name = "N", hide = true)]
    pub grpc_http2_max_ping_strikes: Option<String>,
    /// No effect: nothing is allocated before a request comes.
    #[arg(long, value_name = "N", hide = true)]
    pub grpc_infer_allocation_pool_size: Option<String>,
    /// No effect: gRPC is served by the threads that serve HTTP.
    #[arg(long, value_name = "N", hide = true)]
    pub grpc_infer_thread_count: Option<String>,
}

impl GrpcOptions {
    /// Flags that were given and that change nothing here, each with the reason.
    pub fn without_effect(&self) -> Vec<(&'static str, &'static str)> {
        const PROBED: &str = "connections without calls are probed like others";
        const FREE: &str = "clients may send as many pings as they like";
        const ON_DEMAND: &str = "nothing is allocated before a request comes";
        const SHARED: &str = "--http-thread-count says how many threads serve both protocols";
        [
            (
                "--grpc-keepalive-permit-without-calls",
                PROBED,
                &self.grpc_keepalive_permit_without_calls,
            ),
            (
                "--grpc-http2-max-pings-without-data",
                PROBED,
                &self.grpc_http2_max_pings_without_data,
            ),
            (
                "--grpc-http2-min-recv-ping-interval-without-data",
                FREE,
                &self.grpc_http2_min_recv_ping_interval_without_data,
            ),
            (
                "--grpc-http2-max-ping-strikes",
                FREE,
                &self.grpc_http2_max_ping_strikes,
            ),
            (
                "--grpc-infer-allocation-pool-size",
                ON_DEMAND,
                &self.grpc_infer_allocation_pool_size,
            ),
            (
                "--grpc-infer-thread-count",
                SHARED,
                &self.grpc_infer_thread_count,
            ),
        ]
        .into_iter()
        .filter(|(_, _, given)| given.is_some())
        .map(|(flag, reason, _)| (flag, reason))
        .collect()
    }
}

/// Reads a positive number of milliseconds.
fn milliseconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(Duration::from_millis(number)),
        _ => Err(format!("'{text}' is no positive number of milliseconds")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command_line::CommandLine;

    fn parse(arguments: &[&str]) -> Result<GrpcOptions, clap::Error> {
        let program = ["reference-server", "--model-repository", "/m"];
        let parsed = CommandLine::try_parse_from([&program, arguments].concat())?;
        Ok(parsed.options.grpc)
    }

    #[test]
    fn a_command_line_of_tritonserver_is_understood() {
        let options = parse(&[
            "--grpc-port=9001",
            "--grpc-keepalive-time=1000",
            "--grpc-keepalive-permit-without-calls=1",
            "--grpc-infer-allocation-pool-size=16",
            "--grpc-infer-response-compression-level=high",
        ])
        .unwrap();
        assert_eq!(options.grpc_port, 9001);
        assert_eq!(options.grpc_keepalive_time, Duration::from_secs(1));
        let ignored: Vec<&str> = options
            .without_effect()
            .into_iter()
            .map(|(flag, _)| flag)
            .collect();
        assert_eq!(
            ignored,
            [
                "--grpc-keepalive-permit-without-calls",
                "--grpc-infer-allocation-pool-size"
            ]
        );
        assert!(parse(&[]).unwrap().without_effect().is_empty());
    }

    #[test]
    fn times_are_positive() {
        for bad in ["0", "-1", "soon"] {
            assert!(parse(&["--grpc-keepalive-time", bad]).is_err(), "{bad}");
        }
    }
}
