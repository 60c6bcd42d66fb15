//! Where a request spends its time in the server: its statistics, as differences.

use proto::inference::{ModelStatistics, ModelStatisticsResponse, StatisticDuration};
use serde_json::Value;

use super::record::ServerShare;

/// Sums since the model was loaded, over all versions that the server told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    success: Sum,
    queue: Sum,
    compute_input: Sum,
    compute_infer: Sum,
    compute_output: Sum,
    cache_hits: u64,
    executions: u64,
    inferences: u64,
}

/// How often, and for how many nanoseconds in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    ns: u64,
}

impl Sum {
    fn since(self, before: Self) -> Self {
        Self {
            count: self.count.saturating_sub(before.count),
            ns: self.ns.saturating_sub(before.ns),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            ns: self.ns + other.ns,
        }
    }

    /// The mean in microseconds; 0 where there was nothing.
    fn mean_us(self) -> f64 {
        match self.count {
            0 => 0.0,
            count => self.ns as f64 / count as f64 / 1e3,
        }
    }
}

impl Statistics {
    /// Those in an answer over HTTP; `None` where it has none.
    pub fn of_json(answer: &Value) -> Option<Self> {
        // Numbers of 64 bits are texts in the JSON form of protobuf.
        fn number(value: &Value) -> u64 {
            value
                .as_u64()
                .or_else(|| value.as_str()?.parse().ok())
                .unwrap_or(0)
        }
        let models = answer.get("model_stats")?.as_array()?;
        let of = |model: &Value| {
            let sum = |name: &str| {
                let sum = &model["inference_stats"][name];
                Sum {
                    count: number(&sum["count"]),
                    ns: number(&sum["ns"]),
                }
            };
            Self {
                success: sum("success"),
                queue: sum("queue"),
                compute_input: sum("compute_input"),
                compute_infer: sum("compute_infer"),
                compute_output: sum("compute_output"),
                cache_hits: sum("cache_hit").count,
                executions: number(&model["execution_count"]),
                inferences: number(&model["inference_count"]),
            }
        };
        Some(models.iter().map(of).fold(Self::default(), Self::and))
    }

    /// Those in an answer over gRPC; `None` where it has none.
    pub fn of_message(answer: &ModelStatisticsResponse) -> Option<Self> {
        let of = |model: &ModelStatistics| {
            let stats = model.inference_stats.unwrap_or_default();
            let sum = |sum: Option<StatisticDuration>| {
                let StatisticDuration { count, ns } = sum.unwrap_or_default();
                Sum { count, ns }
            };
            Self {
                success: sum(stats.success),
                queue: sum(stats.queue),
                compute_input: sum(stats.compute_input),
                compute_infer: sum(stats.compute_infer),
                compute_output: sum(stats.compute_output),
                cache_hits: sum(stats.cache_hit).count,
                executions: model.execution_count,
                inferences: model.inference_count,
            }
        };
        let models = &answer.model_stats;
        (!models.is_empty()).then(|| models.iter().map(of).fold(Self::default(), Self::and))
    }

    fn and(self, other: Self) -> Self {
        Self {
            success: self.success.and(other.success),
            queue: self.queue.and(other.queue),
            compute_input: self.compute_input.and(other.compute_input),
            compute_infer: self.compute_infer.and(other.compute_infer),
            compute_output: self.compute_output.and(other.compute_output),
            cache_hits: self.cache_hits + other.cache_hits,
            executions: self.executions + other.executions,
            inferences: self.inferences + other.inferences,
        }
    }

    /// What was done since `before`; `None` where no request succeeded.
    pub fn since(self, before: Self) -> Option<ServerShare> {
        let success = self.success.since(before.success);
        let executions = self.executions.saturating_sub(before.executions);
        let inferences = self.inferences.saturating_sub(before.inferences);
        (success.count > 0).then(|| ServerShare {
            queue_us: self.queue.since(before.queue).mean_us(),
            compute_input_us: self.compute_input.since(before.compute_input).mean_us(),
            compute_infer_us: self.compute_infer.since(before.compute_infer).mean_us(),
            compute_output_us: self.compute_output.since(before.compute_output).mean_us(),
            request_us: success.mean_us(),
            requests: success.count,
            executions,
            mean_batch: match executions {
                0 => 0.0,
                executions => inferences as f64 / executions as f64,
            },
            cache_hits: self.cache_hits.saturating_sub(before.cache_hits),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(requests: u64) -> Value {
        let sum = |us: u64| json!({"count": requests, "ns": requests * us * 1000});
        json!({"model_stats": [{
            "name": "m", "version": "1",
            "inference_count": requests * 2, "execution_count": (requests / 2).to_string(),
            "inference_stats": {
                "success": sum(100), "fail": sum(0), "queue": sum(40), "compute_input": sum(5),
                "compute_infer": sum(45), "compute_output": sum(10),
            },
        }]})
    }

    #[test]
    fn differences_become_means() {
        let [before, after] = [10, 30].map(|n| Statistics::of_json(&answer(n)).unwrap());
        let share = after.since(before).unwrap();
        assert_eq!(
            (share.queue_us, share.compute_infer_us, share.request_us),
            (40.0, 45.0, 100.0)
        );
        assert_eq!(
            (share.requests, share.executions, share.mean_batch),
            (20, 10, 4.0)
        );
        assert_eq!(after.since(after), None);
    }

    #[test]
    fn a_server_without_statistics_has_none() {
        assert_eq!(Statistics::of_json(&json!({"error": "no"})), None);
        assert_eq!(
            Statistics::of_message(&ModelStatisticsResponse::default()),
            None
        );
    }
}
