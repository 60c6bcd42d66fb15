//! What a load test leaves in the result files.

use serde::{Deserialize, Serialize};

use super::pace::Arrivals;

/// What was put under load, the same for all measurements of a load test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The server as it was typed.
    pub url: String,
    /// `http` or `grpc`.
    pub protocol: String,
    /// The server's name and version, as it tells them.
    pub server: String,
    /// The model.
    pub model: String,
    /// Its version, where one was asked for.
    pub model_version: Option<String>,
    /// Its platform, as the server tells it.
    pub platform: String,
    /// What is sent: `x FP32 [1, 16]`.
    pub inputs: Vec<String>,
    /// Rows in a request, where the model takes batches.
    pub batch_size: Option<u64>,
    /// Where the values come from: `random`, `zero`, or a file's name.
    pub input_data: String,
    /// How many different requests are sent in turn.
    pub requests: usize,
    /// `system` or `cuda` where tensors are in shared memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_memory: Option<String>,
    /// What random values and arrivals are made from.
    pub seed: u64,
    /// The latency that is to be met.
    pub target: Option<String>,
    /// The highest rate found that meets the target, in requests a second, where it was searched
    /// for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highest_rate: Option<f64>,
    /// Whether the target was met: at some pace, where there are several. `None` without a target.
    pub target_met: Option<bool>,
}

/// One measurement under load, beside its distribution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadPoint {
    /// Requests a second that were to be sent (open loop).
    pub rate: Option<f64>,
    /// How they were spaced (open loop).
    pub arrivals: Option<Arrivals>,
    /// The most requests under way at the same time.
    pub slots: u32,
    /// The 95th percentile in microseconds, from 130 samples on.
    pub p95: Option<f64>,
    /// The 99.9th percentile in microseconds, from 6636 samples on.
    pub p999: Option<f64>,
    /// The target's percentile in microseconds, where there are enough samples for it.
    pub target_latency: Option<f64>,
    /// Whether the target was met; `None` without a target.
    pub target_met: Option<bool>,
    /// How the requests ended.
    pub answered: Answered,
    /// Requests that were sent later than their moment by more than a millisecond (open loop).
    pub late: usize,
    /// The windows, in their order.
    pub windows: Vec<Window>,
    /// Whether the windows had settled; `None` where a fixed time or number was asked for.
    pub stable: Option<bool>,
    /// The generator's processor time for each request, in microseconds.
    pub client_cpu_us: f64,
    /// The share of one processor that the generator took.
    pub client_cpu_share: f64,
    /// What the generator needs with a server that does nothing.
    pub overhead: Option<Overhead>,
    /// Where a request spends its time in the server, by the server's own statistics.
    pub server: Option<ServerShare>,
}

/// How requests ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Answered, and right as far as that was checked.
    pub right: usize,
    /// Answered with other outputs than were expected.
    pub wrong: usize,
    /// Refused, not answered in time, or broken off.
    pub failed: usize,
    /// What was said of those that failed or were wrong, most frequent first.
    pub reasons: Vec<Failures>,
}

/// Failures that were told with the same words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// The words.
    pub reason: String,
    /// How many there were.
    pub count: usize,
}

/// A stretch of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// How long it was, in seconds.
    pub duration_s: f64,
    /// Right answers a second.
    pub throughput: f64,
    /// The latency that stability is judged by, in microseconds: the target's percentile, or else
    /// the median.
    pub latency_us: Option<f64>,
    /// Whether its samples are part of the measurement.
    pub counts: bool,
}

/// The generator with a server that does nothing, over the same kind and number of connections, both
/// on one thread: an upper bound of the generator's part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// Median latency in microseconds.
    pub median_us: f64,
    /// Requests a second.
    pub throughput: f64,
}

/// Mean times of a request in the server, in microseconds, from its statistics before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerShare {
    /// Waiting for an instance or for a batch.
    pub queue_us: f64,
    /// Preparing inputs.
    pub compute_input_us: f64,
    /// Running the model.
    pub compute_infer_us: f64,
    /// Fetching outputs.
    pub compute_output_us: f64,
    /// From the server's receipt to its answer.
    pub request_us: f64,
    /// Requests that the server counted as successful.
    pub requests: u64,
    /// Runs of the model; fewer than requests where they were batched.
    pub executions: u64,
    /// Rows of an execution, on average.
    pub mean_batch: f64,
    /// Requests that were answered from the server's cache.
    pub cache_hits: u64,
}

impl LoadPoint {
    /// Whether requests failed, were answered wrongly, or missed the target.
    #[must_use]
    pub fn has_failed_requests(&self) -> bool {
        self.answered.failed + self.answered.wrong > 0
    }
}

impl ServerShare {
    /// Both stretches together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mean = |one: f64, one_count: u64, other: f64, other_count: u64| {
            let (a, b) = (one_count as f64, other_count as f64);
            if a + b > 0.0 {
                (one * a + other * b) / (a + b)
            } else {
                0.0
            }
        };
        let by_requests =
            |of: fn(&Self) -> f64| mean(of(self), self.requests, of(other), other.requests);
        Self {
            queue_us: by_requests(|it| it.queue_us),
            compute_input_us: by_requests(|it| it.compute_input_us),
            compute_infer_us: by_requests(|it| it.compute_infer_us),
            compute_output_us: by_requests(|it| it.compute_output_us),
            request_us: by_requests(|it| it.request_us),
            requests: self.requests + other.requests,
            executions: self.executions + other.executions,
            mean_batch: mean(
                self.mean_batch,
                self.executions,
                other.mean_batch,
                other.executions,
            ),
            cache_hits: self.cache_hits + other.cache_hits,
        }
    }
}
