//! Counters of one model version, as Triton's statistics and metrics count.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::ipc::lane::ExecutionTimes;
use crate::protocol::statistics::{BatchStatistics, InferenceStatistics};

/// All counters of a model version at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When the last inference ended, milliseconds since the epoch; 0 for never.
    pub last_inference_ms: u64,
    /// Inferences: requests times their batch size.
    pub inference_count: u64,
    /// Executions; fewer than requests where batches were formed.
    pub execution_count: u64,
    /// Where the time of the requests went.
    pub inference: InferenceStatistics,
    /// Times of the executions by batch size.
    pub batches: BTreeMap<u64, BatchStatistics>,
}

/// The live counters.
#[derive(Debug, Default)]
pub struct Statistics(Mutex<Snapshot>);

impl Statistics {
    /// Counts one execution that served `arrivals.len()` requests (their arrival times,
    /// monotonic ns) of together `batch_size` inferences.
    pub fn executed(&self, arrivals: &[u64], batch_size: u64, times: ExecutionTimes, now: u64) {
        let input = times.inputs_ready.saturating_sub(times.start);
        let infer = times.computed.saturating_sub(times.inputs_ready);
        let output = times.end.saturating_sub(times.computed);
        let mut counters = self.0.lock();
        counters.execution_count += 1;
        counters.inference_count += batch_size;
        counters.last_inference_ms = epoch_ms();
        for arrival in arrivals {
            let inference = &mut counters.inference;
            inference.success.record(now.saturating_sub(*arrival));
            inference.queue.record(times.start.saturating_sub(*arrival));
            inference.compute_input.record(input);
            inference.compute_infer.record(infer);
            inference.compute_output.record(output);
        }
        let batch = counters.batches.entry(batch_size).or_default();
        batch.batch_size = batch_size;
        batch.compute_input.record(input);
        batch.compute_infer.record(infer);
        batch.compute_output.record(output);
    }

    /// Counts a failed request that took `ns`.
    pub fn failed(&self, ns: u64) {
        self.0.lock().inference.fail.record(ns);
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.lock().clone()
    }
}

fn epoch_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::statistics::DurationStatistic;

    #[test]
    fn a_batch_counts_each_request_and_one_execution() {
        let statistics = Statistics::default();
        let times = ExecutionTimes {
            start: 100,
            inputs_ready: 110,
            computed: 140,
            end: 141,
        };
        statistics.executed(&[50, 60], 5, times, 200);
        statistics.failed(7);
        let seen = statistics.snapshot();
        assert_eq!((seen.inference_count, seen.execution_count), (5, 1));
        let told = |statistic: DurationStatistic| (statistic.count, statistic.ns);
        assert_eq!(told(seen.inference.success), (2, 290));
        assert_eq!(told(seen.inference.queue), (2, 90));
        assert_eq!(told(seen.inference.compute_infer), (2, 60));
        assert_eq!(told(seen.batches[&5].compute_infer), (1, 30));
        assert_eq!(told(seen.inference.fail), (1, 7));
        assert!(seen.last_inference_ms > 0);
    }
}
