//! A load test from the first question to the last measurement.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use suites::Cancellation;
use tokio::runtime::Runtime;

use super::answer::Output;
use super::connection::{Answer, Connection, Connector, Failure};
use super::control::{Control, ControlError};
use super::data::{DataError, InputData, Tensor};
use super::endpoint::Endpoint;
use super::expectation::Expectation;
use super::generator::{self, Generator, Tally};
use super::model::{Input, Shape, ShapeError};
use super::overhead;
use super::pace::{Arrivals, Pace};
use super::record::{Answered, Failures, Load, LoadPoint, Overhead, ServerShare, Window};
use super::request::{Request, RequestError};
use super::search::{Search, highest};
use super::shared_memory::{Region, SharedMemoryError};
use super::stability::Rule;
use super::target::{Target, percentile_name};
use crate::measurement::{About, Kind, Measurement, Samples, Warning};
use crate::statistics;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The server.
    pub endpoint: Endpoint,
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
    /// Whether tensors lie in system shared memory.
    pub shared_memory: bool,
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

/// Why there is no load test.
#[derive(Debug, thiserror::Error)]
pub enum LoadTestError {
    /// The system gave no asynchronous runtime, port or timer.
    #[error("failed to set up the load generator: {0}; free some memory or file descriptors")]
    SetUp(#[source] std::io::Error),
    /// The name stands for no address.
    #[error("failed to find {url}: {source}; check the name of the host")]
    Resolve {
        /// The server.
        url: Endpoint,
        /// Why.
        source: std::io::Error,
    },
    /// The server did not tell what is needed.
    #[error("{0}; is the server running there, and the model loaded?")]
    Control(#[from] ControlError),
    /// The request cannot be made up.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The model's name cannot be part of an address.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// There is no shared memory, or what came there is wrong.
    #[error(transparent)]
    SharedMemory(#[from] SharedMemoryError),
    /// The file of expected outputs cannot be read.
    #[error("{0}")]
    Expectation(String),
    /// The first request was not answered.
    #[error("failed to run model '{model}' once before the load: {source}")]
    First {
        /// The model.
        model: String,
        /// Why.
        source: Failure,
    },
    /// The first answer cannot be read.
    #[error("failed to read the first answer of model '{model}': {reason}")]
    FirstAnswer {
        /// The model.
        model: String,
        /// What is wrong.
        reason: String,
    },
}

impl LoadTestError {
    /// Whether something else has to be typed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Shape(_) | Self::Data(_) | Self::Request(_) | Self::Expectation(_)
        )
    }
}

/// What is told while it goes on.
#[derive(Debug)]
pub enum Event<'a> {
    /// The server has told what it is.
    Met(&'a Load),
    /// A measurement begins.
    Began(Pace),
    /// It has ended.
    Ended(&'a Measurement),
    /// It has no result.
    Failed(Pace, &'a str),
}

/// What came of it.
#[derive(Debug)]
pub struct Measured {
    /// What was put under load.
    pub load: Load,
    /// A measurement for each pace.
    pub measurements: Vec<Measurement>,
    /// Paces without a measurement, with the reason.
    pub problems: Vec<String>,
}

/// Makes the load test. What fails at one pace does not end it.
///
/// # Errors
/// [`LoadTestError`]: nothing was measured.
pub fn conduct(
    plan: &Plan,
    cancellation: &Cancellation,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Measured, LoadTestError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(LoadTestError::SetUp)?;
    let mut test = runtime.block_on(LoadTest::prepare(plan))?;
    tell(Event::Met(&test.load));
    let mut measurements: Vec<Measurement> = Vec::new();
    let mut problems = Vec::new();
    let mut point = |pace: Pace, seed: u64| -> Option<bool> {
        if cancellation.is_cancelled() {
            return None;
        }
        tell(Event::Began(pace));
        let repeated = measurements.iter().filter(|m| is_of(m, pace)).count();
        match runtime.block_on(test.measure(plan, pace, seed, repeated, cancellation)) {
            Ok(measurement) => {
                tell(Event::Ended(&measurement));
                let load = measurement.load.as_ref();
                let is_met = load.is_some_and(|load| load.target_met == Some(true));
                measurements.push(measurement);
                Some(is_met)
            }
            Err(reason) => {
                tell(Event::Failed(pace, &reason));
                problems.push(format!("{pace}: {reason}"));
                Some(false)
            }
        }
    };
    match &plan.paces {
        Paces::Each(paces) => {
            for pace in paces {
                point(*pace, plan.seed);
            }
        }
        Paces::Search {
            search,
            arrivals,
            connections,
        } => {
            let mut seed = plan.seed;
            let found = highest(search, |rate| {
                // Another schedule each time: a confirmation must not repeat a lucky one.
                seed = seed.wrapping_add(1);
                let pace = Pace::Open {
                    rate,
                    arrivals: *arrivals,
                    connections: *connections,
                };
                point(pace, seed).ok_or(())
            });
            test.load.highest_rate = found.ok().flatten();
        }
    }
    let met = |m: &Measurement| m.load.as_ref().and_then(|load| load.target_met);
    test.load.target_met = plan.target.map(|_| match &plan.paces {
        Paces::Each(_) => measurements.iter().any(|m| met(m) == Some(true)),
        Paces::Search { .. } => test.load.highest_rate.is_some(),
    });
    runtime.block_on(test.let_go(plan.limit));
    shut_down(runtime);
    Ok(Measured {
        load: test.load,
        measurements,
        problems,
    })
}

/// Ends the connections without waiting for a server that does not answer.
fn shut_down(runtime: Runtime) {
    runtime.shutdown_background();
}

/// Whether a measurement was made at `pace`.
fn is_of(measurement: &Measurement, pace: Pace) -> bool {
    let load = measurement.load.as_ref();
    match pace {
        Pace::Closed { concurrency } => measurement.concurrency == Some(concurrency),
        Pace::Open { rate, .. } => load.and_then(|load| load.rate) == Some(rate),
    }
}

struct LoadTest {
    load: Load,
    target: Arc<generator::Target>,
    control: Control,
    null: Arc<generator::Target>,
    inputs: Vec<Input>,
    /// Where the tensors lie, if not in the requests.
    region: Option<Region>,
    /// The percentile that stability is judged by.
    judged: f64,
}

impl LoadTest {
    async fn prepare(plan: &Plan) -> Result<Self, LoadTestError> {
        let endpoint = &plan.endpoint;
        let address = endpoint
            .resolve()
            .map_err(|source| LoadTestError::Resolve {
                url: endpoint.clone(),
                source,
            })?;
        let version = plan.version.as_deref();
        let mut control = Control::connect(address, endpoint, &plan.model, version).await?;
        let server = control.server().await?;
        let model = control.model().await?;
        let inputs = model.inputs(&plan.shapes, plan.batch_size)?;
        let tensors = plan.input_data.requests(&inputs, plan.seed)?;
        let expected = plan.expect.as_deref().map(Expectation::read).transpose();
        let expected = expected.map_err(LoadTestError::Expectation)?;
        let connection = Connector::new(endpoint, address).connect(0).await;
        let first = |source| LoadTestError::First {
            model: plan.model.clone(),
            source,
        };
        let mut connection = connection.map_err(first)?;
        let mut requests = Vec::new();
        let mut answers: Vec<Answer> = Vec::new();
        for tensors in &tensors {
            let request = Request::inference(endpoint, &plan.model, version, tensors)?;
            let answer = first_exchange(plan, &mut connection, &request).await?;
            let unreadable = |reason| LoadTestError::FirstAnswer {
                model: plan.model.clone(),
                reason,
            };
            let expectation = match (&expected, plan.validate) {
                (Some(expected), _) => Some(expected.clone()),
                (None, true) => {
                    Some(Expectation::first(endpoint.protocol, &answer).map_err(unreadable)?)
                }
                (None, false) => None,
            };
            requests.push((request, expectation));
            answers.push(answer);
        }
        let region = if plan.shared_memory {
            let shared = Self::share(plan, &mut control, &mut connection, &tensors, &answers);
            let (region, in_region) = shared.await?;
            requests.clear();
            answers.clear();
            for (request, answer) in in_region {
                requests.push((request, None));
                answers.push(answer);
            }
            Some(region)
        } else {
            None
        };
        let null = overhead::null_target(
            endpoint.protocol,
            requests[0].0.clone(),
            answers[0].body.clone(),
        );
        let null = null.await.map_err(LoadTestError::SetUp)?;
        let told = |input: &Input| format!("{} {} {:?}", input.name, input.data_type, input.shape);
        let load = Load {
            url: endpoint.to_string(),
            protocol: endpoint.protocol.name().to_owned(),
            server,
            model: plan.model.clone(),
            model_version: plan.version.clone(),
            platform: model.platform.clone(),
            inputs: inputs.iter().map(told).collect(),
            batch_size: model.takes_batches().then_some(plan.batch_size),
            input_data: plan.input_data.to_string(),
            requests: requests.len(),
            shared_memory: region.as_ref().map(|_| "system".to_owned()),
            seed: plan.seed,
            target: plan.target.map(|target| target.to_string()),
            highest_rate: None,
            target_met: None,
        };
        Ok(Self {
            load,
            target: Arc::new(generator::Target {
                endpoint: endpoint.clone(),
                address,
                requests,
                limit: plan.limit,
            }),
            control,
            null: Arc::new(null),
            inputs,
            region,
            judged: plan.target.map_or(0.5, |target| target.percentile),
        })
    }

    /// Puts the tensors of the requests into shared memory. Returns the requests as they are with
    /// that, and their answers.
    async fn share(
        plan: &Plan,
        control: &mut Control,
        connection: &mut Connection,
        tensors: &[Vec<Tensor>],
        answers: &[Answer],
    ) -> Result<(Region, Vec<(Request, Answer)>), LoadTestError> {
        let decoded = answers.iter().map(|answer| {
            Output::decode(plan.endpoint.protocol, answer).map_err(|reason| {
                LoadTestError::FirstAnswer {
                    model: plan.model.clone(),
                    reason,
                }
            })
        });
        let outputs = decoded.collect::<Result<Vec<_>, _>>()?;
        let mut region = Region::new(tensors, &outputs)?;
        control
            .register(&region.name, &region.key(), region.byte_size)
            .await?;
        region.unlink();
        match Self::try_region(plan, connection, &region, &outputs).await {
            Ok(requests) => Ok((region, requests)),
            Err(error) => {
                // The first error is the one to tell.
                let _ = control.unregister(&region.name).await;
                Err(error)
            }
        }
    }

    /// Sends each request of a region once. Where answers are to be compared, what came there is held
    /// against `outputs`; under load nobody looks at it.
    async fn try_region(
        plan: &Plan,
        connection: &mut Connection,
        region: &Region,
        outputs: &[Vec<Output>],
    ) -> Result<Vec<(Request, Answer)>, LoadTestError> {
        let mut requests = Vec::new();
        for (index, placed) in region.requests.iter().enumerate() {
            let version = plan.version.as_deref();
            let request =
                Request::inference_in_region(&plan.endpoint, &plan.model, version, placed)?;
            let answer = first_exchange(plan, connection, &request).await?;
            if plan.validate {
                region.check(index, &outputs[index])?;
            }
            requests.push((request, answer));
        }
        Ok(requests)
    }

    /// Takes back what the server was given.
    async fn let_go(&mut self, limit: Duration) {
        if let Some(region) = &self.region {
            // The load test is over, whatever the answer is; the server has the memory for as long as
            // it lives then.
            let _ = tokio::time::timeout(limit, self.control.unregister(&region.name)).await;
        }
    }

    /// One measurement, or why there is none.
    async fn measure(
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

    /// Load for `duration`, and longer, up to five times as long, until there are `samples`.
    async fn stretch(
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
    async fn counted(
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

/// The share of the requests that were due from which a server keeps up with them.
const KEEPS_UP: f64 = 0.95;
/// How often it is looked whether there are enough samples.
const LOOK: Duration = Duration::from_millis(20);

/// Sends a request before the load.
async fn first_exchange(
    plan: &Plan,
    connection: &mut Connection,
    request: &Request,
) -> Result<Answer, LoadTestError> {
    tokio::time::timeout(plan.limit, connection.exchange(request, true))
        .await
        .unwrap_or(Err(Failure::TimedOut(plan.limit)))
        .map_err(|source| LoadTestError::First {
            model: plan.model.clone(),
            source,
        })
}

struct Beginning {
    at: Instant,
    processor: Duration,
    statistics: Option<super::server_statistics::Statistics>,
}

/// A stretch of load.
#[derive(Debug)]
struct Stretch {
    window: Window,
    tally: Tally,
    elapsed: Duration,
    processor: Duration,
    server: Option<ServerShare>,
}

impl Stretch {
    fn and(mut self, other: Self) -> Self {
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

fn ended_early() -> String {
    "it was ended before a request was answered".to_owned()
}

/// A percentile by the nearest rank without sorting everything: the load goes on meanwhile, on this
/// thread.
fn quick_percentile(values: &mut [f64], fraction: f64) -> Option<f64> {
    let rank = (fraction * values.len() as f64).ceil() as usize;
    let index = rank.clamp(1, values.len().max(1)) - 1;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(index, f64::total_cmp).1)
}

/// What a reader of a measurement should know.
fn warnings(
    plan: &Plan,
    pace: Pace,
    point: &LoadPoint,
    throughput: f64,
    samples: usize,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let Answered { failed, wrong, .. } = point.answered;
    if failed + wrong > 0 {
        let reason = point.answered.reasons.first();
        warnings.push(Warning::FailedRequests {
            failed,
            wrong,
            of: samples + failed + wrong,
            reason: reason.map(|it| it.reason.clone()).unwrap_or_default(),
        });
    }
    let wanted = plan.target.map_or(0.99, |target| target.percentile);
    let needed = statistics::minimum_samples(wanted);
    if samples < needed {
        warnings.push(Warning::TooFewForPercentile {
            percentile: percentile_name(wanted),
            samples,
            needed,
        });
    }
    if point.late as f64 > Warning::LATE_SHARE * samples as f64 && matches!(pace, Pace::Open { .. })
    {
        warnings.push(Warning::LateSends {
            late: point.late,
            of: samples + failed + wrong,
        });
    }
    let share = client_share(point.overhead.as_ref(), pace, throughput);
    if point.client_cpu_share > Warning::CLIENT_PROCESSOR_SHARE || share > Warning::GENERATOR_SHARE
    {
        warnings.push(Warning::ClientBound {
            processor_share: point.client_cpu_share,
            share,
        });
    }
    warnings
}

/// The generator's upper bound of its part in the time of a request; 0 where the pace is not the
/// server's.
fn client_share(overhead: Option<&Overhead>, pace: Pace, throughput: f64) -> f64 {
    match (overhead, pace) {
        (Some(overhead), Pace::Closed { .. }) => (throughput / overhead.throughput).min(1.0),
        _ => 0.0,
    }
}

/// Waits, or less where the load test is ended early.
async fn wait(duration: Duration, cancellation: &Cancellation) {
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
