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

use super::body::Parts;
use crate::front::connection::{Connection, PATIENCE};
use crate::front::listener::Listener;

/// How long a client that still sends after its response may pause.
const LINGER_PAUSE: Duration = Duration::from_secs(2);
/// How long such a client is listened to.
const LINGER_TOTAL: Duration = Duration::from_secs(30);

/// Serves connections until `stop` turns true; then finishes the requests under way.
pub async fn serve<H, F>(listener: Listener, handler: Arc<H>, mut stop: watch::Receiver<bool>)
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response<Parts>> + Send,
{
    let (open, mut closed) = tokio::sync::mpsc::channel::<Infallible>(1);
    loop {
        let stream = tokio::select! {
            stream = listener.accept() => stream,
            () = stopped(&mut stop) => break,
        };
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
                .header_read_timeout(PATIENCE)
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
            if let Err(error) = result {
                tracing::debug!("a connection ended early: {error}");
            }
            let stream = connection.into_parts().io.into_inner();
            tokio::select! {
                () = linger(stream) => {}
                () = stopped(&mut stop) => {}
            }
            drop(open);
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
        let mut scratch = vec![0; 64 * 1024];
        while let Ok(Ok(1..)) = tokio::time::timeout(LINGER_PAUSE, stream.read(&mut scratch)).await
        {
        }
    };
    tokio::time::timeout(LINGER_TOTAL, rest).await.ok();
}
