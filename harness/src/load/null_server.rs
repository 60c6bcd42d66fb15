//! A gRPC server that does nothing, to measure what the load generator itself takes; for HTTP the
//! one of the measurements of `harness run` serves.

use std::net::SocketAddr;

use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::net::TcpListener;

/// Starts a server on the current runtime that reads each call to its end and answers with the
/// framed message `answer`; it ends with the runtime. Returns its address.
///
/// # Errors
/// Where no port of 127.0.0.1 can be had.
pub async fn start(answer: Bytes) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                // A connection ends with an error when its client goes away: nobody to tell.
                drop(stream.set_nodelay(true));
                drop(serve(stream, answer).await);
            });
        }
    });
    Ok(address)
}

async fn serve(stream: tokio::net::TcpStream, answer: Bytes) -> Result<(), h2::Error> {
    let mut connection = h2::server::Builder::new()
        .initial_window_size(16 << 20)
        .initial_connection_window_size(128 << 20)
        .handshake(stream)
        .await?;
    while let Some(call) = connection.accept().await {
        let (request, mut respond) = call?;
        let answer = answer.clone();
        tokio::spawn(async move {
            let mut body = request.into_body();
            while let Some(data) = body.data().await {
                let length = data?.len();
                body.flow_control().release_capacity(length)?;
            }
            let mut head = Response::new(());
            head.headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            let mut stream = respond.send_response(head, false)?;
            stream.send_data(answer, false)?;
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            stream.send_trailers(trailers)
        });
    }
    Ok(())
}
