//! The hop between front and worker: from a request that is ready to be scheduled to its outputs
//! in the front's hands, with a worker process that only copies. HTTP and framework are left out.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use reference_server::front::options::WORKER_COMMAND;
use reference_server::front::scheduler::{InferenceJob, Scheduler};
use reference_server::front::statistics::Statistics;
use reference_server::front::worker_process::{Launch, WorkerProcess};
use reference_server::ipc::descriptor::TensorPlace;
use reference_server::ipc::lane::monotonic_ns;
use reference_server::protocol::{DataType, Shape};
use reference_server::worker::backend::{
    ExecutionError, GpuTransfers, InputTensor, Instance, OutputSink,
};
use reference_server::worker::executor::Executor;
use reference_server::worker::process::inherited_surroundings;

/// Copies its input.
struct Copy;

impl Instance for Copy {
    fn execute<'a>(
        &mut self,
        inputs: &[InputTensor<'a>],
        _: &[u32],
        sink: &mut dyn OutputSink<'a>,
    ) -> Result<(), ExecutionError> {
        let input = inputs[0];
        let data = input.data.host()?;
        sink.allocate(0, input.data_type, input.dims, data.len())?
            .copy_from_slice(data);
        Ok(())
    }

    fn gpu_transfers(&self) -> GpuTransfers {
        GpuTransfers::NONE
    }
}

/// The worker's side: one instance on lane 0 until the front kills the process.
fn copy_for_ever() -> ! {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .expect("signal 9 is a signal");
    let surroundings = inherited_surroundings().expect("started by the benchmark");
    let _executor = Executor::start(surroundings, 0, Box::new(Copy)).expect("a thread");
    loop {
        std::thread::park();
    }
}

async fn hop(process: &Arc<WorkerProcess>, scheduler: &Arc<Scheduler>, input: &[u8]) {
    let mut block = process.arena().allocate(input.len()).expect("room");
    block.bytes_mut().copy_from_slice(input);
    let place = TensorPlace {
        number: 0,
        data_type: DataType::Fp32,
        shape: Shape::from_slice(&[1, input.len() as i64 / 4]),
        memory: None,
        offset: block.offset(),
        bytes: input.len() as u64,
    };
    let job = InferenceJob {
        block,
        inputs: std::iter::once(place).collect(),
        outputs: std::iter::once(0).collect(),
        targets: Default::default(),
        client_memory: Default::default(),
        batch_size: 1,
        arrived: monotonic_ns(),
        priority: 0,
        timeout: None,
    };
    let outcome = scheduler.submit(job).expect("the scheduler serves");
    let outputs = outcome.await.expect("answered").expect("executed");
    assert_eq!(outputs[0].data.len(), input.len());
    black_box(outputs);
}

fn hops(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let (process, scheduler) = runtime.block_on(async {
        tokio::spawn(async {
            let launch = Launch {
                name: "hop".to_owned(),
                library_path: Vec::new(),
                preload: Vec::new(),
                pinned_memory: 0,
            };
            let process = WorkerProcess::start(&launch).expect("a worker");
            let scheduler = Scheduler::new(Arc::new(Statistics::default()));
            process.route(0, Some(scheduler.clone()));
            scheduler.attach(&process, &[0]);
            (process, scheduler)
        })
        .await
        .expect("started")
    });
    let mut group = criterion.benchmark_group("hop");
    for bytes in [64, 4096, 1 << 20] {
        group.throughput(Throughput::Bytes(bytes));
        group.bench_with_input(
            BenchmarkId::from_parameter(bytes),
            &bytes,
            |bencher, &bytes| {
                bencher.iter_custom(|rounds| {
                    let (process, scheduler) = (process.clone(), scheduler.clone());
                    // On the runtime's own thread, as connections are.
                    let task = runtime.spawn(async move {
                        let input = vec![1; bytes as usize];
                        let start = Instant::now();
                        for _ in 0..rounds {
                            hop(&process, &scheduler, &input).await;
                        }
                        start.elapsed()
                    });
                    runtime.block_on(task).expect("measured")
                });
            },
        );
    }
    group.finish();
    process.end("is no longer needed");
}

fn main() {
    if std::env::args().nth(1).as_deref() == Some(WORKER_COMMAND) {
        copy_for_ever();
    }
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    hops(&mut criterion);
    criterion.final_summary();
}
