//! Listening on a port and accepting connections, for every protocol.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::admission::Admission;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// Pause after the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Opens a listening socket.
///
/// # Errors
/// A sentence that names the address, the reason and what to do.
pub fn listen(purpose: &str, flag: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
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
    open().map_err(|error: std::io::Error| {
        anyhow::anyhow!(
            "failed to listen for {purpose} on {address}: {error}; free the port or choose another \
             one with {flag}"
        )
    })
}

/// Waits for the next connection. Where the system refuses one, it is asked again after a pause.
///
/// A client that takes no byte of what is sent to it, or is gone without a word, loses its connection
/// when the port's patience ends: the system waits no longer for it (`TCP_USER_TIMEOUT`).
pub async fn accept(listener: &TcpListener, admission: &Admission) -> TcpStream {
    let patience = u32::try_from(admission.patience().as_millis()).unwrap_or(u32::MAX);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Without it, answers are sent with a delay; nothing else goes wrong.
                stream.set_nodelay(true).ok();
                // Without it, such a client is waited for as long as the system thinks fit.
                set_tcp_user_timeout(&stream, patience).ok();
                return stream;
            }
            Err(error) => {
                admission.warn(format_args!("failed to accept a connection: {error}"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
