//! `harness bench`

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::arguments::exit_codes;
use super::parse_duration;
use crate::load::{
    Arrivals, Endpoint, InputData, Pace, Paces, Plan, Rule, Search, Shape, SharedMemoryKind, Sweep,
    Target, TlsFiles, Until,
};

/// How near the highest rate that meets a target is searched for.
const PRECISION: f64 = 0.05;

pub(super) fn bench_exit_codes() -> String {
    format!(
        "Latency counts from the moment at which a request is sent; with --rate from the moment at \
         which it was to be sent, so that a server that stalls does not look well because nothing was \
         sent meanwhile. A measurement ends when its last three windows agree: throughput and latency \
         each within --stability of their mean, and latency not rising from window to window; its \
         numbers are those of these three.\n\nExit status 0 says that every request was answered, \
         rightly where that was checked, and that --percentile-target was met, at one pace at least. \
         Exit status 1 says that requests failed or were answered wrongly, or that the target was \
         missed; 3 that the server was not there or refused the first request.\n\n{}",
        exit_codes()
    )
}

/// `harness bench`
#[derive(Debug, Clone, Args)]
pub struct Bench {
    /// The server: http://HOST:PORT or grpc://HOST:PORT; with TLS https:// or grpcs://
    #[arg(long)]
    pub url: Endpoint,
    /// The certificate authorities of a server with TLS, in PEM form [default: those that the system
    /// trusts]
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub ca_certificate: Option<PathBuf>,
    /// The certificate that is shown to a server with TLS, in PEM form
    #[arg(long, value_name = "FILE", requires = "client_key")]
    pub client_certificate: Option<PathBuf>,
    /// The private key of that certificate, in PEM form
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    pub client_key: Option<PathBuf>,
    /// Take any certificate of a server with TLS, whoever it is then; a warning stands beside the
    /// numbers
    #[arg(long)]
    pub insecure: bool,
    /// The model
    #[arg(long, value_name = "NAME")]
    pub model: String,
    /// Its version [default: as the server chooses]
    #[arg(long, value_name = "VERSION")]
    pub model_version: Option<String>,
    /// Requests under way at the same time, closed loop: FIRST, FIRST:LAST:STEP or
    /// FIRST:LAST:FACTORx [default: 1]
    #[arg(long, value_name = "SERIES", value_parser = concurrency, conflicts_with = "rate")]
    pub concurrency: Option<Sweep>,
    /// Requests a second, open loop, in the same form. With --percentile-target, FIRST:LAST without
    /// a step searches for the highest rate that meets it
    #[arg(long, value_name = "SERIES")]
    pub rate: Option<Sweep>,
    /// How the requests of --rate are spaced
    #[arg(long, value_name = "HOW", default_value_t = Arrivals::Poisson, requires = "rate")]
    pub arrivals: Arrivals,
    /// The most requests of --rate that are under way at the same time
    #[arg(long, value_name = "N", default_value_t = 128, requires = "rate", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// The values that are sent: random, zero, or a JSON file as perf_analyzer reads it, of which the
    /// entries are sent in turn
    #[arg(long, value_name = "WHAT", default_value = "random", value_parser = input_data)]
    pub input_data: InputData,
    /// Extents of an input that the model leaves open, without the batch dimension; may be given
    /// several times
    #[arg(long, value_name = "NAME:EXTENTS")]
    pub shape: Vec<Shape>,
    /// Rows of a request, for a model that takes batches
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub batch_size: u64,
    /// Measure for so long at each pace, instead of until the windows agree
    #[arg(long, value_name = "TIME", value_parser = parse_duration, conflicts_with = "requests")]
    pub duration: Option<Duration>,
    /// Measure so many requests at each pace, instead of until the windows agree
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub requests: Option<u64>,
    /// Length of a window, at least; it gets longer, up to five times, where three of them would
    /// have too few samples for the percentile
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub window: Duration,
    /// The most windows at a pace
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(3..))]
    pub max_windows: u16,
    /// How far windows may lie from their mean
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = share)]
    pub stability: f64,
    /// Load that does not count, before each measurement
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "1s")]
    pub warm_up: Duration,
    /// A latency that is to be met, such as 'p99<2ms'
    #[arg(long, value_name = "TARGET")]
    pub percentile_target: Option<Target>,
    /// Put tensors into shared memory that the server, on this machine, maps too, instead of sending
    /// them. With --validate, what comes there is compared once, before the load
    #[arg(long, value_name = "KIND", conflicts_with = "expect")]
    pub shared_memory: Option<SharedMemoryKind>,
    /// Compare every answer with the first one
    #[arg(long)]
    pub validate: bool,
    /// Compare every answer with the outputs in this JSON file
    #[arg(long, value_name = "FILE", conflicts_with = "validate")]
    pub expect: Option<PathBuf>,
    /// The longest wait for an answer; what takes longer has failed
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    pub timeout: Duration,
    /// What random values and the arrivals of --rate are made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Folder in which the folder of this run is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results_dir: PathBuf,
}

/// Whole numbers of connections that a machine can open.
fn concurrency(text: &str) -> Result<Sweep, String> {
    let sweep: Sweep = text.parse().map_err(|error| format!("{error}"))?;
    let is_whole = |value: &f64| value.fract() == 0.0 && *value <= 10_000.0;
    if sweep.values().iter().all(is_whole) {
        Ok(sweep)
    } else {
        Err(format!(
            "'{text}' has other numbers than whole ones up to 10000"
        ))
    }
}

fn input_data(text: &str) -> Result<InputData, std::convert::Infallible> {
    text.parse()
}

/// `10%` or `10`.
fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
    let number = number
        .ok()
        .filter(|number| *number > 0.0 && *number < 100.0);
    number
        .map(|number| number / 100.0)
        .ok_or_else(|| format!("'{text}' is no share: expected a percentage such as 10%"))
}

impl Bench {
    /// What is measured.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let paces = match (&self.rate, &self.percentile_target) {
            (Some(rate), Some(_)) if rate.step.is_none() && !rate.is_single() => Paces::Search {
                search: Search {
                    low: rate.first,
                    high: rate.last,
                    precision: PRECISION,
                },
                arrivals: self.arrivals,
                connections: self.connections,
            },
            (Some(rate), _) => {
                let pace = |rate| Pace::Open {
                    rate,
                    arrivals: self.arrivals,
                    connections: self.connections,
                };
                Paces::Each(rate.values().into_iter().map(pace).collect())
            }
            (None, _) => {
                let values = self.concurrency.map_or(vec![1.0], |it| it.values());
                let pace = |value| Pace::Closed {
                    concurrency: value as u32,
                };
                Paces::Each(values.into_iter().map(pace).collect())
            }
        };
        let until = match (self.duration, self.requests) {
            (Some(duration), _) => Until::Elapsed(duration),
            (None, Some(requests)) => {
                Until::Requests(usize::try_from(requests).unwrap_or(usize::MAX - 1))
            }
            (None, None) => Until::Settled {
                window: self.window,
                most: usize::from(self.max_windows),
                rule: Rule {
                    bound: self.stability,
                },
            },
        };
        Plan {
            endpoint: self.url.clone(),
            tls: TlsFiles {
                authorities: self.ca_certificate.clone(),
                certificate: self.client_certificate.clone(),
                key: self.client_key.clone(),
                insecure: self.insecure,
            },
            model: self.model.clone(),
            version: self.model_version.clone(),
            shapes: self.shape.clone(),
            batch_size: self.batch_size,
            input_data: self.input_data.clone(),
            seed: self.seed,
            paces,
            until,
            warm_up: self.warm_up,
            target: self.percentile_target,
            expect: self.expect.clone(),
            validate: self.validate,
            shared_memory: self.shared_memory,
            limit: self.timeout,
        }
    }
}
