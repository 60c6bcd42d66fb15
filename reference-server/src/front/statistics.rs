//! Counters of one model version, as Triton's statistics and metrics count.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::ipc::lane::ExecutionTimes;

/// A number of events and the time they took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duration {
    /// Events.
    pub count: u64,
    /// Nanoseconds of all of them.
    pub ns: u64,
}

impl Duration {
    fn add(&mut self, ns: u64) {
        self.count += 1;
        self.ns += ns;
    }
}

/// What executions of one batch size took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Joining the inputs.
    pub compute_input: Duration,
    /// The framework.
    pub compute_infer: Duration,
    /// Handing the outputs over.
    pub compute_output: Duration,
}

/// All counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When the last inference ended, milliseconds since the epoch; 0 for never.
    pub last_inference_ms: u64,
    /// Inferences: requests times their batch size.
    pub inference_count: u64,
    /// Executions; fewer than requests where batches were formed.
    pub execution_count: u64,
    /// Successful requests, arrival to answer.
    pub success: Duration,
    /// Failed requests, arrival to answer.
    pub fail: Duration,
    /// Arrival to the start of the execution.
    pub queue: Duration,
    /// Joining the inputs.
    pub compute_input: Duration,
    /// The framework.
    pub compute_infer: Duration,
    /// Handing the outputs over.
    pub compute_output: Duration,
    /// By batch size of the execution.
    pub batches: BTreeMap<u64, Batch>,
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
            counters.success.add(now.saturating_sub(*arrival));
            counters.queue.add(times.start.saturating_sub(*arrival));
            counters.compute_input.add(input);
            counters.compute_infer.add(infer);
            counters.compute_output.add(output);
        }
        let batch = counters.batches.entry(batch_size).or_default();
        batch.compute_input.add(input);
        batch.compute_infer.add(infer);
        batch.compute_output.add(output);
    }

    /// Counts a failed request that took `ns`.
    pub fn failed(&self, ns: u64) {
        self.0.lock().fail.add(ns);
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.lock().clone()
    }
}

fn epoch_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_counts_each_request_and_one_execution() {
        let statistics = Statistics::default();
        let times = ExecutionTimes { start: 100, inputs_ready: 110, computed: 140, end: 141 };
        statistics.executed(&[50, 60], 5, times, 200);
        statistics.failed(7);
        let seen = statistics.snapshot();
        assert_eq!((seen.inference_count, seen.execution_count), (5, 1));
        assert_eq!(seen.success, Duration { count: 2, ns: 290 });
        assert_eq!(seen.queue, Duration { count: 2, ns: 90 });
        assert_eq!(seen.compute_infer, Duration { count: 2, ns: 60 });
        assert_eq!(seen.batches[&5].compute_infer, Duration { count: 1, ns: 30 });
        assert_eq!(seen.fail, Duration { count: 1, ns: 7 });
        assert!(seen.last_inference_ms > 0);
    }
}
