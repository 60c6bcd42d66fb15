//! What a load test measures.

use std::path::PathBuf;
use std::time::Duration;

use super::data::InputData;
use super::endpoint::Endpoint;
use super::model::Shape;
use super::pace::{Arrivals, Pace};
use super::search::Search;
use super::shared_memory::SharedMemoryKind;
use super::stability::Rule;
use super::target::Target;
use super::tls::TlsFiles;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server.
    pub endpoint: Endpoint,
    /// The certificates of connections with TLS.
    pub tls: TlsFiles,
    /// The model.
    pub model: String,
    /// Its version; `None`: as the server chooses.
    pub version: Option<String>,
    /// Shapes that the model leaves open.
    pub shapes: Vec<Shape>,
    /// Rows of a request.
    pub batch_size: u64,
    /// The values that are sent.
    pub input_data: InputData,
    /// What random values and arrivals are made from.
    pub seed: u64,
    /// The paces, one measurement each.
    pub paces: Paces,
    /// When a measurement ends.
    pub until: Until,
    /// How long load is generated before it counts.
    pub warm_up: Duration,
    /// The latency that is to be met.
    pub target: Option<Target>,
    /// A file with the outputs that answers must hold.
    pub expect: Option<PathBuf>,
    /// Whether answers are compared with the first one.
    pub validate: bool,
    /// The shared memory that tensors lie in, if they do.
    pub shared_memory: Option<SharedMemoryKind>,
    /// The longest wait for an answer.
    pub limit: Duration,
}

/// Which paces.
#[derive(Debug, Clone)]
pub enum Paces {
    /// These.
    Each(Vec<Pace>),
    /// Those of a search for the highest rate that meets the target.
    Search {
        /// From where to where.
        search: Search,
        /// How requests are spaced.
        arrivals: Arrivals,
        /// The most under way.
        connections: u32,
    },
}

/// When a measurement ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Until {
    /// When windows have settled.
    Settled {
        /// Length of a window, at least.
        window: Duration,
        /// The most windows.
        most: usize,
        /// When they have.
        rule: Rule,
    },
    /// After so long.
    Elapsed(Duration),
    /// After so many requests.
    Requests(usize),
}
