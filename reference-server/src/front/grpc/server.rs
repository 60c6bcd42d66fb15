//! Serving calls, and their orderly end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, stream};
use proto::health::health_server::HealthServer;
use proto::inference::grpc_inference_service_server::GrpcInferenceServiceServer;
use tokio::sync::watch;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;

use super::calls::{Calls, Counted};
use super::health::HealthService;
use super::inference_service::InferenceService;
use super::options::{CompressionLevel, GrpcOptions};
use super::restricted::Restricted;
use super::timed_connection::TimedConnection;
use crate::front::admission::Admission;
use crate::front::connection::Connection;
use crate::front::listener::Listener;
use crate::front::service::Service;

/// Calls of one connection at the same time; a client holds more back until one has ended.
const CALLS: u32 = 1024;
/// Bytes of one call that may be on their way without the server having read them. A tensor of a
/// megabyte then comes without waiting for the server to ask for the rest.
const CALL_WINDOW: u32 = 4 << 20;
/// The same for all calls of a connection together.
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Largest frame that a client may send. With the protocol's default of 16 KiB, a tensor of a megabyte
/// comes in 64 pieces.
const FRAME: u32 = 1 << 20;

/// Time that clients without a call have to close their connections at the end of the server, and the
/// last bytes to leave. Some never do: they sleep, or never said a word.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves calls of the connections that `admission` lets in until `stop` turns true; then finishes those
/// under way.
///
/// # Errors
/// The listener failed.
pub async fn serve(
    listener: Listener,
    admission: Arc<Admission>,
    service: Arc<Service>,
    stop: watch::Receiver<bool>,
) -> Result<(), tonic::transport::Error> {
    let options = &service.options.grpc;
    let calls = Calls::default();
    let patience = admission.patience();
    let health = HealthServer::new(HealthService::new(service.clone()));
    let restrictions: Arc<[_]> = options.grpc_restricted_protocol.clone().into();
    let serving = builder(options)
        .add_service(Restricted::new(
            Counted::new(inference(&service, options), calls.clone(), patience),
            restrictions.clone(),
        ))
        .add_service(Restricted::new(
            Counted::new(health, calls.clone(), patience),
            restrictions,
        ))
        .serve_with_incoming_shutdown(connections(listener, admission), stopped(stop.clone()));
    let no_call_left = async {
        stopped(stop).await;
        calls.finished().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        outcome = serving => outcome,
        () = no_call_left => Ok(()),
    }
}

/// Waits until the server is told to stop, or is gone.
async fn stopped(mut stop: watch::Receiver<bool>) {
    stop.wait_for(|stop| *stop).await.ok();
}

/// The connections that come and find a place. Others are closed at once, for which clients have
/// `UNAVAILABLE`: HTTP/2 has no words before a client has begun.
fn connections(
    listener: Listener,
    admission: Arc<Admission>,
) -> impl Stream<Item = Result<TimedConnection<Connection>, Infallible>> {
    stream::unfold((listener, admission), |(listener, admission)| async move {
        loop {
            let stream = listener.accept(&admission).await;
            if let Some(place) = admission.admit() {
                let connection = TimedConnection::new(stream, admission.patience(), place);
                return Some((Ok(connection), (listener, admission)));
            }
        }
    })
}

fn builder(options: &GrpcOptions) -> Server {
    let mut builder = Server::builder()
        .max_concurrent_streams(CALLS)
        .initial_stream_window_size(CALL_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .http2_keepalive_interval(Some(options.grpc_keepalive_time))
        .http2_keepalive_timeout(Some(options.grpc_keepalive_timeout));
    if let Some(age) = options.grpc_max_connection_age {
        builder = builder.max_connection_age(age);
    }
    if let Some(grace) = options.grpc_max_connection_age_grace {
        builder = builder.max_connection_age_grace(grace);
    }
    builder
}

fn inference(
    service: &Arc<Service>,
    options: &GrpcOptions,
) -> GrpcInferenceServiceServer<InferenceService> {
    let inference = GrpcInferenceServiceServer::new(InferenceService::new(service.clone()))
        .accept_compressed(CompressionEncoding::Gzip)
        .accept_compressed(CompressionEncoding::Deflate)
        .max_decoding_message_size(options.grpc_max_input_size as usize);
    match options.grpc_infer_response_compression_level {
        CompressionLevel::None => inference,
        CompressionLevel::Low | CompressionLevel::Medium | CompressionLevel::High => inference
            .send_compressed(CompressionEncoding::Gzip)
            .send_compressed(CompressionEncoding::Deflate),
    }
}
