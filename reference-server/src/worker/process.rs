//! The worker's main loop: one control message after the other.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use runtimes::Framework;

use super::backend::{
    Backend, LibraryReport, LoadError, LoadedModel, ModelSpecification, RuntimeSpecification,
};
use super::client_memory::ClientMemory;
use super::executor::{Executor, Surroundings};
use super::opening::open;
use super::pinned_memory::PinnedMemory;
use super::recorder::Recorder;
use crate::ipc::arena::WorkerArena;
use crate::ipc::control::{CLIENT_MEMORY_FD, CONTROL_FD, DOORBELL_FD, REGION_FD, Reply, Request};
use crate::ipc::region::Region;

/// Runs a worker until the front closes the control socket.
///
/// # Errors
/// The descriptors that a worker is started with are missing (it was started by hand), or the
/// control socket breaks.
pub fn run() -> anyhow::Result<()> {
    let control = UnixStream::from(inherited(CONTROL_FD)?);
    let surroundings = inherited_surroundings()?;
    Worker {
        models: HashMap::new(),
        backends: HashMap::new(),
        surroundings,
    }
    .serve(&control)
}

/// Maps the region and takes the doorbell and the socket that the front handed over. Once a process.
///
/// # Errors
/// The process was not started by a front.
pub fn inherited_surroundings() -> anyhow::Result<Surroundings> {
    let region = Region::map(inherited(REGION_FD)?).context("failed to map the shared region")?;
    let arena = WorkerArena::new(region);
    Ok(Surroundings {
        pinned: PinnedMemory::new(arena.clone()),
        client_memory: ClientMemory::from_front(inherited(CLIENT_MEMORY_FD)?)
            .context("failed to start the thread that takes memory of clients")?,
        arena,
        doorbell: Arc::new(inherited(DOORBELL_FD)?),
        spinner: Arc::default(),
    })
}

/// Takes ownership of a descriptor that the front handed over.
fn inherited(number: RawFd) -> anyhow::Result<OwnedFd> {
    // SAFETY: only asks whether the descriptor is open.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        anyhow::bail!(
            "file descriptor {number} is not open: workers are started by the server, not by hand"
        );
    }
    // A process that an op library starts must not hold on to it.
    // SAFETY: the descriptor is open, and nothing else in this process owns it.
    let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC)?;
    Ok(descriptor)
}

struct Worker {
    // Dropped in this order: executions use op libraries, which a backend closes.
    models: HashMap<u64, Model>,
    backends: HashMap<Framework, Box<dyn Backend>>,
    surroundings: Surroundings,
}

struct Model {
    framework: Framework,
    executors: Vec<Executor>,
}

impl Worker {
    fn recorder(&self) -> &Recorder {
        self.surroundings.arena.region().recorder()
    }

    fn serve(mut self, control: &UnixStream) -> anyhow::Result<()> {
        for line in BufReader::new(control).lines() {
            let request = serde_json::from_str(&line.context("failed to read a control message")?)
                .context("failed to understand a control message")?;
            self.recorder().begin();
            let reply = self.handle(request);
            self.recorder().idle();
            let mut line = serde_json::to_vec(&reply).context("failed to write a reply")?;
            line.push(b'\n');
            (&mut &*control)
                .write_all(&line)
                .context("failed to send a reply")?;
        }
        Ok(())
    }

    fn handle(&mut self, request: Request) -> Reply {
        match request {
            Request::Open {
                specification,
                libraries,
            } => match self.open(&specification, &libraries) {
                Ok(libraries) => Reply::Opened { libraries },
                Err(error) => Reply::OpenFailed { error },
            },
            Request::Add {
                framework,
                libraries,
            } => {
                let added = self
                    .backend(framework)
                    .and_then(|backend| backend.load_libraries(&libraries));
                match added {
                    Ok(libraries) => Reply::Opened { libraries },
                    Err(error) => Reply::OpenFailed { error },
                }
            }
            Request::Describe { framework } => Reply::Described {
                libraries: self
                    .backends
                    .get(&framework)
                    .map(|backend| backend.describe())
                    .unwrap_or_default(),
            },
            Request::Load {
                framework,
                specification,
                lanes,
            } => {
                let key = specification.key;
                match self.load(framework, &specification, &lanes) {
                    Ok(reply) => reply,
                    Err(error) => Reply::LoadFailed { key, error },
                }
            }
            Request::Unload { key } => {
                // Ends the threads and drops the instances before the backend lets go.
                let still_mapped = self
                    .models
                    .remove(&key)
                    .and_then(|model| {
                        drop(model.executors);
                        self.backends.get_mut(&model.framework)
                    })
                    .map(|backend| backend.unload_model(key))
                    .unwrap_or_default();
                Reply::Unloaded { key, still_mapped }
            }
        }
    }

    fn open(
        &mut self,
        specification: &RuntimeSpecification,
        libraries: &[PathBuf],
    ) -> Result<Vec<LibraryReport>, LoadError> {
        let arena = self.surroundings.arena.clone();
        let mut backend = open(specification, arena)?;
        let reports = backend.load_libraries(libraries)?;
        self.backends.insert(specification.framework, backend);
        Ok(reports)
    }

    fn backend(&mut self, framework: Framework) -> Result<&mut Box<dyn Backend>, LoadError> {
        self.backends.get_mut(&framework).ok_or_else(|| {
            LoadError::new(format!(
                "the worker has no runtime of {framework} mapped yet"
            ))
        })
    }

    fn load(
        &mut self,
        framework: Framework,
        specification: &ModelSpecification,
        lanes: &[u32],
    ) -> Result<Reply, LoadError> {
        let surroundings = self.surroundings.clone();
        let backend = self.backend(framework)?;
        let LoadedModel {
            inputs,
            outputs,
            instances,
            libraries,
        } = backend.load_model(specification)?;
        let mut executors = Vec::with_capacity(instances.len());
        for (&lane, instance) in lanes.iter().zip(instances) {
            match Executor::start(surroundings.clone(), lane, instance) {
                Ok(executor) => executors.push(executor),
                Err(error) => {
                    drop(executors);
                    backend.unload_model(specification.key);
                    return Err(LoadError::new(format!(
                        "failed to start a thread for an instance of model '{}': {error}; lower \
                         the number of instances or raise the process limit",
                        specification.name
                    )));
                }
            }
        }
        let model = Model {
            framework,
            executors,
        };
        self.models.insert(specification.key, model);
        Ok(Reply::Loaded {
            key: specification.key,
            inputs,
            outputs,
            libraries,
        })
    }
}
