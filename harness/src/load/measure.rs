//! One measurement, at one pace.

use std::sync::Arc;

use suites::Cancellation;

use super::advice::warnings;
use super::generator::{Generator, Tally};
use super::load_test::LoadTest;
use super::overhead;
use super::pace::Pace;
use super::plan::{Plan, Until};
use super::record::{Answered, Failures, LoadPoint, Window};
use super::stability::Rule;
use super::stretch::{Stretch, wait};
use crate::measurement::{About, Kind, Measurement, Samples, Warning};
use crate::statistics;

/// The share of the requests that were due from which a server keeps up with them.
const KEEPS_UP: f64 = 0.95;

impl LoadTest {
    /// One measurement, or why there is none.
    pub async fn measure(
        &mut self,
        plan: &Plan,
        pace: Pace,
        seed: u64,
        repeated: usize,
        cancellation: &Cancellation,
    ) -> Result<Measurement, String> {
        let overhead = overhead::measure(
            Arc::clone(&self.null),
            match pace {
                Pace::Closed { concurrency } => concurrency,
                // Requests of an open loop that a server keeps up with are mostly alone.
                Pace::Open { .. } => 1,
            },
        );
        let overhead = overhead.await.map_err(|failure| failure.to_string())?;
        let generator = Generator::start(Arc::clone(&self.target), pace, seed)
            .await
            .map_err(|failure| failure.to_string())?;
        wait(plan.warm_up, cancellation).await;
        let before = generator.take();
        let is_hopeless = before.latencies.is_empty() && before.failed > 0;
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut stable = None;
        match plan.until {
            Until::Settled { window, most, rule } => {
                let wanted = plan.target.map_or(0.99, |target| target.percentile);
                let samples = statistics::minimum_samples(wanted).div_ceil(Rule::WINDOWS);
                while !cancellation.is_cancelled() {
                    let stretch = self
                        .stretch(&generator, window, samples, cancellation)
                        .await;
                    let is_dead = stretch.tally.latencies.is_empty() && stretch.tally.failed > 0;
                    stretches.push(stretch);
                    let windows: Vec<Window> =
                        stretches.iter().map(|it| it.window.clone()).collect();
                    stable = Some(rule.judge(&windows));
                    if stable == Some(Ok(())) || windows.len() >= most || is_dead {
                        break;
                    }
                }
            }
            Until::Elapsed(duration) => {
                stretches.push(self.stretch(&generator, duration, 0, cancellation).await);
            }
            Until::Requests(requests) if !is_hopeless => {
                stretches.push(self.counted(&generator, requests, cancellation).await);
            }
            Until::Requests(_) => {}
        }
        let rest = generator.stop().await;
        let counting = match plan.until {
            Until::Settled { .. } => stretches.len().saturating_sub(Rule::WINDOWS),
            _ => 0,
        };
        let windows: Vec<Window> = stretches
            .iter()
            .enumerate()
            .map(|(index, stretch)| Window {
                counts: index >= counting,
                ..stretch.window.clone()
            })
            .collect();
        let whole = stretches.drain(..).skip(counting).reduce(Stretch::and);
        let Some(mut whole) = whole else {
            let said = before.reasons.into_keys().next();
            return Err(said.unwrap_or_else(ended_early));
        };
        let throughput = whole.tally.latencies.len() as f64 / whole.elapsed.as_secs_f64();
        let requests = whole.tally.requests();
        let due = whole.tally.due as f64;
        // Two may be under way at the end that were not at the beginning.
        let keeps_up = requests as f64 + 2.0 >= due * KEEPS_UP;
        // What was sent within the windows is answered after them: its latency counts, or a server
        // that stops to answer would look well. For the throughput it is too late.
        whole.tally.add(match plan.until {
            Until::Requests(_) => Tally::default(),
            _ => rest,
        });
        let Tally {
            latencies,
            wrong,
            failed,
            late,
            reasons,
            ..
        } = whole.tally;
        let mut reasons: Vec<Failures> = reasons
            .into_iter()
            .map(|(reason, count)| Failures { reason, count })
            .collect();
        reasons.sort_by_key(|failures| std::cmp::Reverse(failures.count));
        let ascending = statistics::sorted(latencies);
        if ascending.is_empty() {
            let said = reasons.first().map(|failures| failures.reason.clone());
            return Err(said.unwrap_or_else(ended_early));
        }
        let percentile = |fraction| statistics::supported_percentile(&ascending, fraction);
        let target_latency = plan.target.and_then(|it| percentile(it.percentile));
        let answered = Answered {
            right: ascending.len(),
            wrong,
            failed,
            reasons,
        };
        let (rate, arrivals) = match pace {
            Pace::Closed { .. } => (None, None),
            Pace::Open { rate, arrivals, .. } => (Some(rate), Some(arrivals)),
        };
        let target_met = plan.target.map(|target| {
            target_latency.is_some_and(|latency| target.is_met_by(latency))
                && wrong + failed == 0
                && keeps_up
        });
        let point = LoadPoint {
            rate,
            arrivals,
            slots: pace.slots(),
            p95: percentile(0.95),
            p999: percentile(0.999),
            target_latency,
            target_met,
            answered,
            late,
            windows,
            stable: stable.map(|judged| judged.is_ok()),
            client_cpu_us: whole.processor.as_secs_f64() * 1e6 / requests.max(1) as f64,
            client_cpu_share: whole.processor.as_secs_f64() / whole.elapsed.as_secs_f64(),
            overhead,
            server: whole.server,
        };
        let mut warnings = warnings(plan, pace, &point, throughput, ascending.len());
        if !keeps_up {
            warnings.push(Warning::Overloaded {
                rate: due / whole.elapsed.as_secs_f64(),
                throughput,
            });
        }
        if let Some(Err(unmet)) = stable {
            warnings.push(Warning::Unstable {
                reason: unmet.to_string(),
                windows: point.windows.len(),
            });
        }
        let samples = Samples {
            ascending,
            elapsed: whole.elapsed,
            warnings,
        };
        let mut measurement =
            Measurement::new(self.about(pace, repeated), samples).ok_or("nothing was answered")?;
        measurement.throughput = Some(throughput);
        measurement.device = "server".to_owned();
        measurement.load = Some(point);
        Ok(measurement)
    }

    fn about(&self, pace: Pace, repeated: usize) -> About {
        let load = &self.load;
        let shown = match pace {
            Pace::Closed { concurrency } => format!("c{concurrency}"),
            Pace::Open { rate, arrivals, .. } => {
                format!("r{}-{arrivals}", (rate * 100.0).round() / 100.0)
            }
        };
        let again = match repeated {
            0 => String::new(),
            number => format!("/{}", number + 1),
        };
        let platform = match load.platform.as_str() {
            "" => "server",
            platform => platform,
        };
        let first = self.inputs.first();
        About {
            id: format!("load/{}/{}/{shown}{again}", load.protocol, load.model),
            kind: Kind::Serving,
            aspect: None,
            framework: platform.to_owned(),
            op: Some(load.model.clone()),
            shape: first.map(|input| {
                let extents = input.shape.iter();
                extents.map(|extent| extent.unsigned_abs()).collect()
            }),
            dtype: first.map(|input| input.data_type.name().to_lowercase()),
            concurrency: match pace {
                Pace::Closed { concurrency } => Some(concurrency),
                Pace::Open { .. } => None,
            },
            unit: "us",
        }
    }
}

fn ended_early() -> String {
    "it was ended before a request was answered".to_owned()
}
