//! A made-up run with every verdict and every kind of measurement, for tests of what is written
//! about a run.

use harness::load::{Answered, Arrivals, Load, LoadPoint, Overhead, ServerShare, Window};
use harness::measurement::{About, Aspect, Kind, Measurement, Samples, Warning};
use harness::results::{
    Check, CheckedLibrary, CheckedModel, CheckedPair, Counts, Fit, Machine, Meeting, Predicted,
    Results, Run, RuntimeRecord, SCHEMA_VERSION, Selected,
};
use op_library::{
    Collision, CollisionKind, Consequence, Finding, FindingId, ProbeOutcome, ProbePhase,
    ProbedLibrary, ProbedOp, Severity,
};
use std::time::Duration;
use suites::{
    Answer, CaseResult, Conflict, Evidence, Exit, Forecast, Framework, Isolation, LoadingPath,
    Outcome, Phase, Prediction, Profile, Suite, Traffic, Trial, TrialOutcome, Verdict,
};

/// A case of the load-time suite that was served as expected.
fn served(name: &str, description: &str) -> CaseResult {
    let id = format!("load-time/onnxruntime/model-config/{name}");
    CaseResult {
        suite: Suite::LoadTime,
        framework: Framework::OnnxRuntime,
        path: LoadingPath::ModelConfig,
        description: description.to_owned(),
        conflict: None,
        isolation: Isolation::OpSet,
        runtime: "onnxruntime-1.32.0".to_owned(),
        expected: Some(Outcome::Served),
        outcome: Some(Outcome::Served),
        verdict: Verdict::Pass,
        phase: Phase::FirstRun,
        prediction: None,
        trial: None,
        message: String::new(),
        time_to_ready_ms: Some(61.5),
        load_ms: Some(24.25),
        duration_ms: 812.0,
        evidence: Evidence {
            steps: vec![
                "load 'subject': 200".to_owned(),
                "infer 'subject': right values".to_owned(),
            ],
            server_command: vec![
                "reference-server".to_owned(),
                "--http-port".to_owned(),
                "0".to_owned(),
            ],
            reproduce: format!("cargo harness run --filter '^{id}$' --isolation op-set"),
            ..Evidence::default()
        },
        id,
    }
}

/// One case of every verdict, and one of every kind of long text.
pub fn sample_cases() -> Vec<CaseResult> {
    let absolute = served(
        "absolute-path",
        "The op library is given by an absolute path.",
    );
    let mut refused = served(
        "missing-file",
        "The configuration names a file that does not exist.",
    );
    refused.expected = Some(Outcome::Rejected);
    refused.outcome = Some(Outcome::Rejected);
    refused.phase = Phase::Dlopen;
    refused.message =
        "load failed for model 'subject': version 1 is at UNAVAILABLE state: Internal: \
        op library '/repository/subject/libmissing.so' does not exist; build it, or correct \
        op_library_filename;"
            .to_owned();
    let mut contained = served(
        "initializer-crashes",
        "A static initializer of the op library crashes; a healthy model keeps answering.",
    );
    contained.expected = Some(Outcome::WorkerCrashed);
    contained.outcome = Some(Outcome::WorkerCrashed);
    contained.phase = Phase::Dlopen;
    contained.message =
        "the worker was killed by signal 11 while it opened the op library".to_owned();
    contained.evidence.traffic = Some(Traffic {
        model: "healthy".to_owned(),
        requests_before: 120,
        requests_after: 940,
        failures: 0,
        first_failure: None,
    });
    let mut unloaded = served(
        "unload",
        "After the unload the op library is gone from the worker's maps.",
    );
    unloaded.verdict = Verdict::Fail;
    unloaded.outcome = Some(Outcome::StillLoaded);
    unloaded.phase = Phase::Unload;
    unloaded.message = "the op library is still mapped".to_owned();
    unloaded.evidence.departures = vec!["outcome is still-loaded, expected served".to_owned()];
    unloaded.evidence.exit = Some(Exit::Status(0));
    unloaded.evidence.log_tail = vec![
        "2026-01-02T03:04:05Z INFO model 'subject' version 1 is unloading".to_owned(),
        format!(
            "2026-01-02T03:04:06Z WARN still mapped: /tmp/{}/libsubject.so",
            "deep/".repeat(40)
        ),
    ];
    unloaded.evidence.mapped_before_unload = vec!["/tmp/case/libsubject.so".into()];
    unloaded.evidence.mapped_after_unload = Some(vec!["/tmp/case/libsubject.so".into()]);
    let mut skipped = served(
        "older-api",
        "The op library is built for an older API level.",
    );
    skipped.verdict = Verdict::Skip;
    skipped.outcome = None;
    skipped.message = "needs runtime onnxruntime-1.20.1, which is not installed".to_owned();
    let mut broken = served("many-models", "64 models are loaded at once.");
    broken.verdict = Verdict::Error;
    broken.outcome = None;
    broken.message = "failed to start the server: no free port on 127.0.0.1".to_owned();
    vec![absolute, broken, contained, refused, skipped, unloaded]
}

/// A library of PyTorch in a runtime, with what was foretold and what came of it.
fn tried(
    what: &str,
    runtime: &str,
    foretold: Forecast,
    seen: TrialOutcome,
    verdict: Verdict,
) -> CaseResult {
    let reason = match foretold {
        Forecast::Loads => "everything that it needs is there, and it registers ops".to_owned(),
        _ => format!(
            "'/tmp/{}/libops.so' uses the undefined symbol c10::TensorImpl::incref_pyobject() const",
            "deep/".repeat(40)
        ),
    };
    CaseResult {
        id: format!("version-mismatch/pytorch/model-config/{what}@{runtime}"),
        suite: Suite::VersionMismatch,
        framework: Framework::PyTorch,
        runtime: format!("pytorch-{runtime}"),
        outcome: Some(match seen {
            TrialOutcome::Registered => Outcome::Served,
            _ => Outcome::Rejected,
        }),
        verdict,
        prediction: Some(Prediction {
            verdict: foretold,
            reason,
        }),
        trial: Some(Trial {
            outcome: seen,
            message: String::new(),
            ops: Vec::new(),
            api_level: None,
        }),
        ..served(what, "A library that was built for another version.")
    }
}

/// Cases of the suite about versions: right, wrong and open predictions, and a gap.
#[allow(dead_code, reason = "each user of this module uses a part of it")]
pub fn version_cases() -> Vec<CaseResult> {
    use TrialOutcome::{Crashed, Failed, Registered};
    vec![
        tried(
            "built-for-2.11.0",
            "2.11.0",
            Forecast::Loads,
            Registered,
            Verdict::Pass,
        ),
        tried(
            "built-for-2.11.0",
            "2.9.1",
            Forecast::Fails,
            Failed,
            Verdict::Pass,
        ),
        tried(
            "built-for-2.9.1",
            "2.11.0",
            Forecast::Loads,
            Crashed,
            Verdict::Fail,
        ),
        tried(
            "built-for-2.9.1",
            "2.9.1",
            Forecast::Loads,
            Registered,
            Verdict::Pass,
        ),
        tried(
            "schema-disagrees",
            "2.11.0",
            Forecast::NeedsTrial,
            Crashed,
            Verdict::Pass,
        ),
    ]
}

/// Cases of the suite about names: another library answers, and each its own.
#[allow(dead_code, reason = "each user of this module uses a part of it")]
pub fn conflict_cases() -> Vec<CaseResult> {
    [
        (Isolation::Shared, Outcome::Shadowed, "libops.so"),
        (Isolation::OpSet, Outcome::Served, "libother.so"),
    ]
    .map(|(isolation, outcome, library)| CaseResult {
        id: format!("name-conflict/tensorrt/model-config/same-op@{isolation}@8.6.0"),
        suite: Suite::NameConflict,
        framework: Framework::TensorRt,
        path: LoadingPath::ModelConfig,
        isolation,
        runtime: "tensorrt-8.6.0".into(),
        expected: Some(outcome),
        outcome: Some(outcome),
        verdict: Verdict::Pass,
        conflict: Some(Conflict {
            arrangement: "same-op".into(),
            reversed: false,
            by_flag: false,
        }),
        evidence: Evidence {
            answers: vec![Answer {
                model: "second".into(),
                library: Some(library.into()),
                signature: 1,
                place: Some(1),
                of: 2,
            }],
            ..Evidence::default()
        },
        ..version_cases().remove(0)
    })
    .into()
}

/// Samples around `median` with a long tail; the same every time.
fn spread(median: f64, count: usize) -> Samples {
    let ascending = (0..count)
        .map(|rank| {
            let share = (rank as f64 + 0.5) / count as f64;
            median * (0.85 + 0.3 * share + 0.02 / (1.02 - share))
        })
        .collect();
    Samples {
        ascending,
        elapsed: Duration::from_secs(2),
        warnings: Vec::new(),
    }
}

fn measured(
    id: &str,
    kind: Kind,
    (op, shape, dtype): (&str, &[u64], &str),
    concurrency: Option<u32>,
    median: f64,
    count: usize,
) -> Measurement {
    let about = About {
        id: id.to_owned(),
        kind,
        aspect: None,
        framework: id.split('/').nth(1).unwrap_or("none").to_owned(),
        op: Some(op.to_owned()).filter(|op| !op.is_empty()),
        shape: Some(shape.to_vec()).filter(|shape| !shape.is_empty()),
        dtype: Some(dtype.to_owned()).filter(|dtype| !dtype.is_empty()),
        concurrency,
        unit: if kind == Kind::Startup { "ms" } else { "us" },
    };
    Measurement::new(about, spread(median, count)).expect("there are samples")
}

/// Start-up, load, op time and serving.
pub fn sample_measurements() -> Vec<Measurement> {
    let nothing: (&str, &[u64], &str) = ("", &[], "");
    let mut measurements = vec![
        measured(
            "startup/onnxruntime/spawn-to-ready",
            Kind::Startup,
            nothing,
            None,
            62.0,
            12,
        ),
        measured(
            "startup/onnxruntime/model-load",
            Kind::Startup,
            nothing,
            None,
            9.3,
            20,
        ),
    ];
    let ops = [
        ("BiasGelu", 3.1),
        ("RmsNorm", 4.4),
        ("Modulo", 2.9),
        ("SelectAbove", 5.0),
    ];
    for (op, median) in ops {
        let id = format!("kernel/onnxruntime/{op}/1x64/fp32");
        measured_into(
            &mut measurements,
            &id,
            Kind::Kernel,
            (op, &[1, 64], "fp32"),
            None,
            median,
            900,
        );
    }
    for concurrency in [1, 4] {
        let id = format!("serving/none/null/1x64/fp32/http/c{concurrency}");
        let tensor = ("null", &[1, 64][..], "fp32");
        measured_into(
            &mut measurements,
            &id,
            Kind::Serving,
            tensor,
            Some(concurrency),
            18.0,
            20_000,
        );
    }
    for (shape, text, median) in [([1, 64], "1x64", 70.0), ([1, 262_144], "1x262144", 880.0)] {
        for concurrency in [1, 4] {
            let id = format!("serving/onnxruntime/BiasGelu/{text}/fp32/http/c{concurrency}");
            let median = median * (1.0 + f64::from(concurrency) / 4.0);
            measured_into(
                &mut measurements,
                &id,
                Kind::Serving,
                ("BiasGelu", &shape, "fp32"),
                Some(concurrency),
                median,
                20_000,
            );
        }
    }
    measurements[0].warnings.push(Warning::TooFewSamples {
        samples: 12,
        wanted: 20,
        budget_s: 2.0,
    });
    measurements
}

/// Kernels on a GPU, in three frameworks: what an H200 may take, copies at 4.2 TB/s.
#[allow(dead_code, reason = "each user of this module uses a part of it")]
pub fn sample_kernels() -> Vec<Measurement> {
    let bytes_a_microsecond = 4.2e6;
    let mut kernels = Vec::new();
    for (index, framework) in ["onnxruntime", "pytorch", "tensorflow"].iter().enumerate() {
        for op in ["BiasGelu", "RmsNorm"] {
            for (dtype, size) in [("fp32", 4.0), ("fp16", 2.0)] {
                for power in [8, 14, 18, 20, 24, 26, 28, 29] {
                    let bytes = 2_f64.powi(power);
                    let columns = if power < 10 { 64.0 } else { 1024.0 };
                    let shape = [(bytes / size / columns).max(1.0) as u64, columns as u64];
                    let floor = 2.0 * bytes / bytes_a_microsecond;
                    let own = 1.0 + index as f64 / 50.0;
                    let time = (2.1 + floor / 0.93) * own;
                    let id = format!(
                        "kernel/gpu/{framework}/{op}/{}x{}/{dtype}",
                        shape[0], shape[1]
                    );
                    let mut add = |aspect: Aspect, median: f64| {
                        let about = About {
                            id: match aspect {
                                Aspect::KernelTime => id.clone(),
                                other => format!("{id}/{}", other.name()),
                            },
                            kind: Kind::Kernel,
                            aspect: Some(aspect),
                            framework: (*framework).to_owned(),
                            op: Some(op.to_owned()),
                            shape: Some(shape.to_vec()),
                            dtype: Some(dtype.to_owned()),
                            concurrency: None,
                            unit: if aspect == Aspect::SpeedUp {
                                "×"
                            } else {
                                "us"
                            },
                        };
                        let measured = Measurement::new(about, spread(median, 60));
                        kernels.push(Measurement {
                            device: "NVIDIA H200".to_owned(),
                            bandwidth_fraction: (aspect == Aspect::KernelTime)
                                .then_some(floor / median),
                            ..measured.expect("there are samples")
                        });
                    };
                    add(Aspect::KernelTime, time);
                    add(Aspect::WallTime, time * 3.0 + 20.0);
                    add(
                        Aspect::SpeedUp,
                        1.1 + index as f64 / 4.0 + f64::from(power) / 20.0,
                    );
                    if power <= 20 {
                        let overhead = 18.0 + 6.0 * index as f64 + f64::from(power) / 10.0;
                        add(Aspect::LaunchOverhead, overhead);
                    }
                }
            }
        }
    }
    kernels
}

fn measured_into(
    all: &mut Vec<Measurement>,
    id: &str,
    kind: Kind,
    tensor: (&str, &[u64], &str),
    concurrency: Option<u32>,
    median: f64,
    count: usize,
) {
    all.push(measured(id, kind, tensor, concurrency, median, count));
}

/// A whole run.
pub fn sample_results() -> Results {
    let cases = sample_cases();
    Results {
        schema_version: SCHEMA_VERSION,
        run: Run {
            command_line: ["cargo", "harness", "run", "--quick"]
                .map(str::to_owned)
                .to_vec(),
            commit: Some("0123456789abcdef0123456789abcdef01234567".to_owned()),
            harness_version: "0.1.0".to_owned(),
            isolation: Isolation::OpSet,
            profile: Profile::Reference,
            quick: true,
            selection: Selected::default(),
            shard: None,
            parts: Vec::new(),
            start: "2026-01-02T03:04:05Z".parse().expect("a valid time"),
            duration_s: 184.5,
            interrupted: false,
            warnings: vec![Warning::BusyMachine { share: 0.31 }],
            problems: Vec::new(),
            notices: Vec::new(),
        },
        machine: Machine {
            cpu: Some("Example CPU @ 2.80GHz".to_owned()),
            cores: Some(2),
            logical_processors: 4,
            memory_bytes: Some(16 << 30),
            kernel: "Linux 6.1.0".to_owned(),
            distribution: Some("Example Linux 12".to_owned()),
            glibc: "2.36".to_owned(),
            governor: None,
            clock_mhz: Some(2800.0),
            hypervisor: Some("KVM".to_owned()),
            gpus: Vec::new(),
            gpu_driver: None,
            load_average: Some(0.25),
        },
        runtimes: vec![RuntimeRecord {
            name: "onnxruntime-1.32.0".to_owned(),
            framework: "onnxruntime".to_owned(),
            version: "1.32.0".to_owned(),
            path: "/home/user/.cache/custom-op-harness/onnxruntime-1.32.0".to_owned(),
        }],
        summary: Counts::of(&cases),
        cases,
        measurements: sample_measurements(),
        check: None,
        load: None,
    }
}

/// A check of two libraries of PyTorch, of which one works in one of two runtimes, and of two models.
#[allow(dead_code, reason = "each test executable uses a part of this module")]
pub fn sample_check() -> Results {
    let label = |name: &str, runtime: &str| format!("{name}@{runtime}");
    let case = |name: &str, verdict: Verdict, outcome: Option<Outcome>, message: &str| CaseResult {
        id: format!("check/pytorch/model-config/{name}"),
        suite: Suite::Check,
        framework: Framework::PyTorch,
        verdict,
        expected: outcome.map(|_| Outcome::Served),
        outcome,
        message: message.to_owned(),
        ..served(
            "",
            "The library is opened in a process that is thrown away.",
        )
    };
    let mut results = sample_results();
    results.measurements.clear();
    results.cases.clear();
    let mut check = Check::default();
    for (name, path) in [
        ("libgelu.so", "/home/user/build/libgelu.so".to_owned()),
        (
            "libold.so",
            format!("/home/user/{}libold.so", "third-party/".repeat(12)),
        ),
    ] {
        let works = name == "libgelu.so";
        let missing = "'libold.so' uses the symbol at::_ops::sum_dim_IntList::call(at::Tensor const&), \
                       which the runtime does not have";
        let fit = |runtime: &str| {
            let first = runtime == "pytorch-2.11.0";
            let outcome = match (works, first) {
                (true, true) => ProbeOutcome::Registered,
                (true, false) => ProbeOutcome::Crashed,
                (false, _) => ProbeOutcome::Failed,
            };
            Fit {
                runtime: runtime.to_owned(),
                framework: Framework::PyTorch,
                case: format!("check/pytorch/model-config/{}", label(name, runtime)),
                predicted: Predicted {
                    verdict: if works { "loads" } else { "fails" }.to_owned(),
                    reason: if works {
                        "every symbol resolves".to_owned()
                    } else {
                        missing.to_owned()
                    },
                    remedy: (!works).then(|| "build it for this version".to_owned()),
                },
                findings: Vec::new(),
                not_tried: None,
                observed: Some(ProbedLibrary {
                    outcome,
                    phase: Some(ProbePhase::Dlopen),
                    message: match outcome {
                        ProbeOutcome::Registered => String::new(),
                        _ => "the worker was killed by signal 11 (SIGSEGV)".to_owned(),
                    },
                    ops: vec![ProbedOp {
                        domain: "custom_ops".to_owned(),
                        name: "bias_gelu".to_owned(),
                        version: String::new(),
                        schemas: vec!["(Tensor x, Tensor bias) -> Tensor".to_owned()],
                        kernels: vec!["CPU".to_owned(), "CUDA".to_owned()],
                    }],
                    ..ProbedLibrary::not_reached(path.clone().into())
                }),
            }
        };
        let fits: Vec<Fit> = ["pytorch-2.11.0", "pytorch-2.9.1"].map(fit).into();
        for fit in &fits {
            let wrong = works && !fit.is_usable();
            let verdict = if wrong { Verdict::Fail } else { Verdict::Pass };
            let outcome = match (fit.is_usable(), works) {
                (true, _) => Outcome::Served,
                (false, true) => Outcome::WorkerCrashed,
                (false, false) => Outcome::Rejected,
            };
            let name = label(name, &fit.runtime);
            results.cases.push(CaseResult {
                expected: Some(if works {
                    Outcome::Served
                } else {
                    Outcome::Rejected
                }),
                ..case(&name, verdict, Some(outcome), "signal 11")
            });
        }
        let verdict = if works { Verdict::Pass } else { Verdict::Fail };
        let outcome = if works {
            Outcome::Served
        } else {
            Outcome::Rejected
        };
        let whole = case(name, verdict, Some(outcome), "");
        check.libraries.push(CheckedLibrary {
            label: name.to_owned(),
            path: path.into(),
            facts: [
                "links PyTorch, built for PyTorch 2.11",
                "8.0 MiB",
                "needs libtorch.so, libc.so.6",
            ]
            .map(str::to_owned)
            .to_vec(),
            case: whole.id.clone(),
            findings: vec![Finding {
                severity: Severity::Warning,
                id: FindingId::PinnedByUniqueSymbol,
                message: "a STB_GNU_UNIQUE symbol keeps the library mapped".to_owned(),
                remedy: "build it with -fno-gnu-unique".to_owned(),
            }],
            fits,
        });
        results.cases.push(whole);
    }
    let aborts = Some(Outcome::WorkerCrashed);
    let name = "libgelu.so+copy@pytorch-2.11.0";
    let pair = CaseResult {
        expected: aborts,
        ..case(name, Verdict::Pass, aborts, "aborts")
    };
    check.pairs.push(CheckedPair {
        first: "libgelu.so".to_owned(),
        second: None,
        runtime: "pytorch-2.11.0".to_owned(),
        framework: Framework::PyTorch,
        case: pair.id.clone(),
        collisions: vec![Collision {
            framework: Framework::PyTorch,
            kind: CollisionKind::Op,
            names: vec!["custom_ops::bias_gelu".to_owned()],
            libraries: [
                "/home/user/build/libgelu.so".into(),
                "/tmp/libgelu.so".into(),
            ],
            copies: true,
            consequences: vec![Consequence {
                path: "model-config".to_owned(),
                one_process: "the process aborts when the second library is opened".to_owned(),
                op_set: "each model is answered by its own library".to_owned(),
            }],
        }],
        predicted: Meeting::Crashed,
        observed: Some(Meeting::Crashed),
        message: "Only a single TORCH_LIBRARY".to_owned(),
    });
    results.cases.push(pair);
    for (name, is_served) in [("gelu", true), ("old", false)] {
        let steps = ["load", "first-run", "unload"].map(|step| {
            let verdict = if is_served {
                Verdict::Pass
            } else {
                Verdict::Skip
            };
            let outcome = is_served.then_some(Outcome::Served);
            case(&label(name, step), verdict, outcome, "")
        });
        check.models.push(CheckedModel {
            name: name.to_owned(),
            framework: Framework::PyTorch,
            runtime: is_served.then(|| "pytorch-2.11.0".to_owned()),
            named: vec!["libgelu.so".to_owned()],
            mapped: vec!["/home/user/build/libgelu.so".into()],
            cases: steps.iter().map(|case| case.id.clone()).collect(),
            served: is_served,
            message: if is_served {
                String::new()
            } else {
                "load failed for model 'old': version 1 is at UNAVAILABLE state: Internal: the \
                 model needs the op old::sum, which no library that it names provides;\n"
                    .to_owned()
            },
        });
        results.cases.extend(steps);
    }
    results.cases.sort_by(|a, b| a.id.cmp(&b.id));
    results.summary = Counts::of(&results.cases);
    results.check = Some(check);
    results
}

/// Made-up requests of 1 to 256 rows of 1,024 elements to ONNX Runtime on a CPU and to two frameworks on
/// a GPU.
#[allow(dead_code, reason = "each test executable uses a part of this module")]
pub fn sample_batches() -> Vec<Measurement> {
    let series = [
        ("onnxruntime", "cpu", 90.0),
        ("onnxruntime", "gpu", 240.0),
        ("pytorch", "gpu", 260.0),
    ];
    let mut batches = Vec::new();
    for (framework, place, alone) in series {
        for rows in [1_u64, 4, 16, 64, 256] {
            let about = About {
                id: format!("serving/{place}/{framework}/BiasGelu/{rows}x1024/fp32/http/c4"),
                kind: Kind::Serving,
                aspect: Some(Aspect::BatchSize),
                framework: framework.to_owned(),
                op: Some("BiasGelu".to_owned()),
                shape: Some(vec![rows, 1024]),
                dtype: Some("fp32".to_owned()),
                concurrency: Some(4),
                unit: "us",
            };
            let measured = Measurement::new(about, spread(alone + 2.5 * rows as f64, 60));
            batches.push(Measurement {
                device: match place {
                    "cpu" => "cpu".to_owned(),
                    _ => "NVIDIA H200".to_owned(),
                },
                ..measured.expect("there are samples")
            });
        }
    }
    batches
}

/// A load test: two concurrencies and a rate, of which one has failed requests.
#[allow(dead_code, reason = "each test executable uses a part of this module")]
pub fn sample_load() -> Results {
    let point = |rate: Option<f64>, slots: u32| LoadPoint {
        rate,
        arrivals: rate.map(|_| Arrivals::Poisson),
        slots,
        p95: Some(260.0),
        p999: None,
        target_latency: Some(310.0),
        target_met: Some(rate.is_none()),
        answered: Answered {
            right: 4000,
            wrong: 0,
            failed: usize::from(rate.is_some()),
            reasons: Vec::new(),
        },
        late: rate.map_or(0, |_| 17),
        windows: vec![
            Window {
                duration_s: 1.0,
                throughput: 1300.0,
                latency_us: Some(150.0),
                counts: true,
            };
            3
        ],
        stable: Some(true),
        client_cpu_us: 11.0,
        client_cpu_share: 0.05,
        overhead: Some(Overhead {
            median_us: 24.0,
            throughput: 40_000.0,
        }),
        server: Some(ServerShare {
            queue_us: 20.0,
            compute_input_us: 3.0,
            compute_infer_us: 60.0,
            compute_output_us: 4.0,
            request_us: 100.0,
            requests: 4000,
            executions: 4000,
            mean_batch: 1.0,
            cache_hits: 0,
        }),
    };
    let measurement = |name: &str, median: f64, load: LoadPoint| Measurement {
        concurrency: load.rate.is_none().then_some(load.slots),
        load: Some(load),
        ..measured(
            &format!("load/http/small/{name}"),
            Kind::Serving,
            ("small", &[1, 16], "fp32"),
            None,
            median,
            700,
        )
    };
    let mut results = sample_results();
    results.cases.clear();
    results.runtimes.clear();
    results.run.problems.clear();
    results.summary = Counts::default();
    let mut failed = measurement("r1000-poisson", 190.0, point(Some(1000.0), 128));
    failed.warnings.push(Warning::FailedRequests {
        failed: 1,
        wrong: 0,
        of: 4001,
        reason: "the server answered 503: {\"error\":\"<busy>\"}".to_owned(),
    });
    results.measurements = vec![
        measurement("c1", 120.0, point(None, 1)),
        measurement("c16", 480.0, point(None, 16)),
        failed,
    ];
    results.load = Some(Load {
        url: "http://127.0.0.1:8000".to_owned(),
        protocol: "http".to_owned(),
        server: "reference-server 0.1.0".to_owned(),
        model: "small".to_owned(),
        model_version: None,
        platform: "onnxruntime_onnx".to_owned(),
        inputs: vec!["x FP32 [1, 16]".to_owned()],
        batch_size: None,
        input_data: "random".to_owned(),
        requests: 1,
        shared_memory: None,
        seed: 1,
        target: Some("p99 < 2ms".to_owned()),
        highest_rate: None,
        target_met: Some(true),
    });
    results
}
