//! Where the server is and which protocol it is spoken to with.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// A protocol of KServe v2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 with binary tensors.
    Http,
    /// gRPC over HTTP/2.
    Grpc,
}

impl Protocol {
    /// The name in result files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Grpc => "grpc",
        }
    }

    /// The port of a server of which none is told: Triton's.
    fn port(self) -> u16 {
        match self {
            Self::Http => 8000,
            Self::Grpc => 8001,
        }
    }
}

/// A server as it is typed: `http://127.0.0.1:8000`, `grpcs://server:8001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The protocol.
    pub protocol: Protocol,
    /// Whether it is spoken over TLS.
    pub tls: bool,
    /// Host and port.
    pub authority: String,
}

/// A text that names no server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' names no server: expected http://HOST:PORT or grpc://HOST:PORT, such as \
     http://127.0.0.1:8000, or https:// or grpcs:// for TLS"
)]
pub struct ParseEndpointError {
    text: String,
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseEndpointError {
            text: text.to_owned(),
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(error)?;
        let (protocol, tls) = match scheme {
            "http" => (Protocol::Http, false),
            "https" => (Protocol::Http, true),
            "grpc" => (Protocol::Grpc, false),
            "grpcs" => (Protocol::Grpc, true),
            _ => return Err(error()),
        };
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let is_bare = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-_:[]".contains(c));
        if !is_bare {
            return Err(error());
        }
        // The colons of an IPv6 address stand in brackets.
        let behind = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
        let authority = match behind.rsplit_once(':') {
            Some((_, port)) => {
                port.parse::<u16>().map_err(|_| error())?;
                host.to_owned()
            }
            None => format!("{host}:{}", protocol.port()),
        };
        Ok(Self {
            protocol,
            tls,
            authority,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, tls) = (self.protocol.name(), if self.tls { "s" } else { "" });
        write!(f, "{name}{tls}://{}", self.authority)
    }
}

impl Endpoint {
    /// The host alone, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.authority.rsplit_once(':').map_or("", |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The first address that the name stands for.
    ///
    /// # Errors
    /// The name is not known.
    pub fn resolve(&self) -> std::io::Result<SocketAddr> {
        let mut addresses = self.authority.to_socket_addrs()?;
        addresses
            .next()
            .ok_or_else(|| std::io::Error::other("the name stands for no address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_missing_port_is_the_protocols_own() {
        let told = |text: &str| text.parse::<Endpoint>().unwrap().to_string();
        assert_eq!(told("http://localhost"), "http://localhost:8000");
        assert_eq!(told("grpc://server.example/"), "grpc://server.example:8001");
        assert_eq!(told("grpc://[::1]"), "grpc://[::1]:8001");
        assert_eq!(told("http://[::1]:80"), "http://[::1]:80");
        assert_eq!(told("https://localhost"), "https://localhost:8000");
        assert_eq!(told("grpcs://localhost:1"), "grpcs://localhost:1");
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "localhost:8000",
            "httpss://localhost",
            "http://",
            "http://host:port",
            "http://host:8000/v2",
            "http://host:70000",
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.to_string().contains("grpc://HOST:PORT"), "{text}");
        }
    }

    #[test]
    fn a_host_is_without_port_and_brackets() {
        let host = |text: &str| text.parse::<Endpoint>().unwrap().host().to_owned();
        assert_eq!(host("https://server.example:1"), "server.example");
        assert_eq!(host("grpcs://[::1]"), "::1");
        assert_eq!(host("grpcs://127.0.0.1"), "127.0.0.1");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,40}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert_eq!(endpoint.to_string().parse::<Endpoint>().unwrap(), endpoint);
            }
        }

        #[test]
        fn what_is_printed_is_read_back(host in "[a-z][a-z0-9.-]{0,12}", port: u16) {
            let text = format!("grpc://{host}:{port}");
            prop_assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }
}
