//! Load on a server that speaks KServe v2, and what came of it.
//!
//! A [`Plan`] says which server and model, with which requests and at which paces. [`conduct`]
//! reads the model's tensors from the server, encodes the requests once, and makes one measurement
//! for each pace: closed loop (so many requests under way at any time) or open loop (so many
//! requests a second, whatever the server does; latency counts from the moment at which a request
//! was to be sent). The numbers are taken from windows that [`stability`](Rule) judges.
//!
//! Everything happens on one thread: the fewer processors the generator takes, the more are the
//! server's where both share a machine.

mod advice;
mod answer;
mod arrivals;
mod conduct;
mod connection;
mod control;
mod data;
mod data_type;
mod endpoint;
mod error;
mod expectation;
mod generator;
mod load_test;
mod measure;
mod model;
mod null_server;
mod overhead;
mod pace;
mod plan;
mod record;
mod request;
mod search;
mod server_statistics;
mod shared_memory;
mod stability;
mod stretch;
mod sweep;
mod target;
mod timer;
mod tls;

pub use conduct::{Event, Measured, conduct};
pub use data::{DataError, InputData};
pub use endpoint::{Endpoint, ParseEndpointError, Protocol};
pub use error::LoadTestError;
pub use model::Shape;
pub use pace::{Arrivals, Pace};
pub use plan::{Paces, Plan, Until};
pub use record::{Answered, Failures, Load, LoadPoint, Overhead, ServerShare, Window};
pub use search::{Search, highest};
pub use shared_memory::{SharedMemoryError, SharedMemoryKind};
pub use stability::{Rule, Unmet};
pub use sweep::{ParseSweepError, Step, Sweep};
pub use target::{ParseTargetError, Target, percentile_name};
pub use tls::{TlsError, TlsFiles};
