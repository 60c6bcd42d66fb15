//! Why nothing could be measured.

use super::connection::Failure;
use super::control::ControlError;
use super::data::DataError;
use super::endpoint::Endpoint;
use super::model::ShapeError;
use super::request::RequestError;
use super::shared_memory::SharedMemoryError;
use super::tls::TlsError;

/// Why there is no load test.
#[derive(Debug, thiserror::Error)]
pub enum LoadTestError {
    /// The system gave no asynchronous runtime, port or timer.
    #[error("failed to set up the load generator: {0}; free some memory or file descriptors")]
    SetUp(#[source] std::io::Error),
    /// The name stands for no address.
    #[error("failed to find {url}: {source}; check the name of the host")]
    Resolve {
        /// The server.
        url: Endpoint,
        /// Why.
        source: std::io::Error,
    },
    /// There can be no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server did not tell what is needed.
    #[error("{0}; is the server running there, and the model loaded?")]
    Control(#[from] ControlError),
    /// The request cannot be made up.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model's name cannot be part of an address.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no shared memory, or what came there is wrong.
    #[error(transparent)]
    SharedMemory(#[from] SharedMemoryError),
    /// The file of expected outputs cannot be read.
    #[error("{0}")]
    Expectation(String),
    /// The first request was not answered.
    #[error("failed to run model '{model}' once before the load: {source}")]
    First {
        /// The model.
        model: String,
        /// Why.
        source: Failure,
    },
    /// The first answer cannot be read.
    #[error("failed to read the first answer of model '{model}': {reason}")]
    FirstAnswer {
        /// The model.
        model: String,
        /// What is wrong.
        reason: String,
    },
}

impl LoadTestError {
    /// Whether something else has to be typed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Tls(_) | Self::Shape(_) | Self::Data(_) | Self::Request(_) | Self::Expectation(_)
        )
    }
}
