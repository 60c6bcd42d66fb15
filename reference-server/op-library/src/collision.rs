//! What collides with what among several op libraries, and what comes of it.
//!
//! The consequences are those that were observed with the frameworks themselves; the name-conflict
//! suite observes them again with every runtime of the catalogue.

use std::collections::BTreeSet;
use std::path::PathBuf;

use runtimes::Framework;
use serde::{Deserialize, Serialize};

use crate::{OpLibrary, ProbedLibrary, RegisteredKind, RegisteredName};

/// What two libraries both register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CollisionKind {
    /// A domain (ONNX Runtime) or a namespace that only one library may define (PyTorch).
    Namespace,
    /// An op or a plugin of one name.
    Op,
    /// Kernels of an op.
    Kernel,
}

/// What comes of a collision on one loading path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    /// `preload`, `model-config` or `backend-config`.
    pub path: String,
    /// Where both libraries come into one process, as in Triton.
    pub one_process: String,
    /// In the reference server with isolation `op-set`.
    pub op_set: String,
}

/// Two libraries that register the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collision {
    /// With which framework.
    pub framework: Framework,
    /// What is the same.
    pub kind: CollisionKind,
    /// The names, such as `custom_ops::bias_gelu`, in order.
    pub names: Vec<String>,
    /// The two files, in the order in which they were given.
    pub libraries: [PathBuf; 2],
    /// Whether the two files are identical.
    pub copies: bool,
    /// What comes of it, by loading path.
    pub consequences: Vec<Consequence>,
}

/// What one library provides, as far as it is known.
#[derive(Clone, Debug)]
pub struct Providers {
    path: PathBuf,
    content_hash: String,
    drops_errors: bool,
    provided: BTreeSet<(Framework, CollisionKind, String)>,
}

impl Providers {
    /// What the library's file tells.
    pub fn of_file(library: &OpLibrary) -> Self {
        let provided = library.registers.iter().flat_map(provided_by).collect();
        Self {
            path: library.path.clone(),
            content_hash: library.content_hash.clone(),
            drops_errors: library.drops_registration_errors,
            provided,
        }
    }

    /// Adds what the library registered when it was tried in a runtime of `framework`.
    pub fn add_probed(&mut self, framework: Framework, probed: &ProbedLibrary) {
        for op in &probed.ops {
            if framework == Framework::OnnxRuntime {
                let domain = (framework, CollisionKind::Namespace, op.domain.clone());
                self.provided.insert(domain);
                continue;
            }
            // PyTorch lists an op without a schema where a library has only a kernel for it.
            let kind = match framework {
                Framework::PyTorch if op.schemas.is_empty() => CollisionKind::Kernel,
                _ => CollisionKind::Op,
            };
            let name = full_name(&op.domain, &op.name, &op.version);
            self.provided.insert((framework, kind, name));
        }
    }
}

/// What stands in the way of another library that has the same.
fn provided_by(name: &RegisteredName) -> Option<(Framework, CollisionKind, String)> {
    let framework = name.framework;
    let domain = name.domain.as_deref();
    let (kind, text) = match (framework, name.kind) {
        (Framework::OnnxRuntime, RegisteredKind::Domain) => {
            (CollisionKind::Namespace, name.name.clone())
        }
        (Framework::OnnxRuntime, _) => (CollisionKind::Namespace, domain?.to_owned()),
        (_, RegisteredKind::Domain) => (CollisionKind::Namespace, name.name.clone()),
        (_, RegisteredKind::DomainFragment) => return None,
        (_, RegisteredKind::Kernel) => (
            CollisionKind::Kernel,
            full_name(domain.unwrap_or_default(), &name.name, ""),
        ),
        (_, RegisteredKind::Op | RegisteredKind::Class | RegisteredKind::Plugin) => (
            CollisionKind::Op,
            full_name(
                domain.unwrap_or_default(),
                &name.name,
                name.version.as_deref().unwrap_or_default(),
            ),
        ),
    };
    Some((framework, kind, text))
}

/// `domain::name`, with the version of a plugin behind it.
fn full_name(domain: &str, name: &str, version: &str) -> String {
    let domain = match domain {
        "" => String::new(),
        domain => format!("{domain}::"),
    };
    let version = match version {
        "" => String::new(),
        version => format!(" version {version}"),
    };
    format!("{domain}{name}{version}")
}

impl Collision {
    /// All collisions among `libraries`, each pair and kind once.
    pub fn among(libraries: &[Providers]) -> Vec<Self> {
        let mut collisions = Vec::new();
        for (index, first) in libraries.iter().enumerate() {
            for second in &libraries[index + 1..] {
                collisions.extend(Self::between(first, second));
            }
        }
        collisions
    }

    fn between(first: &Providers, second: &Providers) -> Vec<Self> {
        let copies = first.content_hash == second.content_hash;
        let mut collisions: Vec<Self> = Vec::new();
        for (framework, kind, name) in first.provided.intersection(&second.provided) {
            // The definition is then refused and the library goes on, to set its kernels.
            let kind = match (framework, kind) {
                (Framework::PyTorch, CollisionKind::Op) if second.drops_errors => {
                    &CollisionKind::Kernel
                }
                _ => kind,
            };
            let known = collisions
                .iter_mut()
                .find(|known| known.framework == *framework && known.kind == *kind);
            match known {
                Some(known) if known.names.contains(name) => {}
                Some(known) => known.names.push(name.clone()),
                None => collisions.push(Self {
                    framework: *framework,
                    kind: *kind,
                    names: vec![name.clone()],
                    libraries: [first.path.clone(), second.path.clone()],
                    copies,
                    consequences: consequences(*framework, *kind, copies),
                }),
            }
        }
        // Where a namespace or an op is the same, its kernels are no news.
        if collisions.len() > 1 {
            let has = |framework, kind| {
                collisions
                    .iter()
                    .any(|known| known.framework == framework && known.kind < kind)
            };
            let news: Vec<bool> = collisions
                .iter()
                .map(|known| {
                    known.kind != CollisionKind::Kernel || !has(known.framework, known.kind)
                })
                .collect();
            let mut news = news.into_iter();
            collisions.retain(|_| news.next().unwrap_or(true));
        }
        collisions
    }
}

/// What was observed where two libraries register the same; `copies`: they are the same file twice.
fn consequences(framework: Framework, kind: CollisionKind, copies: bool) -> Vec<Consequence> {
    let (preload, at_run_time) = match (framework, kind) {
        (Framework::OnnxRuntime, _) => (
            "a session that gets both is refused: Domain already set in registry",
            "a session that gets both is refused: Domain already set in registry; models with one \
             of them each are served",
        ),
        (Framework::PyTorch, CollisionKind::Namespace | CollisionKind::Op) => (
            "the process aborts before it begins, and so does every child that inherits the variable",
            "the process aborts when the second library is opened",
        ),
        (Framework::PyTorch, CollisionKind::Kernel) => (
            "the kernel of the library that is listed first answers, because it is opened last, with \
             one warning a process",
            "the kernel of the library that is opened last answers, with one warning a process",
        ),
        (Framework::TensorFlow, CollisionKind::Kernel | CollisionKind::Op) => (
            "models that use the op fail when it first runs or is loaded: Multiple OpKernel \
             registrations match",
            "models that use the op fail at their first run: Multiple OpKernel registrations match; \
             with another signature the first definition stays, and users of the second get an \
             error about its inputs",
        ),
        (Framework::TensorFlow, CollisionKind::Namespace) => ("nothing", "nothing"),
        (Framework::TensorRt, _) => (
            "the library that is listed last answers, without a word",
            "the library that is opened first answers, without a word where it registers from a \
             static initializer; IPluginRegistry::loadLibrary refuses the second",
        ),
    };
    let is_override = framework == Framework::PyTorch && kind == CollisionKind::Kernel;
    let given_to_all = match (copies, is_override) {
        (true, _) => "one of the two is opened: the server leaves copies out",
        (false, true) => "the server warns and names both",
        (false, false) => "the server refuses to start and names both",
    };
    let given_in_variable = match (framework, kind, copies) {
        // The dynamic loader opens both before the server runs.
        (Framework::PyTorch, CollisionKind::Namespace | CollisionKind::Op, true) => {
            "the process aborts before it begins; given with --preload, one of the two is opened"
        }
        (Framework::PyTorch, CollisionKind::Namespace | CollisionKind::Op, false) => {
            "the process aborts before it begins; given with --preload, the server refuses to start \
             and names both"
        }
        _ => given_to_all,
    };
    let belongs_to_models = if copies {
        "one of the two is opened, and models that name one of them each share a worker"
    } else {
        "each model is answered by its own library, in a worker of its own; a model that names both \
         is refused"
    };
    [
        ("preload", preload, given_in_variable),
        ("model-config", at_run_time, belongs_to_models),
        ("backend-config", at_run_time, given_to_all),
    ]
    .map(|(path, one_process, op_set)| Consequence {
        path: path.to_owned(),
        one_process: one_process.to_owned(),
        op_set: op_set.to_owned(),
    })
    .into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{NameSource, ProbeOutcome, ProbedOp};

    fn providers(path: &str, provided: &[(CollisionKind, &str)]) -> Providers {
        Providers {
            path: path.into(),
            content_hash: path.to_owned(),
            drops_errors: false,
            provided: provided
                .iter()
                .map(|&(kind, name)| (Framework::PyTorch, kind, name.to_owned()))
                .collect(),
        }
    }

    #[test]
    fn what_both_provide_is_a_collision_of_the_two() {
        let libraries = [
            providers(
                "/a.so",
                &[(CollisionKind::Op, "v::x"), (CollisionKind::Op, "v::y")],
            ),
            providers("/b.so", &[(CollisionKind::Op, "v::z")]),
            providers(
                "/c.so",
                &[(CollisionKind::Op, "v::x"), (CollisionKind::Op, "v::y")],
            ),
        ];
        let found = Collision::among(&libraries);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].names, ["v::x", "v::y"]);
        assert_eq!(found[0].libraries, [Path::new("/a.so"), Path::new("/c.so")]);
        let paths: Vec<&str> = found[0]
            .consequences
            .iter()
            .map(|consequence| consequence.path.as_str())
            .collect();
        assert_eq!(paths, ["preload", "model-config", "backend-config"]);
    }

    #[test]
    fn kernels_of_an_op_that_collides_are_no_news() {
        let both = [
            (CollisionKind::Namespace, "v"),
            (CollisionKind::Kernel, "v::x"),
        ];
        let found = Collision::among(&[providers("/a.so", &both), providers("/b.so", &both)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].kind, CollisionKind::Namespace);
        let kernels = [(CollisionKind::Kernel, "aten::gelu")];
        let found = Collision::among(&[providers("/a.so", &kernels), providers("/b.so", &kernels)]);
        assert_eq!(found[0].kind, CollisionKind::Kernel);
    }

    #[test]
    fn copies_are_left_out_under_op_set() {
        let original = providers("/a.so", &[(CollisionKind::Op, "v::x")]);
        let copy = Providers {
            path: "/copy.so".into(),
            ..original.clone()
        };
        let found = Collision::among(&[original, copy]);
        assert!(found[0].copies);
        let [preload, model_config, backend_config] = found[0].consequences.as_slice() else {
            panic!("three paths: {found:?}");
        };
        assert!(preload.op_set.contains("aborts"), "{preload:?}");
        assert!(model_config.op_set.contains("share a worker"));
        assert!(backend_config.op_set.contains("leaves copies out"));
    }

    #[test]
    fn where_the_second_drops_the_error_only_its_kernels_count() {
        let ops = [(CollisionKind::Op, "v::x"), (CollisionKind::Kernel, "v::x")];
        let first = providers("/a.so", &ops);
        let second = Providers {
            drops_errors: true,
            ..providers("/b.so", &ops)
        };
        let kinds = |libraries: &[Providers]| -> Vec<(CollisionKind, usize)> {
            Collision::among(libraries)
                .iter()
                .map(|collision| (collision.kind, collision.names.len()))
                .collect()
        };
        assert_eq!(
            kinds(&[first.clone(), second.clone()]),
            [(CollisionKind::Kernel, 1)]
        );
        assert_eq!(kinds(&[second, first]), [(CollisionKind::Op, 1)]);
    }

    #[test]
    fn a_domain_of_onnxruntime_collides_whatever_its_ops_are_called() {
        let name = |kind, name: &str, domain: Option<&str>| RegisteredName {
            framework: Framework::OnnxRuntime,
            kind,
            domain: domain.map(str::to_owned),
            name: name.to_owned(),
            version: None,
            source: NameSource::Code,
        };
        let domain = provided_by(&name(RegisteredKind::Domain, "custom", None));
        let op = provided_by(&name(RegisteredKind::Op, "Gelu", Some("custom")));
        assert_eq!(domain, op);
        assert_eq!(provided_by(&name(RegisteredKind::Op, "Gelu", None)), None);
    }

    #[test]
    fn what_was_tried_counts_as_well() {
        let mut first = providers("/a.so", &[]);
        let mut second = providers("/b.so", &[]);
        let probed = ProbedLibrary {
            outcome: ProbeOutcome::Registered,
            ops: vec![ProbedOp {
                domain: "ns".to_owned(),
                name: "Plugin".to_owned(),
                version: "1".to_owned(),
                schemas: Vec::new(),
                kernels: Vec::new(),
            }],
            ..ProbedLibrary::not_reached("/a.so".into())
        };
        first.add_probed(Framework::TensorRt, &probed);
        second.add_probed(Framework::TensorRt, &probed);
        let found = Collision::among(&[first, second]);
        assert_eq!(found[0].names, ["ns::Plugin version 1"]);
    }
}
