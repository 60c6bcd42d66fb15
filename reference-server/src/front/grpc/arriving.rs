//! Bodies of calls, whose messages must not stop in the middle.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

/// Bytes in front of each message: whether it is compressed, and its length.
const PREFIX: usize = 5;
/// Bytes of a message that must have come before it is handed on, as memory for all of it is taken then:
/// a length costs the client nothing.
const EARNEST: usize = 256 << 10;

/// The body of a call, which ends with an error where a message stops coming before it is whole. Between
/// two messages a client may take its time.
pub struct Arriving {
    body: Body,
    patience: Duration,
    message: Message,
    /// The beginning of a large message.
    held: VecDeque<Bytes>,
    /// Runs while a message is not whole and nothing comes.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    /// The body `body` of a client that may pause for `patience` within a message.
    pub fn new(body: Body, patience: Duration) -> Self {
        Self {
            body,
            patience,
            message: Message::default(),
            held: VecDeque::new(),
            timer: None,
        }
    }

    /// Takes in what came. Gives what may be handed on at once.
    fn take(&mut self, mut data: Bytes) -> Option<Bytes> {
        let begin = self.message.take(&data);
        if !self.message.is_held() && self.held.is_empty() {
            return Some(data);
        }
        // What belongs to earlier messages does not wait for this one.
        let earlier = data.split_to(begin);
        self.held.push_back(data);
        (!earlier.is_empty()).then_some(earlier)
    }

    /// Waits, within a message, for as long as the client may pause.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<Status> {
        if !self.message.is_partial() {
            return Poll::Pending;
        }
        let patience = self.patience;
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(sleep(patience)))
            .as_mut();
        timer.poll(context).map(|()| {
            Status::deadline_exceeded(format!(
                "the request message stopped coming for {} s before it was whole",
                patience.as_secs_f64()
            ))
        })
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if !this.message.is_held()
                && let Some(data) = this.held.pop_front()
            {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            let polled = Pin::new(&mut this.body).poll_frame(context);
            let Poll::Ready(next) = polled else {
                return this.wait(context).map(|status| Some(Err(status)));
            };
            this.timer = None;
            let frame = match next {
                Some(Ok(frame)) => frame,
                // The message is cut off, and what came of it tells nobody anything.
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => {
                    if let Some(data) = this.take(data) {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.body.is_end_stream()
    }
}

/// How much of a message has come.
#[derive(Debug, Default)]
struct Message {
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    begun: usize,
    /// Length of the message after it.
    length: usize,
    /// Bytes of that message that have not come.
    missing: usize,
}

impl Message {
    /// Takes note of what came. Gives where in it the last message begins; 0 where that is earlier.
    fn take(&mut self, data: &[u8]) -> usize {
        let whole = data.len();
        let mut data = data;
        let mut begin = 0;
        while !data.is_empty() {
            let part = if self.missing > 0 {
                let part = self.missing.min(data.len());
                self.missing -= part;
                part
            } else {
                if self.begun == 0 {
                    begin = whole - data.len();
                }
                let part = (PREFIX - self.begun).min(data.len());
                self.prefix[self.begun..self.begun + part].copy_from_slice(&data[..part]);
                self.begun += part;
                if self.begun == PREFIX {
                    let [_, length @ ..] = self.prefix;
                    self.length = u32::from_be_bytes(length) as usize;
                    self.missing = self.length;
                    self.begun = 0;
                }
                part
            };
            data = &data[part..];
        }
        begin
    }

    /// Whether it is large and too little of it came to take memory for it.
    fn is_held(&self) -> bool {
        self.missing > 0 && self.length > EARNEST && self.length - self.missing < EARNEST
    }

    fn is_partial(&self) -> bool {
        self.begun > 0 || self.missing > 0
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, StreamBody};
    use proptest::prelude::*;
    use tokio::sync::mpsc;

    use super::*;

    proptest! {
        #[test]
        fn messages_are_told_apart_however_they_are_cut(
            lengths in prop::collection::vec(0usize..50, 1..8),
            cuts in prop::collection::vec(1usize..20, 1..8),
        ) {
            let mut bytes = Vec::new();
            let mut ends = vec![0];
            for length in lengths {
                bytes.push(0);
                bytes.extend((length as u32).to_be_bytes());
                bytes.extend(vec![7; length]);
                ends.push(bytes.len());
            }
            let mut message = Message::default();
            let mut position = 0;
            for cut in cuts.iter().cycle() {
                let end = (position + cut).min(bytes.len());
                let begin = position + message.take(&bytes[position..end]);
                prop_assert!(begin == position || ends.contains(&begin));
                position = end;
                prop_assert_eq!(message.is_partial(), !ends.contains(&position));
                if end == bytes.len() {
                    break;
                }
            }
        }
    }

    /// A body, and where its data is given in.
    fn body() -> (mpsc::Sender<Bytes>, Arriving) {
        let (sender, receiver) = mpsc::channel::<Bytes>(64);
        let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
            let data = receiver.recv().await?;
            Some((Ok::<_, Status>(Frame::data(data)), receiver))
        });
        let body = Body::new(StreamBody::new(Box::pin(frames)));
        (sender, Arriving::new(body, PATIENCE))
    }

    const PATIENCE: Duration = Duration::from_millis(400);

    #[tokio::test]
    async fn a_large_message_waits_until_some_of_it_came() {
        let (sender, mut arriving) = body();
        let length = 4 * EARNEST;
        let small = [0, 0, 0, 0, 2, 8, 8];
        let mut bytes = [&small[..], &[0], &(length as u32).to_be_bytes()].concat();
        bytes.resize(bytes.len() + length, 7);
        let mut parts = bytes.chunks(EARNEST / 4).map(Bytes::copy_from_slice);
        sender.send(parts.next().unwrap()).await.unwrap();
        let first = arriving.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), small[..]);
        let waits = tokio::time::timeout(PATIENCE / 10, arriving.frame()).await;
        assert!(waits.is_err());
        let sending = async {
            for part in parts {
                sender.send(part).await.unwrap();
            }
            drop(sender);
        };
        let ((), rest) = tokio::join!(sending, arriving.collect());
        assert_eq!(rest.unwrap().to_bytes(), bytes[small.len()..]);
    }

    #[tokio::test]
    async fn a_client_may_pause_between_messages_alone() {
        let (sender, mut arriving) = body();
        let client = async {
            tokio::time::sleep(2 * PATIENCE).await;
            for part in [&[0, 0, 0][..], &[0, 3, 1], &[1, 1]] {
                sender.send(Bytes::copy_from_slice(part)).await.unwrap();
                tokio::time::sleep(PATIENCE / 10).await;
            }
            tokio::time::sleep(2 * PATIENCE).await;
            sender.send(Bytes::from_static(&[0])).await.unwrap();
        };
        let server = async {
            for _ in 0..4 {
                arriving.frame().await.unwrap().unwrap();
            }
            arriving.frame().await.unwrap().unwrap_err()
        };
        let ((), error) = tokio::join!(client, server);
        assert_eq!(error.code(), tonic::Code::DeadlineExceeded);
    }
}
