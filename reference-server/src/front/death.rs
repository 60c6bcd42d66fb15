//! How a worker ended, and what that means for what was asked of it.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use runtimes::Framework;

use super::hosted::Hosted;
use crate::worker::backend::{LibraryReport, LoadError, RefusedApi};
use crate::worker::own_namespaces::is_own;
use crate::worker::recorder::{Record, Step};

/// Lines of a worker's output that a message quotes.
const LINES_QUOTED: usize = 3;
/// With what the dynamic loader ends a process that it cannot start.
const LOADER_FAILURE: &str = "exited with status 127";

/// What PyTorch writes before the name of a namespace that two op libraries register.
const NAMESPACE_TAKEN: &str = "Only a single TORCH_LIBRARY can be used to register the namespace ";

/// What TensorFlow writes before the name of an op that is registered twice before it starts.
const OP_TAKEN: &str = "ALREADY_EXISTS: Op with name ";

/// How a worker ended and what it was doing.
#[derive(Clone, Debug)]
pub struct Death {
    /// `was killed by signal 11 (SIGSEGV)` and the like; the server's own reason where the server
    /// ended it.
    pub how: String,
    /// The signal that killed it, where the server did not.
    pub signal: Option<i32>,
    /// True where the server ended it, for `how`.
    pub ended_by_server: bool,
    /// The flight recorder.
    pub record: Record,
    /// The last lines that it wrote.
    pub tail: Vec<String>,
}

/// What was asked of a worker that ended instead of answering.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The runtime that was, or was to be, mapped.
    pub hosted: &'a Hosted,
    /// `LD_PRELOAD` of the worker.
    pub preloaded: &'a [PathBuf],
    /// The model that was to be loaded; `None` while the runtime was opened.
    pub model: Option<&'a Path>,
    /// The model's own op libraries, in order.
    pub own: &'a [PathBuf],
    /// What op libraries registered in the process before.
    pub registered: &'a [LibraryReport],
}

impl Death {
    /// The last lines that the worker wrote, as part of a sentence.
    pub fn last_output(&self) -> String {
        let mut lines: Vec<&str> = self
            .tail
            .iter()
            .rev()
            .map(|line| line.trim())
            .filter(|line| !line.is_empty())
            .take(LINES_QUOTED)
            .collect();
        if lines.is_empty() {
            return String::new();
        }
        lines.reverse();
        format!(" (its last output: \"{}\")", lines.join(" | "))
    }

    /// Why `attempt` failed, as a reason that a client sees.
    pub fn explain(&self, attempt: Attempt<'_>) -> LoadError {
        let subject = &self.record.subject;
        if let Some(refused) = self.record.refused_api {
            return self.explain_refused_level(attempt.hosted, refused);
        }
        if self.is_before_main() && !attempt.preloaded.is_empty() {
            return match self.namespace_taken() {
                Some(namespace) => self.explain_preloaded_namespace(attempt.preloaded, namespace),
                None => self.explain_preload(attempt.preloaded),
            };
        }
        if let Some(namespace) = self.namespace_taken() {
            return self.explain_namespace(attempt, namespace);
        }
        if let Some(op) = self.name_behind(OP_TAKEN) {
            return self.explain_op(attempt, op);
        }
        let quoted = format!("'{}'", subject.display());
        let (what, remedy, is_library) = match (self.record.step, attempt.model) {
            (Step::OpenLibrary, _) => (
                format!("a static initializer of op library {quoted} did not return"),
                "look at what the library's global constructors do",
                true,
            ),
            (Step::Register, _) => (
                format!("the registration function of op library {quoted} did not return"),
                "look at what it does before it returns a status",
                true,
            ),
            (Step::CloseLibrary, _) => (
                format!("a static destructor of op library {quoted} did not return"),
                "look at what the library's global destructors do",
                false,
            ),
            (_, Some(model)) => (
                format!(
                    "{} did not finish with '{}'",
                    attempt.hosted.runtime,
                    model.display()
                ),
                "look at the constructors of the op libraries' kernels, and whether the file is a \
                 sound model",
                false,
            ),
            (_, None) => (
                format!(
                    "failed to map {} from '{}'",
                    attempt.hosted.runtime,
                    attempt.hosted.main_library.display()
                ),
                "install the runtime again with `cargo harness setup`, or give another one with --runtime",
                false,
            ),
        };
        LoadError {
            // What ran out of time would do so with every other runtime.
            library: (is_library && !self.ended_by_server).then(|| subject.clone()),
            ..LoadError::new(format!(
                "{what}: the worker {}{}; {remedy}",
                self.how,
                self.last_output()
            ))
        }
    }

    /// The namespace that PyTorch ended the process for, because it was registered twice.
    fn namespace_taken(&self) -> Option<&str> {
        self.name_behind(NAMESPACE_TAKEN)
    }

    /// The name that stands behind `mark` in the output.
    fn name_behind(&self, mark: &str) -> Option<&str> {
        self.tail.iter().find_map(|line| {
            let (_, rest) = line.split_once(mark)?;
            let end = rest.find(|sign: char| !(sign.is_alphanumeric() || sign == '_'));
            Some(&rest[..end.unwrap_or(rest.len())])
        })
    }

    /// TensorFlow reads what preloaded op libraries have registered when it is first used, and ends
    /// the process where two of them, or one and itself, have the same op.
    fn explain_op(&self, attempt: Attempt<'_>, op: &str) -> LoadError {
        let preloaded = quoted(&attempt.hosted.preloaded);
        let owners = match preloaded.as_slice() {
            [only] => format!("{only} and TensorFlow itself both"),
            several => format!("two of {} and TensorFlow itself", several.join(", ")),
        };
        self.explain_twice(&format!("{owners} register the op '{op}'"))
    }

    /// The dispatcher of PyTorch ends the process before the worker begins where two preloaded
    /// libraries, or one and itself, register a namespace.
    fn explain_preloaded_namespace(&self, preloaded: &[PathBuf], namespace: &str) -> LoadError {
        let is_own = is_own(Framework::PyTorch, namespace);
        let owners = match (quoted(preloaded).as_slice(), is_own) {
            ([only], true) => format!("{only} and PyTorch itself both"),
            (several, true) => format!("one of {} and PyTorch itself both", several.join(", ")),
            ([first, second], false) => format!("{first} and {second} both"),
            (several, false) => format!("two of {}", several.join(", ")),
        };
        self.explain_twice(&format!("{owners} register the namespace '{namespace}'"))
    }

    /// Why a process ended in which `registered` happened, which frameworks take of preloaded
    /// libraries once.
    fn explain_twice(&self, registered: &str) -> LoadError {
        LoadError::new(format!(
            "{registered}, which a process takes once: the worker {}{}; give each op library to the \
             models that need it, with model_operations {{ op_library_filename }} in their \
             configuration, or give one of the two another name",
            self.how,
            self.last_output()
        ))
    }

    fn explain_namespace(&self, attempt: Attempt<'_>, namespace: &str) -> LoadError {
        let subject = &self.record.subject;
        let is_library = matches!(self.record.step, Step::OpenLibrary | Step::Register);
        let second = if is_library {
            format!("op library '{}'", subject.display())
        } else {
            "an op library".to_owned()
        };
        let first = attempt.registered.iter().find(|report| {
            report.path != *subject && report.ops.iter().any(|op| op.domain == namespace)
        });
        let before = attempt.hosted.libraries.iter().chain(attempt.own);
        let before: Vec<&PathBuf> = before.take_while(|path| *path != subject).collect();
        // No other runtime takes a namespace twice, so that no library is accused.
        let told = |first: &str, remedy: &str| {
            LoadError::new(format!(
                "{second} registers namespace '{namespace}', which {first} registered in the same \
                 worker before, and PyTorch takes a namespace once in a process: the worker {}{}; \
                 {remedy}",
                self.how,
                self.last_output()
            ))
        };
        if is_own(Framework::PyTorch, namespace) {
            return told(
                "PyTorch itself",
                "give the library's ops a namespace of their own, or bring kernels alone, with \
                 TORCH_LIBRARY_IMPL",
            );
        }
        let first = match (first, before.as_slice()) {
            (Some(report), _) => format!("'{}'", report.path.display()),
            (None, [only]) => format!("'{}'", only.display()),
            (None, []) => "another one".to_owned(),
            (None, several) => format!("one of {}", quoted(several.iter().copied()).join(", ")),
        };
        told(
            &first,
            "start the server with --isolation op-set, which keeps the op libraries of different \
             models apart, or give one of the two another namespace",
        )
    }

    fn explain_refused_level(&self, hosted: &Hosted, refused: RefusedApi) -> LoadError {
        let RefusedApi { requested, offered } = refused;
        LoadError {
            refused_api: Some(refused),
            library: Some(self.record.subject.clone()),
            ..LoadError::new(format!(
                "op library '{}' asked {} for API level {requested}, was refused because the \
                 runtime offers levels up to {offered}, and went on without looking: the worker \
                 {}; build the library for API level {offered} or lower, or serve the model with a \
                 newer runtime",
                self.record.subject.display(),
                hosted.runtime,
                self.how
            ))
        }
    }

    /// Whether nothing of the worker's own code ran: every request leaves a trace in the recorder.
    fn is_before_main(&self) -> bool {
        self.record.step == Step::Idle && self.record.subject.as_os_str().is_empty()
    }

    /// The one that the output names, or the only one.
    fn preloaded_at_fault<'a>(&self, preloaded: &'a [PathBuf]) -> Option<&'a PathBuf> {
        if let [only] = preloaded {
            return Some(only);
        }
        let is_named = |path: &&PathBuf| {
            let path = path.to_string_lossy();
            self.tail.iter().any(|line| line.contains(&*path))
        };
        preloaded.iter().find(is_named)
    }

    /// Why a worker did not start with these libraries in `LD_PRELOAD`.
    pub fn explain_preload(&self, preloaded: &[PathBuf]) -> LoadError {
        let names = quoted(preloaded);
        let remedy = if self.how == LOADER_FAILURE {
            "the dynamic loader could not complete the process: install the library or build \
             against the symbol that it names, or put its folder on LD_LIBRARY_PATH"
        } else {
            "look at what the global constructors of these libraries do, and whether two of them \
             register the same op"
        };
        LoadError {
            library: self
                .preloaded_at_fault(preloaded)
                .filter(|_| !self.ended_by_server)
                .cloned(),
            ..LoadError::new(format!(
                "a worker did not start with the preloaded {} {}: it {} while they were being \
                 loaded, before its own code ran{}; {remedy}",
                if names.len() == 1 {
                    "library"
                } else {
                    "libraries"
                },
                names.join(", "),
                self.how,
                self.last_output()
            ))
        }
    }
}

fn quoted<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
    let paths = paths.into_iter();
    paths.map(|path| format!("'{}'", path.display())).collect()
}

/// `was killed by signal 11 (SIGSEGV)`, `exited with status 3`.
pub fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => match signal_name(signal) {
            Some(name) => format!("was killed by signal {signal} ({name})"),
            None => format!("was killed by signal {signal}"),
        },
        (None, Some(code)) => format!("exited with status {code}"),
        (None, None) => "ended without a status".to_owned(),
    }
}

/// Names of the signals that end processes in practice.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGTERM => "SIGTERM",
        libc::SIGSYS => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::worker::backend::RegisteredOp;

    fn death(status: i32, step: Step, subject: &str) -> Death {
        Death {
            how: describe(ExitStatus::from_raw(status)),
            signal: ExitStatus::from_raw(status).signal(),
            ended_by_server: false,
            record: Record {
                step,
                latest: step,
                subject: subject.into(),
                refused_api: None,
            },
            tail: vec![
                "libneeded.so: cannot open shared object file".to_owned(),
                " ".to_owned(),
            ],
        }
    }

    fn hosted() -> Hosted {
        Hosted {
            runtime: "onnxruntime-1.32.0".parse().unwrap(),
            main_library: "/r/libonnxruntime.so".into(),
            library_dirs: Vec::new(),
            bridge: None,
            preloaded: Vec::new(),
            libraries: Vec::new(),
            python: None,
        }
    }

    #[test]
    fn an_end_is_told_by_signal_and_by_status() {
        let told = |status| describe(ExitStatus::from_raw(status));
        assert_eq!(told(11), "was killed by signal 11 (SIGSEGV)");
        assert_eq!(told(3 << 8), "exited with status 3");
        assert_eq!(told(34), "was killed by signal 34");
    }

    #[test]
    fn a_death_before_main_is_told_with_the_preloaded_libraries() {
        let hosted = hosted();
        let preloaded = [PathBuf::from("/p/libops.so")];
        let attempt = Attempt {
            hosted: &hosted,
            preloaded: &preloaded,
            model: None,
            own: &[],
            registered: &[],
        };
        let error = death(127 << 8, Step::Idle, "").explain(attempt);
        for text in [
            "'/p/libops.so'",
            "status 127",
            "libneeded.so",
            "LD_LIBRARY_PATH",
        ] {
            assert!(error.message.contains(text), "no {text}: {}", error.message);
        }
        assert_eq!(error.library.as_deref(), Some(Path::new("/p/libops.so")));
        let error = death(6, Step::MapRuntime, "/r/lib.so").explain(attempt);
        assert!(
            error
                .message
                .starts_with("failed to map onnxruntime-1.32.0")
        );
        assert_eq!(error.library, None);
    }

    #[test]
    fn a_library_that_ran_out_of_time_is_not_tried_elsewhere() {
        let hosted = hosted();
        let attempt = Attempt {
            hosted: &hosted,
            preloaded: &[],
            model: Some(Path::new("/m/model.onnx")),
            own: &[],
            registered: &[],
        };
        let mut death = death(11, Step::Register, "/m/libops.so");
        assert!(death.explain(attempt).library.is_some());
        death.ended_by_server = true;
        assert!(death.explain(attempt).library.is_none());
    }

    #[test]
    fn of_several_preloaded_libraries_the_one_that_the_output_names_is_at_fault() {
        let preloaded = [
            PathBuf::from("/p/libjemalloc.so"),
            PathBuf::from("/p/libops.so"),
        ];
        let mut death = death(127 << 8, Step::Idle, "");
        assert_eq!(death.explain_preload(&preloaded).library, None);
        let line = "/p/libops.so: undefined symbol: f";
        death.tail.push(line.to_owned());
        let blamed = death.explain_preload(&preloaded).library;
        assert_eq!(blamed.as_deref(), Some(Path::new("/p/libops.so")));
    }

    #[test]
    fn a_namespace_that_is_registered_twice_is_told_with_both_libraries() {
        let hosted = hosted();
        let first = LibraryReport {
            path: "/a/libfirst.so".into(),
            ops: vec![RegisteredOp {
                domain: "custom_ops".into(),
                name: "bias_gelu".into(),
                version: String::new(),
            }],
            extends: Vec::new(),
            api_level: None,
        };
        let mut death = death(6, Step::OpenLibrary, "/b/libsecond.so");
        death.tail.push(format!(
            "{NAMESPACE_TAKEN}custom_ops; please put all of your definitions in a single block."
        ));
        let attempt = Attempt {
            hosted: &hosted,
            preloaded: &[],
            model: Some(Path::new("/m/model.pt")),
            own: &[],
            registered: std::slice::from_ref(&first),
        };
        let error = death.explain(attempt);
        for text in [
            "'/b/libsecond.so' registers namespace 'custom_ops', which '/a/libfirst.so'",
            "SIGABRT",
            "--isolation op-set",
        ] {
            assert!(error.message.contains(text), "no {text}: {}", error.message);
        }
    }

    #[test]
    fn a_namespace_is_told_with_the_library_before_or_with_pytorch() {
        let hosted = hosted();
        let own = ["/a/libfirst.so", "/b/libsecond.so"].map(PathBuf::from);
        let attempt = Attempt {
            hosted: &hosted,
            preloaded: &[],
            model: Some(Path::new("/m/model.pt")),
            own: &own,
            registered: &[],
        };
        let told = |namespace: &str| {
            let mut death = death(6, Step::OpenLibrary, "/b/libsecond.so");
            death
                .tail
                .push(format!("{NAMESPACE_TAKEN}{namespace}; please"));
            death.explain(attempt).message
        };
        let text = told("custom_ops");
        assert!(text.contains("which '/a/libfirst.so' registered"), "{text}");
        let text = told("aten");
        for part in ["which PyTorch itself registered", "TORCH_LIBRARY_IMPL"] {
            assert!(text.contains(part), "no {part}: {text}");
        }
    }

    #[test]
    fn a_namespace_that_preloaded_libraries_register_twice_is_told_with_both() {
        let hosted = hosted();
        let preloaded = ["/a/libfirst.so", "/b/libsecond.so"].map(PathBuf::from);
        let told = |preloaded: &[PathBuf], namespace: &str| {
            let mut death = death(6, Step::Idle, "");
            death
                .tail
                .push(format!("{NAMESPACE_TAKEN}{namespace}; please"));
            let attempt = Attempt {
                hosted: &hosted,
                preloaded,
                model: None,
                own: &[],
                registered: &[],
            };
            death.explain(attempt).message
        };
        for (text, start) in [
            (
                told(&preloaded, "custom_ops"),
                "'/a/libfirst.so' and '/b/libsecond.so' both register the namespace 'custom_ops'",
            ),
            (
                told(&preloaded[..1], "aten"),
                "'/a/libfirst.so' and PyTorch itself both register the namespace 'aten'",
            ),
        ] {
            assert!(text.starts_with(start), "{text}");
            assert!(text.contains("model_operations"), "{text}");
        }
    }

    #[test]
    fn an_op_that_preloaded_libraries_register_twice_is_told_with_all_that_may_have() {
        let mut hosted = hosted();
        let mut death = death(1 << 8, Step::Register, "/a/libfirst.so");
        let line = format!("F0000 op.cc:214] Check failed: ({OP_TAKEN}FloorMod)");
        death.tail.push(line);
        for (preloaded, owners) in [
            (
                &["/a/libfirst.so"][..],
                "'/a/libfirst.so' and TensorFlow itself both register",
            ),
            (
                &["/a/libfirst.so", "/b/libsecond.so"],
                "two of '/a/libfirst.so', '/b/libsecond.so' and TensorFlow itself register",
            ),
        ] {
            hosted.preloaded = preloaded.iter().map(PathBuf::from).collect();
            let error = death.explain(Attempt {
                hosted: &hosted,
                preloaded: &[],
                model: None,
                own: &[],
                registered: &[],
            });
            for text in [owners, "the op 'FloorMod'", "status 1", "model_operations"] {
                assert!(error.message.contains(text), "no {text}: {}", error.message);
            }
            assert_eq!(error.library, None);
        }
    }
}
