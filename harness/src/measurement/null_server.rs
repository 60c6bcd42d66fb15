//! A server that does nothing, to measure what the load generator itself takes.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Starts a server on the current runtime that reads each request to its end and answers with
/// `answer`; it ends with the runtime. Returns its address.
///
/// # Errors
/// Where no port of 127.0.0.1 can be had.
pub async fn start(answer: Bytes) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        // The listener fails only where the process has no descriptors left; the generator then
        // reports its own failed connection, which names the address.
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                if stream.set_nodelay(true).is_err() {
                    return;
                }
                let service = service_fn(move |request| respond(request, answer.clone()));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A connection ends with an error when its client goes away: nobody to tell.
                drop(connection.await);
            });
        }
    });
    Ok(address)
}

async fn respond(
    request: Request<Incoming>,
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut body = request.into_body();
    while let Some(Ok(_)) = body.frame().await {}
    Ok(Response::new(Full::new(answer)))
}
