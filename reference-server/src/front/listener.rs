//! Listening on a port and accepting connections, for every protocol.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpSocket};
use tokio_rustls::TlsAcceptor;

use super::admission::Admission;
use super::connection::Connection;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Pause after the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A port that is listened on.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Opens a listening socket. With `tls`, its connections begin with a handshake.
    ///
    /// # Errors
    /// A sentence that names the address, the reason and what to do.
    pub fn open(
        purpose: &str,
        flag: &str,
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
    ) -> anyhow::Result<Self> {
        let open = || {
            let socket = if address.is_ipv4() {
                TcpSocket::new_v4()
            } else {
                TcpSocket::new_v6()
            }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let socket = open().map_err(|error: std::io::Error| {
            anyhow::anyhow!(
                "failed to listen for {purpose} on {address}: {error}; free the port or choose another \
                 one with {flag}"
            )
        })?;
        Ok(Self { socket, tls })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits for the next connection. Where the system refuses one, it is asked again after a pause.
    ///
    /// A client that takes no byte of what is sent to it, or is gone without a word, loses its connection
    /// when the port's patience ends: the system waits no longer for it (`TCP_USER_TIMEOUT`).
    pub async fn accept(&self, admission: &Admission) -> Connection {
        let patience = admission.patience();
        let user_timeout = u32::try_from(patience.as_millis()).unwrap_or(u32::MAX);
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => {
                    // Without it, answers are sent with a delay; nothing else goes wrong.
                    stream.set_nodelay(true).ok();
                    // Without it, such a client is waited for as long as the system thinks fit.
                    set_tcp_user_timeout(&stream, user_timeout).ok();
                    return match &self.tls {
                        None => Connection::Plain(stream),
                        Some(tls) => Connection::with_handshake(stream, tls.clone(), patience),
                    };
                }
                Err(error) => {
                    admission.warn(format_args!("failed to accept a connection: {error}"));
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}
