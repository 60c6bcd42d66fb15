//! What the generator needs with a server that does nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;

use super::connection::Failure;
use super::endpoint::{Endpoint, Protocol};
use super::generator::{Generator, Target};
use super::null_server;
use super::pace::Pace;
use super::record::Overhead;
use super::request::Request;
use crate::measurement;
use crate::statistics;

/// How long the server that does nothing is asked, before it counts and while it does.
const WARM_UP: Duration = Duration::from_millis(50);
const DURATION: Duration = Duration::from_millis(250);

/// A target that answers `request` with the bytes of an answer of the real server, without TLS.
///
/// # Errors
/// There is no port.
pub async fn null_target(
    protocol: Protocol,
    request: Request,
    answer: Bytes,
) -> std::io::Result<Target> {
    let address: SocketAddr = match protocol {
        Protocol::Http => measurement::start_null_server(answer).await?,
        Protocol::Grpc => {
            let length = u32::try_from(answer.len()).unwrap_or(u32::MAX);
            let mut framed = vec![0];
            framed.extend(length.to_be_bytes());
            framed.extend(&answer);
            null_server::start(framed.into()).await?
        }
    };
    Ok(Target {
        endpoint: Endpoint {
            protocol,
            tls: false,
            authority: address.to_string(),
        },
        address,
        tls: None,
        requests: vec![(request, None)],
        limit: Duration::from_secs(5),
    })
}

/// Measures it at `concurrency`.
///
/// # Errors
/// There is no port, or no connection to it.
pub async fn measure(target: Arc<Target>, concurrency: u32) -> Result<Option<Overhead>, Failure> {
    let generator = Generator::start(target, Pace::Closed { concurrency }, 0).await?;
    tokio::time::sleep(WARM_UP).await;
    drop(generator.take());
    let begin = Instant::now();
    tokio::time::sleep(DURATION).await;
    let (tally, elapsed) = (generator.take(), begin.elapsed());
    drop(generator.stop().await);
    let ascending = statistics::sorted(tally.latencies);
    Ok(statistics::median(&ascending).map(|median_us| Overhead {
        median_us,
        throughput: ascending.len() as f64 / elapsed.as_secs_f64(),
    }))
}
