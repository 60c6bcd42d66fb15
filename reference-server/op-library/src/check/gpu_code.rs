//! Can the GPUs of this machine run its kernels?

use std::collections::BTreeMap;
use std::path::Path;

use crate::gpu::{ComputeCapability, GpuCode, Module, Portability};
use crate::machine::Gpu;
use crate::{Finding, FindingId, Severity};

/// Some of the library's kernels are there in no form that one of `gpus` runs, or only as PTX, which
/// is compiled first. The library loads and registers all the same.
pub(crate) fn check(path: &Path, code: &GpuCode, gpus: &[Gpu]) -> Vec<Finding> {
    let mut alike: BTreeMap<ComputeCapability, Vec<&Gpu>> = BTreeMap::new();
    for gpu in gpus {
        alike.entry(gpu.capability).or_default().push(gpu);
    }
    alike
        .into_iter()
        .flat_map(|(capability, gpus)| check_one(path, code, capability, &gpus))
        .collect()
}

/// How a GPU gets at a module's kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Runs,
    Compiles,
    None,
}

impl Module {
    fn access(&self, gpu: ComputeCapability) -> Access {
        if self.binaries.iter().any(|code| code.runs_on(gpu)) {
            Access::Runs
        } else if self.ptx.iter().any(|code| code.compiles_for(gpu)) {
            Access::Compiles
        } else {
            Access::None
        }
    }

    /// Whether all of it was written for certain architectures: then others do without it, and have
    /// other kernels for the same thing.
    fn is_specific(&self) -> bool {
        let mut all = self.binaries.iter().chain(&self.ptx);
        all.all(|code| code.portability != Portability::Baseline)
    }
}

fn check_one(
    path: &Path,
    code: &GpuCode,
    capability: ComputeCapability,
    gpus: &[&Gpu],
) -> Option<Finding> {
    if !code.is_for_nvidia() {
        return None;
    }
    let count = |access: Access| -> usize {
        let modules = code.modules.iter();
        modules
            .filter(|(module, _)| module.access(capability) == access)
            .filter(|(module, _)| access != Access::None || !module.is_specific())
            .map(|(_, count)| count)
            .sum()
    };
    let (runs, compiles, lacking) = (
        count(Access::Runs),
        count(Access::Compiles),
        count(Access::None),
    );
    let file = path.display();
    let on = names(gpus);
    let nothing = runs == 0 && compiles == 0;
    let (id, message) = if nothing {
        (
            FindingId::GpuKernelMissing,
            format!(
                "'{file}' has no kernel for sm_{capability} and no PTX that could be compiled for \
                 it: its kernels cannot run on {on}; it has {}",
                contents(code)
            ),
        )
    } else if lacking > 0 {
        (
            FindingId::GpuKernelMissing,
            format!(
                "'{file}' has no kernel for sm_{capability} and no PTX that could be compiled for \
                 it in {lacking} of its {} modules of GPU code: those kernels cannot run on {on}",
                code.modules.values().sum::<usize>()
            ),
        )
    } else if compiles > 0 {
        let newest = code.newest_ptx_for(capability)?;
        let part = if runs == 0 {
            String::new()
        } else {
            format!(
                " in {compiles} of its {} modules of GPU code",
                runs + compiles
            )
        };
        (
            FindingId::GpuKernelCompiledAtLoad,
            format!(
                "'{file}' has no kernel for sm_{capability} ({on}){part}, newest PTX {}: will be \
                 compiled at load, which takes its time with every new version of the driver",
                newest.ptx_name()
            ),
        )
    } else {
        return None;
    };
    Some(Finding {
        severity: Severity::Warning,
        id,
        message,
        remedy: format!(
            "compile it with -gencode=arch=compute_{capability},code=sm_{capability} as well \
             (TORCH_CUDA_ARCH_LIST={}.{} for PyTorch extensions)",
            capability.major, capability.minor
        ),
    })
}

/// `GPU 0 (NVIDIA H200)`, with the others of its kind.
fn names(gpus: &[&Gpu]) -> String {
    let indexes: Vec<String> = gpus.iter().map(|gpu| gpu.index.to_string()).collect();
    let plural = if gpus.len() == 1 { "" } else { "s" };
    format!("GPU{plural} {} ({})", indexes.join(", "), gpus[0].name)
}

/// What there is instead.
fn contents(code: &GpuCode) -> String {
    let binaries = code.binaries.iter().map(|code| code.binary_name());
    let ptx = code.ptx.iter().map(|code| code.ptx_name());
    binaries.chain(ptx).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Architecture;

    /// Architectures by their names: `sm_90a`, `compute_80`.
    fn module(names: &[&str]) -> Module {
        let mut module = Module::default();
        for name in names {
            let (kind, rest) = name.split_once('_').expect("a kind");
            let number = rest.trim_end_matches(['a', 'f']);
            let number: u32 = number.parse().expect("a number");
            let architecture = Architecture {
                capability: ComputeCapability {
                    major: number / 10,
                    minor: number % 10,
                },
                portability: match &rest[number.to_string().len()..] {
                    "a" => Portability::Exact,
                    "f" => Portability::Family,
                    _ => Portability::Baseline,
                },
            };
            if kind == "sm" {
                module.binaries.insert(architecture);
            } else {
                module.ptx.insert(architecture);
            }
        }
        module
    }

    /// The names of each module's contents.
    type Modules<'a> = &'a [&'a [&'a str]];

    fn code(modules: Modules<'_>) -> GpuCode {
        let mut code = GpuCode::default();
        for names in modules {
            let module = module(names);
            code.binaries.extend(&module.binaries);
            code.ptx.extend(&module.ptx);
            *code.modules.entry(module).or_default() += 1;
        }
        code
    }

    fn gpu(index: u32, capability: &str) -> Gpu {
        Gpu {
            index,
            name: format!("GPU of {capability}"),
            capability: capability.parse().expect("a capability"),
        }
    }

    fn found(modules: Modules<'_>, capability: &str) -> Option<(FindingId, String)> {
        let findings = check(
            Path::new("/ops/x.so"),
            &code(modules),
            &[gpu(0, capability)],
        );
        assert!(findings.len() < 2);
        let finding = findings.into_iter().next()?;
        assert_eq!(finding.severity, Severity::Warning);
        Some((finding.id, finding.message))
    }

    #[test]
    fn kernels_are_judged_module_by_module() {
        use FindingId::{GpuKernelCompiledAtLoad as Compiled, GpuKernelMissing as Missing};
        let table: &[(Modules<'_>, &str, Option<FindingId>)] = &[
            (&[], "9.0", None),
            (&[&["sm_80", "sm_90"]], "9.0", None),
            (&[&["sm_80"]], "8.6", None),
            (&[&["sm_86"]], "8.0", Some(Missing)),
            (&[&["sm_80", "compute_80"]], "9.0", Some(Compiled)),
            (&[&["sm_80"]], "9.0", Some(Missing)),
            (&[&["sm_90a"]], "9.0", None),
            (&[&["sm_90a", "compute_90a"]], "10.0", Some(Missing)),
            (&[&["sm_100f"]], "10.3", None),
            (&[&["compute_90"]], "8.9", Some(Missing)),
            // One module that has everything does not help the kernels of another.
            (&[&["sm_80"], &["sm_80", "sm_90"]], "9.0", Some(Missing)),
            (
                &[&["sm_80", "compute_80"], &["sm_90"]],
                "9.0",
                Some(Compiled),
            ),
            // Kernels for one architecture only are meant to be absent from others.
            (&[&["sm_90a"], &["sm_80", "sm_90"]], "8.0", None),
            (&[&["sm_90a"], &["sm_80", "compute_80"]], "8.9", None),
        ];
        for (modules, capability, expected) in table {
            let found = found(modules, capability).map(|(id, _)| id);
            assert_eq!(found, *expected, "{modules:?} on {capability}");
        }
    }

    #[test]
    fn messages_say_what_is_there_and_where_it_does_not_run() {
        let (_, message) = found(&[&["sm_80", "compute_75", "compute_80"]], "9.0").expect("found");
        assert!(
            message.contains("no kernel for sm_90 (GPU 0 (GPU of 9.0)), newest PTX compute_80: will be compiled at load"),
            "{message}"
        );
        let (_, message) = found(&[&["sm_80"], &["sm_90"]], "9.0").expect("found");
        assert!(message.contains("in 1 of its 2 modules"), "{message}");
    }

    #[test]
    fn gpus_of_one_kind_are_named_together() {
        let gpus = [gpu(0, "9.0"), gpu(1, "8.0"), gpu(2, "9.0")];
        let findings = check(Path::new("/ops/x.so"), &code(&[&["sm_75"]]), &gpus);
        assert_eq!(findings.len(), 2);
        assert!(
            findings[1].message.contains("GPUs 0, 2 (GPU of 9.0)"),
            "{findings:?}"
        );
        assert!(findings[1].message.contains("it has sm_75"));
    }
}
