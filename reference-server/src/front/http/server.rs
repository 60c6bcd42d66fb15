//! Connections, and their orderly end.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use super::answer::refusal;
use super::body::Parts;
use crate::front::admission::Admission;
use crate::front::connection::Connection;
use crate::front::listener::Listener;
use crate::protocol::{ErrorKind, RequestError};

/// Largest head of a request, and largest trailers, in bytes.
const LARGEST_HEAD: usize = 64 << 10;
/// How long a client that still sends after its response may pause.
const LINGER_PAUSE: Duration = Duration::from_secs(2);
/// How long such a client is listened to.
const LINGER_TOTAL: Duration = Duration::from_secs(30);
/// Bytes of it that are read at a time.
const LINGER_BUFFER: usize = 16 << 10;

/// Serves connections that `admission` lets in until `stop` turns true; then finishes the requests
/// under way.
pub async fn serve<H, F>(
    listener: Listener,
    admission: Arc<Admission>,
    handler: Arc<H>,
    mut stop: watch::Receiver<bool>,
) where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Parts>> + Send,
{
    let (open, mut closed) = tokio::sync::mpsc::channel::<Infallible>(1);
    loop {
        let stream = tokio::select! {
            stream = listener.accept(&admission) => stream,
            () = stopped(&mut stop) => break,
        };
        let Some(place) = admission.admit() else {
            turn_away(stream, &admission);
            continue;
        };
        let patience = admission.patience();
        let handler = handler.clone();
        let mut stop = stop.clone();
        let open = open.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let handler = handler.clone();
                Box::pin(async move { Ok::<_, Infallible>(handler(request).await) })
            });
            let mut connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(patience)
                .max_header_size(LARGEST_HEAD)
                .serve_connection(TokioIo::new(stream), service);
            let mut ending = false;
            let result = loop {
                tokio::select! {
                    result = poll_fn(|context| connection.poll_without_shutdown(context)) => break result,
                    () = stopped(&mut stop), if !ending => {
                        ending = true;
                        std::pin::Pin::new(&mut connection).graceful_shutdown();
                    }
                }
            };
            // Who let its time pass was not answered, and gets no more of it.
            let mut lingers = true;
            if let Err(error) = result {
                tracing::debug!("a connection ended early: {error}");
                lingers = !error.is_timeout();
            }
            if lingers {
                let stream = connection.into_parts().io.into_inner();
                tokio::select! {
                    () = linger(stream) => {}
                    () = stopped(&mut stop) => {}
                }
            }
            drop((open, place));
        });
    }
    drop(listener);
    drop(open);
    // Ends when the last connection has dropped its sender.
    let _: Option<Infallible> = closed.recv().await;
}

/// Waits until the server is told to stop, or is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// Tells a client that there is no place for its connection, unless many others are being told.
fn turn_away(mut stream: Connection, admission: &Admission) {
    let Some(told) = admission.refuse() else {
        return;
    };
    let error = RequestError::new(ErrorKind::Unavailable, admission.refusal());
    let response = refusal(&error).map(|_| error.body());
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        response.status(),
        response.body().len()
    );
    tokio::spawn(async move {
        let answer = [head.as_bytes(), response.body()].concat();
        let farewell = async {
            if stream.write_all(&answer).await.is_ok() {
                linger(stream).await;
            }
        };
        tokio::time::timeout(LINGER_PAUSE, farewell).await.ok();
        drop(told);
    });
}

/// Closes a connection so that the last response arrives.
///
/// A request that is refused before its body was read leaves bytes in the socket. Closing it then
/// makes the system reset the connection, and the client, still sending, never sees the response.
/// So the rest is read and thrown away, for a bounded time.
async fn linger(mut stream: Connection) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let rest = async {
        let mut scratch = vec![0; LINGER_BUFFER];
        while let Ok(Ok(1..)) = tokio::time::timeout(LINGER_PAUSE, stream.read(&mut scratch)).await
        {
        }
    };
    tokio::time::timeout(LINGER_TOTAL, rest).await.ok();
}
