//! The time of an op inside the worker, from the server's own statistics.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use runtimes::Framework;
use serde_json::Value;
use suites::client::Client;

use super::experiment::Tensor;
use super::kernel::Place;
use super::serving::Exchange;
use super::testbed::{Control, PATIENCE, Testbed};
use crate::measurement::{LoadGenerator, Subject};

/// A round is one request: the sample is what `compute_infer` of the model's statistics grew by,
/// in microseconds. The session that holds the op is in it, the way to the worker is not.
pub fn op_time(
    testbed: &Testbed,
    framework: Framework,
    tensor: Tensor,
) -> anyhow::Result<impl Subject> {
    let model = Testbed::model(framework, tensor);
    let repository = testbed.repository(
        &format!("op-time-{framework}-{}", model.name),
        std::slice::from_ref(&model),
        Place::Cpu,
    )?;
    let (server, _) =
        testbed.start(&testbed.command(framework, &repository, Control::AllAtStart)?)?;
    let client = Client::new(server.http_address(), PATIENCE)?;
    let exchange = Exchange::new(&model, 1);
    let mut generator = LoadGenerator::connect(server.http_address(), 1)?;
    exchange.check(&generator.once(&exchange.request)?)?;
    let mut before = settled(
        &client,
        &model.name,
        Computed {
            count: 0,
            nanoseconds: 0,
        },
    )?;
    Ok(move || {
        // The server lives as long as the subject.
        let _ = server.pid();
        generator.once(&exchange.request)?;
        let after = settled(&client, &model.name, before)?;
        let nanoseconds = after.nanoseconds - before.nanoseconds;
        let count = after.count - before.count;
        before = after;
        Ok(vec![nanoseconds as f64 / count as f64 / 1e3])
    })
}

/// How often a model has computed, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Computed {
    count: u64,
    nanoseconds: u64,
}

/// The statistics as soon as they count more than `before`: they may lag behind the answer.
fn settled(client: &Client, model: &str, before: Computed) -> anyhow::Result<Computed> {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let statistics = client.statistics(model)?;
        let computed = computed(&statistics).with_context(|| {
            format!("the statistics of '{model}' have no compute_infer: {statistics}")
        })?;
        if computed.count > before.count && computed.nanoseconds >= before.nanoseconds {
            return Ok(computed);
        }
        if Instant::now() >= deadline {
            bail!("the statistics of '{model}' do not count its requests: {statistics}");
        }
    }
}

fn computed(statistics: &Value) -> Option<Computed> {
    let computed = &statistics["model_stats"][0]["inference_stats"]["compute_infer"];
    Some(Computed {
        count: number(&computed["count"])?,
        nanoseconds: number(&computed["ns"])?,
    })
}

/// A 64-bit number, which protobuf's JSON form may write as a string.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_in_both_forms() {
        let statistics = serde_json::json!({"model_stats": [{"inference_stats":
            {"compute_infer": {"count": 3, "ns": "4500"}}}]});
        assert_eq!(
            computed(&statistics),
            Some(Computed {
                count: 3,
                nanoseconds: 4500
            })
        );
        assert_eq!(computed(&serde_json::json!({"model_stats": []})), None);
    }
}
