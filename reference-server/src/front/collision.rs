//! Two op libraries that register the same op.

use std::path::{Path, PathBuf};

use runtimes::Framework;

use crate::worker::backend::{LibraryReport, RegisteredOp};

/// Two libraries that cannot serve the same models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision {
    framework: Framework,
    /// The op that the second one registers.
    op: RegisteredOp,
    /// The library that came first.
    pub first: PathBuf,
    /// The other.
    pub second: PathBuf,
}

impl Collision {
    /// What a library that registers `second` collides with among those that registered `first`.
    pub fn find(
        framework: Framework,
        first: &[LibraryReport],
        second: &LibraryReport,
    ) -> Option<Self> {
        first.iter().find_map(|first| {
            let op = second.ops.iter().find(|op| {
                let mut others = first.ops.iter();
                others.any(|other| collide(framework, op, other))
            })?;
            Some(Self {
                framework,
                op: op.clone(),
                first: first.path.clone(),
                second: second.path.clone(),
            })
        })
    }

    /// The first collision among libraries that are all given to the same models.
    pub fn among(framework: Framework, reports: &[LibraryReport]) -> Option<Self> {
        (1..reports.len())
            .find_map(|index| Self::find(framework, &reports[..index], &reports[index]))
    }
}

/// A session of ONNX Runtime takes a domain once, whatever the ops in it are called.
fn collide(framework: Framework, op: &RegisteredOp, other: &RegisteredOp) -> bool {
    match framework {
        Framework::OnnxRuntime => op.domain == other.domain,
        Framework::PyTorch | Framework::TensorFlow | Framework::TensorRt => op == other,
    }
}

/// Completes "op libraries that collide: ".
impl std::fmt::Display for Collision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |path: &Path| format!("'{}'", path.display());
        let (first, second) = (quoted(&self.first), quoted(&self.second));
        let RegisteredOp { domain, name, .. } = &self.op;
        if self.framework == Framework::OnnxRuntime {
            return write!(
                f,
                "{first} and {second} both register ops of domain '{domain}' (such as '{name}'), \
                 and a session of ONNX Runtime takes a domain once"
            );
        }
        write!(f, "{first} and {second} both register op {}", self.op)
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
    fn onnxruntime_takes_a_domain_once() {
        let one = report("/1.so", &[("ns", "a", "")]);
        let two = report("/2.so", &[("ns", "b", "")]);
        let reports = [one, two];
        assert_eq!(Collision::among(Framework::PyTorch, &reports), None);
        assert!(Collision::among(Framework::OnnxRuntime, &reports).is_some());
    }
}
