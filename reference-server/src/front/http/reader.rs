//! Reads a request body piece by piece, so that tensors go straight to where they are used.

use std::fmt;

use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

use crate::front::inference::InputBytes;
use crate::protocol::{ErrorKind, RequestError};

/// The answer to a body that stopped coming for `pause`.
pub fn stalled(pause: Duration) -> RequestError {
    RequestError::new(
        ErrorKind::Stalled,
        format!(
            "the request body stopped coming for {} s before it was whole",
            pause.as_secs_f64()
        ),
    )
}

/// A body of known length of which a part may have arrived.
pub struct Reader<B> {
    arrived: Bytes,
    rest: Option<B>,
    /// How long the client may pause.
    pause: Duration,
}

impl<B> Reader<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: fmt::Display,
{
    /// A body that is still to come, from a client that may pause so long within it.
    pub fn streaming(body: B, pause: Duration) -> Self {
        Self {
            arrived: Bytes::new(),
            rest: Some(body),
            pause,
        }
    }

    /// A body that is all there.
    pub fn complete(body: Bytes) -> Self {
        Self {
            arrived: body,
            rest: None,
            pause: Duration::ZERO,
        }
    }

    /// Waits for more bytes.
    async fn receive(&mut self) -> Result<(), RequestError> {
        let frame = match &mut self.rest {
            Some(body) => tokio::time::timeout(self.pause, body.frame())
                .await
                .map_err(|_| stalled(self.pause))?,
            None => None,
        };
        match frame {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.arrived = data;
                }
                Ok(())
            }
            Some(Err(error)) => Err(RequestError::invalid(format!(
                "the request body did not arrive whole: {error}"
            ))),
            None => Err(RequestError::invalid(
                "the request body is shorter than announced",
            )),
        }
    }

    /// The next `length` bytes in one piece, without a copy where they arrived in one.
    ///
    /// # Errors
    /// 400 where the body ends before.
    pub async fn take(&mut self, length: usize) -> Result<Bytes, RequestError> {
        while self.arrived.is_empty() && length > 0 {
            self.receive().await?;
        }
        if self.arrived.len() >= length {
            return Ok(self.arrived.split_to(length));
        }
        // Grows with what arrives, not with what was announced.
        let mut joined = BytesMut::from(&*self.arrived);
        self.arrived.clear();
        while joined.len() < length {
            self.receive().await?;
            let part = self.arrived.len().min(length - joined.len());
            joined.extend_from_slice(&self.arrived.split_to(part));
        }
        Ok(joined.freeze())
    }
}

impl<B> InputBytes for Reader<B>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: fmt::Display + Send,
{
    async fn fill(&mut self, mut target: &mut [u8]) -> Result<(), RequestError> {
        while !target.is_empty() {
            if self.arrived.is_empty() {
                self.receive().await?;
                continue;
            }
            let part = self.arrived.len().min(target.len());
            let (now, later) = target.split_at_mut(part);
            now.copy_from_slice(&self.arrived[..part]);
            self.arrived.advance(part);
            target = later;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use proptest::prelude::*;

    fn body(
        parts: Vec<Vec<u8>>,
    ) -> impl Body<Data = Bytes, Error = std::convert::Infallible> + Unpin + Send {
        StreamBody::new(futures_util::stream::iter(
            parts
                .into_iter()
                .map(|part| Ok(Frame::data(Bytes::from(part)))),
        ))
    }

    proptest! {
        #[test]
        fn any_pieces_give_the_same_bytes(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..10),
            cut in 0usize..100,
        ) {
            let whole = parts.concat();
            let cut = cut.min(whole.len());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let mut reader = Reader::streaming(body(parts), Duration::from_secs(60));
                let head = reader.take(cut).await.unwrap();
                let mut tail = vec![0; whole.len() - cut];
                reader.fill(&mut tail).await.unwrap();
                assert_eq!([&head[..], &tail].concat(), whole);
                assert!(reader.take(1).await.is_err());
                assert!(reader.fill(&mut [0]).await.is_err());
            });
        }
    }
}
