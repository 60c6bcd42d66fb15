//! Body of `GET /v2/models/X/stats`, the statistics extension.

use std::{collections::BTreeMap, ops::AddAssign};

use serde::Serialize;

/// Statistics of the models that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// One entry a model version.
    pub model_stats: Vec<ModelStatistics>,
}

/// Statistics of one version of a model since it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ModelStatistics {
    /// Model name.
    pub name: String,
    /// Model version.
    pub version: String,
    /// Time of the last inference in milliseconds since 1970; 0 for none.
    pub last_inference: u64,
    /// Inferences, each element of a batch counted.
    pub inference_count: u64,
    /// Executions of the framework, each batch counted once.
    pub execution_count: u64,
    /// Where the time of the requests went.
    pub inference_stats: InferenceStatistics,
    /// Times of single responses of decoupled models, by position of the response.
    pub response_stats: BTreeMap<String, DurationStatistic>,
    /// Times of executions by batch size.
    pub batch_stats: Vec<BatchStatistics>,
    /// Memory that the model takes.
    pub memory_usage: Vec<MemoryUsage>,
    /// What serves the model; not part of the protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_server: Option<Service>,
}

/// What serves a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Service {
    /// The worker's name.
    pub worker: String,
    /// Its process id, while it runs.
    pub worker_pid: Option<u32>,
    /// The runtime, such as `pytorch-2.11.0`.
    pub runtime: String,
    /// Why that is not the default, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_choice: Option<String>,
    /// All op libraries that the model sees, in the order in which they were loaded.
    pub op_libraries: Vec<String>,
}

/// A number of events and the time that they took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DurationStatistic {
    /// Number of events.
    pub count: u64,
    /// Their time in nanoseconds.
    pub ns: u64,
}

/// Where the time of the requests of a model went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InferenceStatistics {
    /// Requests that succeeded, from arrival to response.
    pub success: DurationStatistic,
    /// Requests that failed.
    pub fail: DurationStatistic,
    /// Waiting for an instance.
    pub queue: DurationStatistic,
    /// Preparing the inputs.
    pub compute_input: DurationStatistic,
    /// Executing the model, inside the worker.
    pub compute_infer: DurationStatistic,
    /// Taking the outputs.
    pub compute_output: DurationStatistic,
    /// Requests answered from the response cache.
    pub cache_hit: DurationStatistic,
    /// Requests looked up in the response cache in vain.
    pub cache_miss: DurationStatistic,
}

/// Times of the executions with one batch size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchStatistics {
    /// Size of the batch.
    pub batch_size: u64,
    /// Preparing the inputs.
    pub compute_input: DurationStatistic,
    /// Executing the model, inside the worker.
    pub compute_infer: DurationStatistic,
    /// Taking the outputs.
    pub compute_output: DurationStatistic,
}

/// Memory that a model takes on one device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryUsage {
    /// Kind of memory, `CPU`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Number of the device.
    pub id: i64,
    /// Size in bytes.
    pub byte_size: u64,
}

impl DurationStatistic {
    /// Counts one event of `ns` nanoseconds.
    pub fn record(&mut self, ns: u64) {
        self.count += 1;
        self.ns += ns;
    }
}

impl AddAssign for DurationStatistic {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.ns += other.ns;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tritons() {
        let mut model = ModelStatistics {
            name: "m".into(),
            version: "1".into(),
            batch_stats: vec![BatchStatistics::default()],
            memory_usage: vec![MemoryUsage::default()],
            ..ModelStatistics::default()
        };
        model.inference_stats.compute_infer.record(5);
        let mut sum = DurationStatistic { count: 1, ns: 2 };
        sum += model.inference_stats.compute_infer;
        assert_eq!(sum, DurationStatistic { count: 2, ns: 7 });

        let json = serde_json::to_value(Statistics {
            model_stats: vec![model],
        })
        .unwrap();
        let model = &json["model_stats"][0];
        for pointer in [
            "/last_inference",
            "/inference_count",
            "/execution_count",
            "/inference_stats/success/ns",
            "/inference_stats/fail/count",
            "/inference_stats/queue",
            "/inference_stats/compute_input",
            "/inference_stats/compute_output",
            "/inference_stats/cache_hit",
            "/inference_stats/cache_miss",
            "/response_stats",
            "/batch_stats/0/batch_size",
            "/memory_usage/0/type",
        ] {
            assert!(model.pointer(pointer).is_some(), "{pointer}");
        }
        assert_eq!(model["inference_stats"]["compute_infer"]["ns"], 5);
    }
}
