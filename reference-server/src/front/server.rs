//! The life of the server: from the command line to the last request.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use runtimes::{Cache, Catalog, RuntimeArgument, RuntimeSet};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::admission::{Admission, raise_file_limit};
use super::given_files::GivenFilesRoot;
use super::grpc;
use super::hosting::Hosting;
use super::http::answer::{answer, answer_metrics};
use super::http::server::serve;
use super::listener::Listener;
use super::loader::Loader;
use super::options::{ModelControlMode, Options};
use super::preload::Finding;
use super::repository::Repository;
use super::restriction::{Restriction, named_twice};
use super::service::Service;
use super::settings::{Log, LogLevel, Traces};
use super::tls::acceptor::acceptor;
use super::tls::options::TlsOptions;
use crate::protocol::repository::LoadRequest;

/// Runs a server until it is told to stop. `preloaded` is what became of `LD_PRELOAD`; `level` sets
/// that of the log.
///
/// # Errors
/// It could not start: a sentence that says what, where, why and what to do.
pub fn run(options: Options, preloaded: Vec<Finding>, level: LogLevel) -> anyhow::Result<()> {
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads())
        .thread_name("front")
        .enable_all()
        .build()
        .context("failed to start the threads of the server")?;
    let outcome = runtime.block_on(async {
        // On a thread of the runtime itself: what runs here starts worker processes, and they
        // are tied to the life of the thread that starts them.
        tokio::spawn(serve_until_stopped(options, preloaded, level))
            .await
            .context("the server's main task failed")?
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Connections that the metrics port serves at the same time.
const METRICS_CONNECTIONS: usize = 64;

async fn serve_until_stopped(
    options: Options,
    preloaded: Vec<Finding>,
    level: LogLevel,
) -> anyhow::Result<()> {
    require_unambiguous("--http-restricted-api", &options.http_restricted_api)?;
    require_unambiguous(
        "--grpc-restricted-protocol",
        &options.grpc.grpc_restricted_protocol,
    )?;
    // First, so that a signal during start-up is not lost.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stopped = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(stopped);

    let repository = open_repository(&options, &preloaded)?;
    let _cleared = Cleared(repository.loader().given_files().clone());
    let (stop, stopping) = watch::channel(false);
    let service = Arc::new(Service {
        options: options.clone(),
        repository: repository.clone(),
        shared_memory: Arc::default(),
        traces: Traces::default(),
        log: Log::new(options.log_verbose, level),
        stopping: stopping.clone(),
    });
    // Ports are taken before models are loaded: a port in use is told at once, and liveness can
    // be asked while models load.
    let ports = open_ports(&options, &service, &stopping)?;

    tokio::select! {
        loaded = load_initial(&options, &repository) => loaded?,
        () = &mut stopped => {
            // A load may hang in an op library; the workers end with this process.
            let limit = Duration::from_secs(options.exit_timeout_secs);
            tokio::time::timeout(limit, repository.close()).await.ok();
            return Ok(());
        }
    }
    let polling = (options.model_control_mode == ModelControlMode::Poll)
        .then(|| tokio::spawn(poll(repository.clone(), options.repository_poll_secs)));

    stopped.await;
    tracing::info!(
        "stopping: requests under way have {} s to finish",
        options.exit_timeout_secs
    );
    stop.send_replace(true);
    if let Some(polling) = polling {
        polling.abort();
    }
    let limit = Duration::from_secs(options.exit_timeout_secs);
    let finished = async {
        for port in ports {
            port.await.ok();
        }
        repository.close().await;
    };
    if tokio::time::timeout(limit, finished).await.is_err() {
        bail!(
            "requests were still under way after {} s and were cut off; raise --exit-timeout-secs",
            limit.as_secs()
        );
    }
    tracing::info!("stopped");
    Ok(())
}

/// Removes the files of load requests however the server ends, also where requests are cut off.
struct Cleared(Arc<GivenFilesRoot>);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Each part of a protocol has one header.
fn require_unambiguous(flag: &str, restrictions: &[Restriction]) -> anyhow::Result<()> {
    match named_twice(restrictions) {
        Some(name) => bail!("{flag} names '{name}' more than once; name each part in one of them"),
        None => Ok(()),
    }
}

fn open_repository(options: &Options, preloaded: &[Finding]) -> anyhow::Result<Arc<Repository>> {
    let existing = |flag: &str, folders: &[PathBuf]| -> anyhow::Result<Vec<PathBuf>> {
        folders
            .iter()
            .map(|folder| {
                let real = std::fs::canonicalize(folder).with_context(|| {
                    format!(
                        "failed to open {flag} '{}'; give a folder that exists",
                        folder.display()
                    )
                })?;
                if !real.is_dir() {
                    bail!(
                        "{flag} '{}' is not a folder; give the folder of models",
                        folder.display()
                    );
                }
                Ok(real)
            })
            .collect()
    };
    let folders = existing("--model-repository", &options.model_repository)?;
    let mut roots = folders.clone();
    roots.extend(existing("--op-library-root", &options.op_library_root)?);

    let cache = Cache::locate(options.runtime_cache.as_deref())?;
    let arguments = options
        .runtime
        .iter()
        .map(|argument| {
            argument
                .parse::<RuntimeArgument>()
                .with_context(|| format!("--runtime {argument}"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let runtimes = RuntimeSet::assemble(Catalog::builtin(), &cache, &arguments)?;
    for runtime in runtimes.all() {
        tracing::info!(
            "runtime {} at '{}'",
            runtime.name,
            runtime.main_library.display()
        );
    }
    for setting in &options.backend_config {
        if setting.plugins().is_none() {
            tracing::warn!("--backend-config={setting} has no effect: only 'plugins' has one here");
        }
    }
    let hosting = Hosting::new(options, runtimes, cache, preloaded);
    let loader = Loader::new(options, hosting, roots)?;
    let drain_limit = Duration::from_secs(options.exit_timeout_secs);
    Ok(Repository::new(folders, loader, drain_limit))
}

fn open_ports(
    options: &Options,
    service: &Arc<Service>,
    stopping: &watch::Receiver<bool>,
) -> anyhow::Result<Vec<tokio::task::JoinHandle<()>>> {
    let mut ports = Vec::new();
    let admission = |purpose, most| Admission::new(purpose, most, options.client_timeout);
    if options.allow_http {
        let address = SocketAddr::new(options.http_address, options.http_port);
        let tls = options.http_tls.tls();
        let listener = Listener::open("HTTP", "--http-port", address, acceptor(&tls)?)?;
        tell_of_tls("HTTP", &tls);
        tracing::info!("started HTTP service at {}", listener.local_addr()?);
        let service = service.clone();
        let handler = move |request| {
            let service = service.clone();
            async move { answer(&service, request).await }
        };
        ports.push(tokio::spawn(serve(
            listener,
            admission("HTTP", options.connections()),
            Arc::new(handler),
            stopping.clone(),
        )));
    }
    if options.grpc.allow_grpc {
        let address = SocketAddr::new(options.grpc.grpc_address, options.grpc.grpc_port);
        let tls = options.grpc.tls.tls();
        let listener = Listener::open("gRPC", "--grpc-port", address, acceptor(&tls)?)?;
        tell_of_tls("gRPC", &tls);
        tracing::info!("started gRPC service at {}", listener.local_addr()?);
        for (flag, reason) in options.grpc.without_effect() {
            tracing::warn!("{flag} has no effect: {reason}");
        }
        let admission = admission("gRPC", options.connections());
        let serving = grpc::server::serve(listener, admission, service.clone(), stopping.clone());
        ports.push(tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!("the gRPC service ended: {error}");
            }
        }));
    }
    if options.allow_metrics {
        let address = SocketAddr::new(options.metrics_address(), options.metrics_port);
        let listener = Listener::open("metrics", "--metrics-port", address, None)?;
        tracing::info!("started metrics service at {}", listener.local_addr()?);
        let service = service.clone();
        let handler = move |request| {
            let service = service.clone();
            async move { answer_metrics(&service, request).await }
        };
        ports.push(tokio::spawn(serve(
            listener,
            admission("metrics", METRICS_CONNECTIONS),
            Arc::new(handler),
            stopping.clone(),
        )));
    }
    Ok(ports)
}

/// Logs who may use a port that is served over TLS.
fn tell_of_tls(protocol: &str, tls: &TlsOptions<'_>) {
    if tls.is_on() {
        tracing::info!(
            "{protocol} is served over TLS alone{}",
            match tls.roots {
                Some(roots) if tls.mutual => format!(
                    ", to clients with a certificate of an authority in '{}'",
                    roots.display()
                ),
                _ => String::new(),
            }
        );
    }
}

/// Tries out the op libraries that all models of a framework get.
async fn verify_libraries(options: &Options, repository: &Repository) -> anyhow::Result<()> {
    let failures = repository.loader().hosting().verify().await;
    if !failures.is_empty() && options.exit_on_error {
        bail!(
            "{}; start with --exit-on-error=false to serve the models that do not need it",
            failures.join("; ")
        );
    }
    for failure in failures {
        tracing::error!("{failure}");
    }
    Ok(())
}

/// Loads what the control mode says is loaded at start.
async fn load_initial(options: &Options, repository: &Arc<Repository>) -> anyhow::Result<()> {
    verify_libraries(options, repository).await?;
    let names: BTreeSet<String> = match options.model_control_mode {
        ModelControlMode::None | ModelControlMode::Poll => repository.names(),
        ModelControlMode::Explicit if options.load_model.iter().any(|name| name == "*") => {
            repository.names()
        }
        ModelControlMode::Explicit => options.load_model.iter().cloned().collect(),
    };
    if options.model_control_mode != ModelControlMode::Explicit && !options.load_model.is_empty() {
        bail!("--load-model needs --model-control-mode explicit");
    }
    if names.is_empty() && options.model_control_mode != ModelControlMode::Explicit {
        tracing::warn!("the model repositories hold no models");
    }
    let tried = names.len();
    let mut failed = Vec::new();
    let loads: Vec<_> = names
        .into_iter()
        .map(|name| {
            let repository = repository.clone();
            tokio::spawn(async move {
                let loaded = repository.load(&name, LoadRequest::default()).await;
                loaded.map_err(|_| name)
            })
        })
        .collect();
    for load in loads {
        if let Err(name) = load.await.context("a load failed in an unexpected way")? {
            failed.push(name);
        }
    }
    if !failed.is_empty() && options.exit_on_error {
        repository.close().await;
        bail!(
            "{} of {tried} models could not be loaded, for the reasons above: {}; start with \
             --exit-on-error=false to serve the others",
            failed.len(),
            failed.join(", ")
        );
    }
    repository.finish_initial_load();
    Ok(())
}

async fn poll(repository: Arc<Repository>, seconds: u64) {
    let mut ticks = tokio::time::interval(Duration::from_secs(seconds.max(1)));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick comes at once, when everything was just loaded.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        repository.poll().await;
    }
}
