//! What comes of two libraries in one process of the reference server, from what both provide.

use op_library::{Collision, CollisionKind, Providers};
use runtimes::Framework;

use crate::results::Meeting;

/// What two libraries of `framework` both provide.
pub fn collisions(framework: Framework, first: &Providers, second: &Providers) -> Vec<Collision> {
    let mut collisions = Collision::among(&[first.clone(), second.clone()]);
    collisions.retain(|collision| collision.framework == framework);
    collisions
}

/// What comes of it where the second is opened after the first:
///
/// - ONNX Runtime: a session takes each domain once.
/// - PyTorch: a namespace is defined once and so is an op, or the process aborts in the static
///   initializer of the second library; a kernel silently takes the place of an earlier one.
/// - TensorFlow and TensorRT: the server refuses a library whose op or plugin another one has
///   registered, because the framework would fail at the first run or answer with the first.
pub fn foretold(collisions: &[Collision]) -> Meeting {
    let of_one = |collision: &Collision| match (collision.framework, collision.kind) {
        (Framework::PyTorch, CollisionKind::Kernel) => Meeting::Together,
        (Framework::PyTorch, _) => Meeting::Crashed,
        _ => Meeting::Refused,
    };
    let met = collisions.iter().map(of_one);
    met.max().unwrap_or(Meeting::Together)
}

#[cfg(test)]
mod tests {
    use op_library::{ProbeOutcome, ProbedLibrary, ProbedOp};

    use super::*;

    fn providers(framework: Framework, domain: &str, name: &str) -> Providers {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libops.so");
        std::fs::write(&file, "").unwrap();
        let mut providers = Providers::of_file(&op_library::inspect(&file).unwrap());
        let probed = ProbedLibrary {
            outcome: ProbeOutcome::Registered,
            ops: vec![ProbedOp {
                domain: domain.to_owned(),
                name: name.to_owned(),
                version: String::new(),
                schemas: vec![format!("{domain}::{name}(Tensor x) -> Tensor")],
                kernels: Vec::new(),
            }],
            ..ProbedLibrary::not_reached(file)
        };
        providers.add_probed(framework, &probed);
        providers
    }

    #[test]
    fn the_same_op_cannot_be_there_twice() {
        for framework in Framework::ALL {
            let first = providers(framework, "a", "Gelu");
            let met = foretold(&collisions(framework, &first, &first));
            let expected = match framework {
                Framework::PyTorch => Meeting::Crashed,
                _ => Meeting::Refused,
            };
            assert_eq!(met, expected, "{framework}");
            let other = providers(framework, "b", "Relu");
            let met = foretold(&collisions(framework, &first, &other));
            assert_eq!(met, Meeting::Together, "{framework}");
        }
    }

    #[test]
    fn a_domain_is_taken_once_by_onnxruntime_alone() {
        for framework in Framework::ALL {
            let first = providers(framework, "a", "Gelu");
            let second = providers(framework, "a", "Relu");
            let met = foretold(&collisions(framework, &first, &second));
            let expected = match framework {
                Framework::OnnxRuntime => Meeting::Refused,
                _ => Meeting::Together,
            };
            assert_eq!(met, expected, "{framework}");
        }
    }
}
