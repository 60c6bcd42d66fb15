//! The way to readiness: of a server, and of a model.

use std::time::{Duration, Instant};

use anyhow::bail;
use runtimes::Framework;
use suites::client::Client;
use suites::server::ServerProcess;
use test_ops::{DataType, Op};

use super::experiment::Tensor;
use super::kernel::Place;
use super::testbed::{Control, PATIENCE, Testbed};
use crate::measurement::Subject;

/// The models whose start is measured: two small ones that share the op library.
pub fn models(framework: Framework) -> [test_ops::Model; 2] {
    [Op::BiasGelu, Op::RmsNorm].map(|op| {
        let tensor = Tensor {
            op,
            data_type: DataType::Fp32,
            row: 64,
        };
        Testbed::model(framework, tensor)
    })
}

/// A round is a server with two models, from spawn to ready, and its end.
pub fn spawn_to_ready(testbed: &Testbed, framework: Framework) -> anyhow::Result<impl Subject> {
    let repository = testbed.repository(
        &format!("startup-{framework}"),
        &models(framework),
        Place::Cpu,
    )?;
    let command = testbed.command(framework, &repository, Control::AllAtStart)?;
    Ok(move || {
        let (mut server, elapsed) = testbed.start(&command)?;
        server.terminate(PATIENCE);
        Ok(vec![milliseconds(elapsed)])
    })
}

/// A round is the load of a model on request, and its unload. With `running_worker` another model
/// of the same op set stays loaded meanwhile; otherwise every load starts a worker.
pub fn model_load(
    testbed: &Testbed,
    framework: Framework,
    running_worker: bool,
) -> anyhow::Result<impl Subject> {
    let [subject, neighbour] = models(framework);
    let repository = testbed.repository(
        &format!("model-load-{framework}"),
        &[subject.clone(), neighbour.clone()],
        Place::Cpu,
    )?;
    let command = testbed.command(framework, &repository, Control::OnRequest)?;
    let (server, _) = testbed.start(&command)?;
    let client = Client::new(server.http_address(), PATIENCE)?;
    if running_worker {
        client.load(&neighbour.name)?;
    }
    let processes = server.processes().len();
    Ok(move || {
        let begin = Instant::now();
        client.load(&subject.name)?;
        let elapsed = begin.elapsed();
        client.unload(&subject.name)?;
        unloaded(&client, &server, &subject.name, processes)?;
        Ok(vec![milliseconds(elapsed)])
    })
}

/// Waits until the model is gone and the server has its earlier number of processes again, so
/// that the next load is not measured while the last unload is still under way.
fn unloaded(
    client: &Client,
    server: &ServerProcess,
    model: &str,
    processes: usize,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let busy = client.index()?.iter().any(|entry| {
            entry.name == model && matches!(entry.state.as_str(), "READY" | "UNLOADING")
        });
        if !busy && server.processes().len() <= processes {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!(
                "model '{model}' or its worker is still there {PATIENCE:?} after its unload; the \
                 server's log ends with:\n{}",
                server.log_tail(12).join("\n")
            );
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A round is a server with two models, and what its worker has in memory when it is ready and
/// nobody asks it for anything: the resident set, in MiB.
pub fn idle_memory(testbed: &Testbed, framework: Framework) -> anyhow::Result<impl Subject> {
    const MIB: f64 = (1 << 20) as f64;
    let repository = testbed.repository(
        &format!("memory-{framework}"),
        &models(framework),
        Place::Cpu,
    )?;
    let command = testbed.command(framework, &repository, Control::AllAtStart)?;
    Ok(move || {
        let (mut server, _) = testbed.start(&command)?;
        let front = server.pid();
        let largest = server
            .memory()
            .into_iter()
            .filter(|process| process.pid != front)
            .map(|process| process.resident)
            .max();
        server.terminate(PATIENCE);
        match largest {
            Some(resident) => Ok(vec![resident as f64 / MIB]),
            None => bail!("the server has no worker while its models are ready"),
        }
    })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
