//! A stretch of load: what happens from one moment to another.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use suites::Cancellation;

use super::generator::{Generator, Tally};
use super::load_test::LoadTest;
use super::record::{ServerShare, Window};
use super::server_statistics::Statistics;

/// How often it is looked whether there are enough samples.
const LOOK: Duration = Duration::from_millis(20);

struct Beginning {
    at: Instant,
    processor: Duration,
    statistics: Option<Statistics>,
}

/// A stretch of load.
#[derive(Debug)]
pub struct Stretch {
    /// What it was like, as a window.
    pub window: Window,
    /// How its requests ended.
    pub tally: Tally,
    /// How long it lasted.
    pub elapsed: Duration,
    /// Processor time of the generator.
    pub processor: Duration,
    /// What the server's statistics tell of it.
    pub server: Option<ServerShare>,
}

impl Stretch {
    /// Both together.
    pub fn and(mut self, other: Self) -> Self {
        self.tally.add(other.tally);
        self.elapsed += other.elapsed;
        self.processor += other.processor;
        self.server = match (self.server, other.server) {
            (Some(one), Some(other)) => Some(one.and(&other)),
            (one, other) => one.or(other),
        };
        self
    }
}

impl LoadTest {
    /// Load for `duration`, and longer, up to five times as long, until there are `samples`.
    pub async fn stretch(
        &mut self,
        generator: &Generator,
        duration: Duration,
        samples: usize,
        cancellation: &Cancellation,
    ) -> Stretch {
        let beginning = self.begin(generator).await;
        wait(duration, cancellation).await;
        while generator.so_far().1 < samples
            && beginning.at.elapsed() < duration * 5
            && !cancellation.is_cancelled()
        {
            wait(LOOK, cancellation).await;
        }
        self.end(generator, beginning, None).await
    }

    /// Load of so many requests.
    pub async fn counted(
        &mut self,
        generator: &Generator,
        requests: usize,
        cancellation: &Cancellation,
    ) -> Stretch {
        // What is under way of the warm-up must not be counted.
        generator.limit(0);
        while generator.is_busy() && !cancellation.is_cancelled() {
            wait(Duration::from_millis(1), cancellation).await;
        }
        let beginning = self.begin(generator).await;
        generator.limit(requests);
        while generator.so_far().0 < requests && !cancellation.is_cancelled() {
            wait(Duration::from_millis(5), cancellation).await;
        }
        self.end(generator, beginning, Some(())).await
    }

    async fn begin(&mut self, generator: &Generator) -> Beginning {
        let statistics = self.control.statistics().await;
        drop(generator.take());
        Beginning {
            at: Instant::now(),
            processor: processor_time(),
            statistics,
        }
    }

    /// `counted`: it ends with its last request, not with the look at it.
    async fn end(
        &mut self,
        generator: &Generator,
        beginning: Beginning,
        counted: Option<()>,
    ) -> Stretch {
        let mut tally = generator.take();
        let end = counted.and(tally.last_end).unwrap_or_else(Instant::now);
        let elapsed = end.saturating_duration_since(beginning.at);
        let processor = processor_time().saturating_sub(beginning.processor);
        let after = self.control.statistics().await;
        let seconds = elapsed.as_secs_f64();
        Stretch {
            window: Window {
                duration_s: seconds,
                throughput: tally.latencies.len() as f64 / seconds,
                latency_us: quick_percentile(&mut tally.latencies, self.judged),
                counts: false,
            },
            tally,
            elapsed,
            processor,
            server: after
                .zip(beginning.statistics)
                .and_then(|(after, before)| after.since(before)),
        }
    }
}

/// A percentile by the nearest rank without sorting everything: the load goes on meanwhile, on this
/// thread.
fn quick_percentile(values: &mut [f64], fraction: f64) -> Option<f64> {
    let rank = (fraction * values.len() as f64).ceil() as usize;
    let index = rank.clamp(1, values.len().max(1)) - 1;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(index, f64::total_cmp).1)
}

/// Waits, or less where the load test is ended early.
pub async fn wait(duration: Duration, cancellation: &Cancellation) {
    let end = Instant::now() + duration;
    while !cancellation.is_cancelled() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(Duration::from_millis(50))).await;
    }
}

/// The processor time of this thread, on which everything happens.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
