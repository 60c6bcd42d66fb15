//! Op libraries that register the same op as another one, or as the framework itself.

use std::path::{Path, PathBuf};

use runtimes::Framework;

use crate::worker::backend::{LibraryReport, RegisteredOp};
use crate::worker::own_namespaces::is_own;

/// Two libraries that cannot serve the same models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    framework: Framework,
    what: Collided,
    /// The library that came first.
    pub first: PathBuf,
    /// The other.
    pub second: PathBuf,
}

/// What both register.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Collided {
    /// An op.
    Op(RegisteredOp),
    /// The domain or namespace of this op, as a whole.
    Namespace(RegisteredOp),
}

/// When two ops collide, and what that is then.
struct Rule {
    collide: fn(&RegisteredOp, &RegisteredOp) -> bool,
    what: fn(RegisteredOp) -> Collided,
}

const SAME_OP: Rule = Rule {
    collide: |op, other| op == other,
    what: Collided::Op,
};

const SAME_NAMESPACE: Rule = Rule {
    collide: |op, other| op.domain == other.domain,
    what: Collided::Namespace,
};

impl Collision {
    /// What a library that registers `second` collides with among those that registered `first`.
    pub fn find(
        framework: Framework,
        first: &[LibraryReport],
        second: &LibraryReport,
    ) -> Option<Self> {
        let rule = match framework {
            // A session takes a domain once, whatever the ops in it are called.
            Framework::OnnxRuntime => SAME_NAMESPACE,
            Framework::PyTorch | Framework::TensorFlow | Framework::TensorRt => SAME_OP,
        };
        Self::by(&rule, framework, first, second)
    }

    /// The first collision among libraries that are all given to the same models.
    pub fn among(framework: Framework, reports: &[LibraryReport]) -> Option<Self> {
        pairs(reports).find_map(|(first, second)| Self::find(framework, first, second))
    }

    /// The first two libraries that register ops in one namespace of PyTorch. They collide where
    /// both register it with `TORCH_LIBRARY`, which shows in a process that gets both: it ends.
    pub fn suspected(framework: Framework, reports: &[LibraryReport]) -> Option<Self> {
        if framework != Framework::PyTorch {
            return None;
        }
        pairs(reports)
            .find_map(|(first, second)| Self::by(&SAME_NAMESPACE, framework, first, second))
    }

    fn by(
        rule: &Rule,
        framework: Framework,
        first: &[LibraryReport],
        second: &LibraryReport,
    ) -> Option<Self> {
        first.iter().find_map(|first| {
            let mut ops = second.defines();
            let op = ops.find(|op| first.defines().any(|other| (rule.collide)(op, other)))?;
            Some(Self {
                framework,
                what: (rule.what)(op.clone()),
                first: first.path.clone(),
                second: second.path.clone(),
            })
        })
    }
}

/// Each report with those before it.
fn pairs(reports: &[LibraryReport]) -> impl Iterator<Item = (&[LibraryReport], &LibraryReport)> {
    let numbered = reports.iter().enumerate();
    numbered.map(|(index, report)| (&reports[..index], report))
}

/// Completes "op libraries that collide: ".
impl std::fmt::Display for Collision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |path: &Path| format!("'{}'", path.display());
        let (first, second) = (quoted(&self.first), quoted(&self.second));
        match &self.what {
            Collided::Op(op) => write!(f, "{first} and {second} both register op {op}"),
            Collided::Namespace(RegisteredOp { domain, name, .. }) => {
                let once = match self.framework {
                    Framework::PyTorch => "PyTorch takes a namespace once in a process",
                    _ => "a session of ONNX Runtime takes a domain once",
                };
                write!(
                    f,
                    "{first} and {second} both register ops of domain '{domain}' (such as \
                     '{name}'), and {once}"
                )
            }
        }
    }
}

/// Two libraries with kernels for one op, of which at most one defines the op: PyTorch takes the
/// kernel that came last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override<'a> {
    op: &'a RegisteredOp,
    first: &'a Path,
    second: &'a Path,
}

impl<'a> Override<'a> {
    /// What a library that registers `second` replaces, or is to be replaced, among those that
    /// registered `first`.
    pub fn find(
        framework: Framework,
        first: &'a [LibraryReport],
        second: &'a LibraryReport,
    ) -> Option<Self> {
        if framework != Framework::PyTorch {
            return None;
        }
        first.iter().find_map(|first| {
            let extends = |op| second.extends.contains(op) || first.extends.contains(op);
            let mut ops = second.ops.iter();
            let op = ops.find(|op| first.ops.contains(op) && extends(op))?;
            Some(Self {
                op,
                first: &first.path,
                second: &second.path,
            })
        })
    }

    /// The first one among libraries that are all given to the same models.
    pub fn among(framework: Framework, reports: &'a [LibraryReport]) -> Option<Self> {
        pairs(reports).find_map(|(first, second)| Self::find(framework, first, second))
    }
}

/// What to know about it, as a sentence.
impl std::fmt::Display for Override<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { op, first, second } = self;
        let (first, second) = (first.display(), second.display());
        write!(
            f,
            "'{first}' and '{second}' both have kernels for op {op}, and PyTorch takes the one that \
             was registered last for all models of the worker"
        )
    }
}

/// Ops that a library registers in a domain or namespace which is the framework's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intrusion<'a> {
    framework: Framework,
    library: &'a Path,
    op: &'a RegisteredOp,
}

impl<'a> Intrusion<'a> {
    /// The first such op of a library.
    pub fn of(framework: Framework, report: &'a LibraryReport) -> Option<Self> {
        let op = report.ops.iter().find(|op| is_own(framework, &op.domain))?;
        Some(Self {
            framework,
            library: &report.path,
            op,
        })
    }
}

/// What to know about it, as a sentence.
impl std::fmt::Display for Intrusion<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { library, op, .. } = self;
        let whose = match self.framework {
            Framework::OnnxRuntime => {
                "whose domain is ONNX Runtime's own: for a model that has the library, its ops take \
                 the place of those of the same names"
            }
            _ => {
                "whose namespace is PyTorch's own: for all models of the worker, its kernels take \
                 the place of PyTorch's"
            }
        };
        write!(f, "'{}' registers op {op}, {whose}", library.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(path: &str, ops: &[(&str, &str, &str)]) -> LibraryReport {
        LibraryReport {
            path: path.into(),
            ops: ops
                .iter()
                .map(|(domain, name, version)| RegisteredOp {
                    domain: (*domain).to_owned(),
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                })
                .collect(),
            extends: Vec::new(),
            api_level: None,
        }
    }

    #[test]
    fn the_same_op_twice_is_a_collision() {
        let one = report("/1.so", &[("ns", "a", "1"), ("ns", "b", "1")]);
        let two = report("/2.so", &[("ns", "c", "1"), ("ns", "b", "1")]);
        let found = Collision::among(Framework::TensorRt, &[one.clone(), two]).unwrap();
        let text = found.to_string();
        assert!(text.contains("'/1.so' and '/2.so'"), "{text}");
        assert!(text.contains("'b'"), "{text}");
        for other in [("ns", "b", "2"), ("other", "b", "1"), ("ns", "d", "1")] {
            let other = report("/2.so", &[other]);
            let found = Collision::among(Framework::TensorRt, &[one.clone(), other]);
            assert_eq!(found, None);
        }
    }

    #[test]
    fn onnxruntime_takes_a_domain_once_and_pytorch_may() {
        let one = report("/1.so", &[("ns", "a", "")]);
        let two = report("/2.so", &[("ns", "b", "")]);
        let reports = [one, two];
        assert_eq!(Collision::among(Framework::PyTorch, &reports), None);
        assert_eq!(Collision::suspected(Framework::TensorFlow, &reports), None);
        for (found, once) in [
            (
                Collision::among(Framework::OnnxRuntime, &reports),
                "a session of ONNX Runtime",
            ),
            (
                Collision::suspected(Framework::PyTorch, &reports),
                "in a process",
            ),
        ] {
            let text = found.unwrap().to_string();
            for part in ["'/1.so' and '/2.so' both", "domain 'ns'", once] {
                assert!(text.contains(part), "no {part}: {text}");
            }
        }
    }

    #[test]
    fn kernels_for_an_op_that_another_defines_are_no_collision_and_told() {
        let defines = report("/1.so", &[("ns", "a", "")]);
        let mut extends = report("/2.so", &[("ns", "a", "")]);
        extends.extends = extends.ops.clone();
        for reports in [
            [defines.clone(), extends.clone()],
            [extends.clone(), defines.clone()],
            [extends.clone(), extends],
        ] {
            assert_eq!(Collision::among(Framework::PyTorch, &reports), None);
            let text = Override::among(Framework::PyTorch, &reports)
                .unwrap()
                .to_string();
            for path in [&reports[0].path, &reports[1].path] {
                assert!(text.contains(path.to_str().unwrap()), "{text}");
            }
            assert_eq!(Override::among(Framework::TensorFlow, &reports), None);
        }
        let both = [defines.clone(), defines];
        assert_eq!(Override::among(Framework::PyTorch, &both), None);
    }

    #[test]
    fn ops_in_a_domain_of_the_framework_are_told() {
        let mine = report("/1.so", &[("custom.ops", "Mod", "")]);
        assert_eq!(Intrusion::of(Framework::OnnxRuntime, &mine), None);
        for (framework, domain) in [
            (Framework::OnnxRuntime, ""),
            (Framework::OnnxRuntime, "com.microsoft"),
            (Framework::PyTorch, "aten"),
        ] {
            let report = report("/2.so", &[("other", "a", ""), (domain, "Mod", "")]);
            let text = Intrusion::of(framework, &report).unwrap().to_string();
            for part in ["'/2.so'", "'Mod'", framework.title()] {
                assert!(text.contains(part), "no {part}: {text}");
            }
        }
    }
}
