//! Free TCP ports.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// First port that is handed out. The range lies below the kernel's ephemeral ports, so that no
/// outgoing connection takes one between the check here and the server's bind.
const FIRST: u32 = 10_000;
/// Number of ports in the range.
const COUNT: u32 = 22_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A TCP port of 127.0.0.1 that nothing listens on. No port is handed out twice by this process
/// before all others of the range were.
///
/// # Errors
/// The whole range is in use.
pub fn free_port() -> io::Result<u16> {
    // Processes that run side by side begin at different places.
    let offset = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(offset) % COUNT;
        let port = (FIRST + number) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("no free TCP port between {FIRST} and {}", FIRST + COUNT - 1),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_distinct() {
        let first = free_port().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
        let second = free_port().unwrap();
        assert_ne!(first, second);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, second)).is_ok());
        drop(listener);
    }
}
