//! A connection of a client, with TLS or without.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client whose handshake failed is listened to, so that it gets to know why.
const FAREWELL: Duration = Duration::from_secs(1);

/// A connection of a client.
///
/// A handshake goes on where the connection is read or written first: in the task that serves it, so
/// that who accepts connections waits for none. Without TLS a read is the socket's behind one comparison.
pub enum Connection {
    /// Without TLS.
    Plain(TcpStream),
    /// With TLS that is still being agreed on.
    Handshake(Handshake),
    /// With TLS. Large, and therefore not here.
    Tls(Box<TlsStream<TcpStream>>),
    /// The handshake failed, or was given up.
    Closed,
}

type Handshake = Pin<Box<dyn Future<Output = io::Result<TlsStream<TcpStream>>> + Send>>;

impl Connection {
    /// A connection whose client has yet to begin a handshake, and `patience` to end it.
    pub fn with_handshake(stream: TcpStream, acceptor: TlsAcceptor, patience: Duration) -> Self {
        Self::Handshake(Box::pin(handshake(stream, acceptor, patience)))
    }

    /// Waits for the end of the handshake, where there is one.
    fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Self::Handshake(handshake) = self {
            match ready!(handshake.as_mut().poll(context)) {
                Ok(stream) => *self = Self::Tls(Box::new(stream)),
                Err(error) => {
                    *self = Self::Closed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

async fn handshake(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    patience: Duration,
) -> io::Result<TlsStream<TcpStream>> {
    let accepted = tokio::time::timeout(patience, acceptor.accept(stream).into_fallible());
    let error = match accepted.await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err((error, stream))) => {
            tokio::time::timeout(FAREWELL, farewell(stream)).await.ok();
            error
        }
        Err(_) => io::ErrorKind::TimedOut.into(),
    };
    tracing::debug!("a TLS handshake failed: {error}");
    Err(error)
}

/// Closes a connection so that the alert which says what is wrong arrives: with bytes in the socket that
/// nobody has read, the system would reset it.
async fn farewell(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}

fn closed() -> io::Error {
    io::ErrorKind::NotConnected.into()
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Self::Plain(stream) = &mut *self {
            return Pin::new(stream).poll_read(context, buffer);
        }
        ready!(self.poll_handshake(context))?;
        match &mut *self {
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
            // The end, as of every closed connection.
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Self::Plain(stream) = &mut *self {
            return Pin::new(stream).poll_write(context, bytes);
        }
        ready!(self.poll_handshake(context))?;
        match &mut *self {
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
            _ => Poll::Ready(Err(closed())),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Self::Plain(stream) = &mut *self {
            return Pin::new(stream).poll_write_vectored(context, slices);
        }
        ready!(self.poll_handshake(context))?;
        match &mut *self {
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            _ => Poll::Ready(Err(closed())),
        }
    }

    /// Both kinds take several slices at once. This is asked before the handshake has ended.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            // Nothing has been written yet.
            Self::Handshake(_) | Self::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Handshake(_) | Self::Closed => {
                *self = Self::Closed;
                Poll::Ready(Ok(()))
            }
        }
    }
}
