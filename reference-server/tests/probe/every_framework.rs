//! What is the same in all four frameworks.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use op_library::{ProbeOutcome, ProbePhase};
use runtimes::Framework;
use rustix::process::{Pid, Signal, kill_process};
use test_ops::{Broken, DEFAULT_DOMAIN, Op, Sample, spelling};

use crate::sub_command::{Bench, assert_ended, names, sub_command};
use crate::support::deadline::wait_until;

/// A test for each framework, each with a runtime of its own.
macro_rules! with_every_framework {
    ($(fn $name:ident($bench:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            fn check($bench: &Bench) $body

            #[test]
            fn onnxruntime() {
                check(&Bench::of(Framework::OnnxRuntime));
            }

            #[test]
            fn pytorch() {
                check(&Bench::of(Framework::PyTorch));
            }

            #[test]
            fn tensorflow() {
                check(&Bench::of(Framework::TensorFlow));
            }

            #[test]
            fn tensorrt() {
                check(&Bench::of(Framework::TensorRt));
            }
        }
    )*};
}

/// An op of the sample library as the framework names it.
fn sample_op(framework: Framework, domain: &str, op: Op) -> String {
    let spelled = spelling::op(framework, domain, op);
    match framework {
        Framework::OnnxRuntime | Framework::TensorRt => format!("{domain}::{spelled}"),
        Framework::PyTorch => spelled,
        Framework::TensorFlow => format!("::{spelled}"),
    }
}

with_every_framework! {
    fn a_sound_library_registers(bench) {
        let library = bench.sample(Sample::default());
        let probed = bench.probe_one(&library);
        let framework = bench.runtime.name.framework;
        assert_ended(&probed, ProbeOutcome::Registered, &[]);
        let mut expected: Vec<String> = Op::ALL
            .iter()
            .filter(|op| framework == Framework::OnnxRuntime || !op.data_types_on(&bench.runtime.name).is_empty())
            .map(|&op| sample_op(framework, DEFAULT_DOMAIN, op))
            .collect();
        let mut found = names(&probed);
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        let level = (framework == Framework::OnnxRuntime).then_some(Sample::DEFAULT_API_LEVEL);
        assert_eq!(probed.api_level, level);
    }

    fn what_crashes_is_told_with_its_signal(bench) {
        for (broken, signal, name) in [
            (Broken::InitializerCrashes, 11, "SIGSEGV"),
            (Broken::InitializerAborts, 6, "SIGABRT"),
        ] {
            let library = bench.sample(broken);
            let behind = bench.sample(Sample::default());
            let probed = bench.probe(&[&library, &behind]);
            assert_ended(&probed[0], ProbeOutcome::Crashed, &[name, "static initializer"]);
            assert_eq!(probed[0].signal, Some(signal));
            assert_eq!(probed[0].phase, Some(ProbePhase::Dlopen));
            assert_ended(&probed[1], ProbeOutcome::NotReached, &[]);
        }
    }

    fn what_hangs_is_ended_at_the_limit(bench) {
        let library = bench.sample(Broken::InitializerHangs);
        let sound = bench.sample(Sample::default().with_domain("second.ops"));
        let probed = bench.probe_with(&[&sound, &library], &["--load-timeout", "10"]);
        assert_ended(&probed[0], ProbeOutcome::Registered, &[]);
        assert_ended(&probed[1], ProbeOutcome::Hung, &["exceeded the load time limit of 10 s"]);
        assert_eq!(probed[1].phase, Some(ProbePhase::Dlopen));
    }

    fn what_cannot_be_opened_fails(bench) {
        for (broken, part) in [
            (Broken::UndefinedSymbol, "undefined symbol"),
            (Broken::MissingDependency, "libabsent_dependency.so"),
            (Broken::NotElf, "invalid ELF header"),
        ] {
            let probed = bench.probe_one(&bench.sample(broken));
            assert_ended(&probed, ProbeOutcome::Failed, &[part]);
            assert_eq!(probed.phase, Some(ProbePhase::Dlopen));
        }
        let probed = bench.probe_one(&bench.folder.path().join("absent.so"));
        assert_ended(&probed, ProbeOutcome::Failed, &["absent.so", "No such file"]);
    }

    fn a_library_without_a_registration(bench) {
        let library = bench.compile("plain", "extern \"C\" int answer() { return 42; }", &[]);
        let probed = bench.probe_one(&library);
        let outcome = match bench.runtime.name.framework {
            Framework::OnnxRuntime => ProbeOutcome::Failed,
            _ => ProbeOutcome::RegisteredNothing,
        };
        assert_ended(&probed, outcome, &["libplain.so"]);
    }

    fn the_same_file_twice_is_opened_once(bench) {
        let library = bench.sample(Sample::default());
        let probed = bench.probe(&[&library, &library]);
        assert_eq!(probed[0], probed[1]);
    }

    fn two_libraries_of_one_name_collide(bench) {
        let first = bench.sample(Sample::default());
        let second = bench.copy(&first, "libsecond.so");
        let probed = bench.probe(&[&first, &second]);
        assert_ended(&probed[0], ProbeOutcome::Registered, &[]);
        let paths = [first.to_str().unwrap(), second.to_str().unwrap()];
        let (outcome, phase) = match bench.runtime.name.framework {
            Framework::OnnxRuntime => (ProbeOutcome::Failed, ProbePhase::Session),
            Framework::PyTorch => (ProbeOutcome::Crashed, ProbePhase::Dlopen),
            Framework::TensorFlow | Framework::TensorRt => {
                (ProbeOutcome::Failed, ProbePhase::Register)
            }
        };
        assert_ended(&probed[1], outcome, &paths);
        assert_eq!(probed[1].phase, Some(phase));
    }

    fn what_calls_exit_is_told_with_its_status(bench) {
        let source = "#include <cstdlib>\n\
                      __attribute__((constructor)) static void leave() { std::exit(17); }";
        let probed = bench.probe_one(&bench.compile("leaving", source, &[]));
        assert_ended(&probed, ProbeOutcome::Crashed, &["exited with status 17", "libleaving.so"]);
        assert_eq!(probed.signal, None);
    }
}

#[test]
fn an_experiment_that_cannot_be_made_has_another_status() {
    let status = |runtime: &str, library: &str| {
        let output = sub_command(runtime).arg(library).output().unwrap();
        assert!(output.stdout.is_empty());
        output.status.code()
    };
    assert_eq!(status("pytorch-0.0.1", "a.so"), Some(3));
    assert_eq!(status("onnxruntime=/nonexistent", "a.so"), Some(3));
    assert_eq!(status("pytorch", "a.so"), Some(2));
    let without_library = sub_command("pytorch-2.11.0").output().unwrap();
    assert_eq!(without_library.status.code(), Some(2));
}

/// A library whose initializer leaves a process behind, and then does `afterwards`. The process's
/// number is in `file` by then.
fn with_a_daemon(bench: &Bench, file: &Path, afterwards: &str) -> PathBuf {
    // Its group and its parent are lost, and it holds the worker's output open.
    let source = format!(
        "#include <fstream>\n#include <unistd.h>\n\
         __attribute__((constructor)) static void begin() {{\n\
           int ready[2];\n\
           char byte = 0;\n\
           if (pipe(ready) != 0) return;\n\
           if (fork() != 0) {{ (void)!read(ready[0], &byte, 1); {afterwards}; return; }}\n\
           setsid();\n\
           if (fork() != 0) _exit(0);\n\
           std::ofstream({file:?}) << getpid() << std::endl;\n\
           (void)!write(ready[1], &byte, 1);\n\
           for (;;) pause();\n\
         }}"
    );
    bench.compile("daemon", &source, &[])
}

#[track_caller]
fn assert_is_gone(file: &Path) {
    let pid = std::fs::read_to_string(file).expect("the process has run");
    let process = Path::new("/proc").join(pid.trim());
    assert!(!process.exists(), "process {pid} is left");
}

#[test]
fn nothing_that_a_library_started_is_left() {
    let bench = Bench::of(Framework::OnnxRuntime);
    let file = bench.folder.path().join("pid");
    bench.probe_one(&with_a_daemon(&bench, &file, ""));
    assert_is_gone(&file);
}

#[test]
fn nothing_is_left_where_the_probe_is_told_to_stop() {
    let bench = Bench::of(Framework::OnnxRuntime);
    let file = bench.folder.path().join("pid");
    let library = with_a_daemon(&bench, &file, "for (;;) pause()");
    let mut probe = sub_command(&bench.runtime.name.to_string());
    probe
        .arg(library)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let probe = probe.spawn().unwrap();
    wait_until("the library's initializer runs", || {
        std::fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n'))
    });
    kill_process(Pid::from_child(&probe), Signal::TERM).unwrap();
    let output = probe.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty());
    assert_is_gone(&file);
}
