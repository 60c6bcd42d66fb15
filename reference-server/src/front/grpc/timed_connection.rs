//! A connection with the time limits that HTTP/2 does not have itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};
use tonic::transport::server::Connected;

use super::answers::Answers;
use crate::front::admission::Place;

/// Bytes with which every client begins: the preface and the head of the SETTINGS frame that follows it
/// (RFC 9113, section 3.4).
const BEGINNING: usize = 24 + 9;

/// A connection that ends with an error when its client does not begin in time, or does not take an
/// answer in time.
pub struct TimedConnection<S> {
    stream: S,
    patience: Duration,
    opened: Instant,
    /// Bytes of the beginning that have not come.
    missing: usize,
    answers: Answers,
    /// Fires when one of the limits may have been reached.
    timer: Pin<Box<Sleep>>,
    _place: Place,
}

impl<S> TimedConnection<S> {
    /// The connection `stream`, which has this place. The client has `patience` to begin and for each
    /// part of an answer.
    pub fn new(stream: S, patience: Duration, place: Place) -> Self {
        Self {
            stream,
            patience,
            opened: Instant::now(),
            missing: BEGINNING,
            answers: Answers::default(),
            timer: Box::pin(sleep(patience)),
            _place: place,
        }
    }

    /// When the client must have done something; `None` where nothing is expected of it.
    fn due(&self) -> Option<Instant> {
        let since = match self.missing {
            0 => self.answers.oldest()?,
            _ => self.opened,
        };
        Some(since + self.patience)
    }

    /// Waits for a limit to be reached.
    fn poll_limit(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let Some(due) = self.due() else {
            return Poll::Pending;
        };
        if self.timer.deadline() > due {
            self.timer.as_mut().reset(due);
        }
        // It may have been set for an answer that is gone.
        while self.timer.as_mut().poll(context).is_ready() {
            match self.due() {
                None => return Poll::Pending,
                Some(due) if due <= Instant::now() => {
                    return Poll::Ready(io::ErrorKind::TimedOut.into());
                }
                Some(due) => self.timer.as_mut().reset(due),
            }
        }
        Poll::Pending
    }
}

impl<S> Connected for TimedConnection<S> {
    type ConnectInfo = Answers;

    fn connect_info(&self) -> Answers {
        self.answers.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedConnection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_pending() {
            return self.poll_limit(context).map(Err);
        }
        let came = buffer.filled().len() - before;
        self.missing = self.missing.saturating_sub(came);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedConnection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::front::admission::Admission;

    const PATIENCE: Duration = Duration::from_millis(400);

    fn connection() -> (TimedConnection<DuplexStream>, DuplexStream) {
        let (server, client) = duplex(1024);
        let place = Admission::new("gRPC", 1, PATIENCE).admit().unwrap();
        (TimedConnection::new(server, PATIENCE, place), client)
    }

    #[tokio::test]
    async fn a_client_must_begin_in_time() {
        for sent in [0, 1, BEGINNING - 1] {
            let (mut connection, mut client) = connection();
            let start = Instant::now();
            client.write_all(&vec![0; sent]).await.unwrap();
            let mut read = Vec::new();
            let error = connection.read_to_end(&mut read).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(read.len(), sent);
            let elapsed = start.elapsed();
            assert!(elapsed >= PATIENCE, "{elapsed:?}");
        }
    }

    #[tokio::test]
    async fn a_client_that_began_may_be_idle_and_must_take_its_answers() {
        let (mut connection, mut client) = connection();
        let answers = connection.connect_info();
        client.write_all(&[0; BEGINNING]).await.unwrap();
        connection.read_exact(&mut [0; BEGINNING]).await.unwrap();
        // Idle, and then an answer that is taken in time.
        let taken = async {
            tokio::time::sleep(2 * PATIENCE).await;
            let delivery = answers.begin();
            client.write_all(&[1]).await.unwrap();
            tokio::time::sleep(PATIENCE / 10).await;
            drop(delivery);
            tokio::time::sleep(2 * PATIENCE).await;
            client.write_all(&[2]).await.unwrap();
        };
        let (read, ()) = tokio::join!(
            async {
                let mut read = [0; 2];
                connection.read_exact(&mut read).await.unwrap();
                read
            },
            taken
        );
        assert_eq!(read, [1, 2]);
        let _delivery = answers.begin();
        let start = Instant::now();
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= PATIENCE);
    }
}
