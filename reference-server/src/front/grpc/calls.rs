//! Which calls are under way, so that the end of the server waits for them and not for clients that keep
//! a connection open; and clients that do not get on with a call, which are not waited for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::NamedService;

use super::answers::{Answers, Delivery};
use super::arriving::Arriving;

/// The number of calls under way.
#[derive(Clone, Debug, Default)]
pub struct Calls(watch::Sender<usize>);

impl Calls {
    fn begin(&self) -> Call {
        self.0.send_modify(|calls| *calls += 1);
        Call(self.clone())
    }

    /// Waits until no call is under way.
    pub async fn finished(&self) {
        // It cannot fail: this holds the sender.
        self.0.subscribe().wait_for(|calls| *calls == 0).await.ok();
    }
}

/// One call, until its response was handed to the connection or the client gave it up.
struct Call(Calls);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.send_modify(|calls| *calls -= 1);
    }
}

/// A service whose calls are counted, and whose clients must get on with them.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    service: S,
    calls: Calls,
    patience: Duration,
}

impl<S> Counted<S> {
    /// Counts the calls of `service` in `calls`. A client may pause for `patience` within a message.
    pub fn new(service: S, calls: Calls, patience: Duration) -> Self {
        Self {
            service,
            calls,
            patience,
        }
    }
}

impl<S: NamedService> NamedService for Counted<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let call = self.calls.begin();
        // The connection tells it; without one nobody waits for a client.
        let answers = request.extensions().get::<Answers>().cloned();
        let answers = answers.unwrap_or_default();
        let patience = self.patience;
        let request = request.map(|body| Body::new(Arriving::new(body, patience)));
        let response = self.service.call(request);
        Box::pin(async move {
            let counted = |body| {
                Body::new(CountedBody {
                    body,
                    delivery: answers.begin(),
                    _call: call,
                })
            };
            Ok(response.await?.map(counted))
        })
    }
}

/// The body of a response, which is part of its call.
struct CountedBody {
    body: Body,
    delivery: Delivery,
    _call: Call,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        // HTTP/2 asks for the next part once the client is willing to receive it.
        self.delivery.taken();
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(_))) = &polled {
            self.delivery.waits();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
