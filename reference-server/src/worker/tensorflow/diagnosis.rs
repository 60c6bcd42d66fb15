//! Why a model cannot be served, in words that help.

use std::collections::HashMap;
use std::path::Path;

use super::element_type;
use super::messages::{AttrValue, KernelDef, NodeDef};
use super::op_library::{OpLibraries, registered};
use super::runtime::Runtime;
use super::status::Failure;
use crate::configuration::Device;
use crate::worker::backend::{LibraryReport, LoadError};

/// The error of a model that TensorFlow refuses. `clash` tells of libraries with the same op.
pub(super) fn session_failure(
    runtime: &Runtime,
    model: &Path,
    failure: &Failure,
    clash: Option<&str>,
) -> LoadError {
    // Two definitions of an op may also differ in their inputs.
    let clash = clash.map_or_else(String::new, |clash| format!(": {clash}"));
    LoadError::new(format!(
        "the model '{}' cannot be prepared for execution{clash}. TensorFlow {} says: {failure}",
        model.display(),
        runtime.version
    ))
}

/// `: <clash>`, where that is what TensorFlow speaks of. Its message names the op only.
pub(super) fn with_clash(message: &str, clash: Option<&str>) -> String {
    clash
        .filter(|_| message.contains("Multiple OpKernel registrations"))
        .map_or_else(String::new, |clash| format!(": {clash}"))
}

/// The error of a model that uses `missing` ops, which nobody registered. `nodes` are its nodes.
pub(super) fn missing_ops(
    runtime: &Runtime,
    model: &Path,
    missing: &[&str],
    nodes: &[&NodeDef],
    libraries: &[LibraryReport],
) -> LoadError {
    let each: Vec<String> = missing
        .iter()
        .map(|op| {
            let node = nodes.iter().find(|node| node.op == *op);
            let node = node.map_or_else(String::new, |node| format!(" (node '{}')", node.name));
            format!("the op '{op}'{node}")
        })
        .collect();
    LoadError {
        missing_ops: missing.iter().map(|op| registered(op)).collect(),
        ..LoadError::new(format!(
            "the model '{}' needs {}, which TensorFlow {} does not have, and {}; name the op \
             library that provides {} in model_operations {{ op_library_filename }} of the \
             model's configuration",
            model.display(),
            each.join(" and "),
            runtime.version,
            registered_text(libraries),
            if missing.len() == 1 { "it" } else { "them" },
        ))
    }
}

fn registered_text(libraries: &[LibraryReport]) -> String {
    if libraries.is_empty() {
        return "no op library is loaded".to_owned();
    }
    let each: Vec<String> = libraries
        .iter()
        .map(|library| {
            let ops: Vec<&str> = library.ops.iter().map(|op| op.name.as_str()).collect();
            let ops = if ops.is_empty() {
                "nothing".to_owned()
            } else {
                ops.join(", ")
            };
            format!("'{}' registers {ops}", library.path.display())
        })
        .collect();
    each.join(", ")
}

/// The error of a model with a node whose op comes from an op library that has no kernel for it that
/// `device` allows, which TensorFlow would only notice when the model is executed; `None` where all
/// have one.
pub(super) fn missing_kernel(
    libraries: &OpLibraries,
    kernels_of: impl Fn(&str) -> Vec<KernelDef>,
    model: &Path,
    nodes: &[&NodeDef],
    device: Device,
) -> Option<LoadError> {
    let mut known: HashMap<&str, Vec<KernelDef>> = HashMap::new();
    for node in nodes {
        let Some(library) = libraries.definer(&node.op) else {
            continue;
        };
        let kernels = known
            .entry(&node.op)
            .or_insert_with(|| kernels_of(&node.op));
        let mut allowed = kernels.iter().filter(|kernel| is_allowed(kernel, device));
        if allowed.any(|kernel| fits(kernel, node)) {
            continue;
        }
        let path = libraries.path(library);
        let offered: Vec<String> = kernels.iter().map(describe).collect();
        let offered = if offered.is_empty() {
            "none at all".to_owned()
        } else {
            offered.join(", ")
        };
        return Some(LoadError {
            library: Some(path.to_owned()),
            ..LoadError::new(format!(
                "the model '{}' cannot be served{}: the op library '{}' has no kernel for the node \
                 '{}' of op '{}'{}; it has {offered}; register a kernel for that with \
                 REGISTER_KERNEL_BUILDER, or change the model's types",
                model.display(),
                if device == Device::Cpu {
                    " on the CPU"
                } else {
                    ""
                },
                path.display(),
                node.name,
                node.op,
                types_of(node),
            ))
        });
    }
    None
}

/// Whether an instance on `device` may execute the kernel: soft placement leads from the GPU to the
/// CPU, not back.
fn is_allowed(kernel: &KernelDef, device: Device) -> bool {
    device != Device::Cpu || kernel.device_type != "GPU"
}

/// Whether TensorFlow could choose the kernel for the node. What the node leaves to defaults, or
/// to the caller of its function, does not rule a kernel out.
fn fits(kernel: &KernelDef, node: &NodeDef) -> bool {
    kernel.constraints.iter().all(|constraint| {
        let allowed = constraint
            .allowed
            .iter()
            .filter_map(|value| value.list.as_ref());
        let allowed: Vec<i32> = allowed.flat_map(|list| list.data_types.clone()).collect();
        let given = node
            .attributes
            .get(&constraint.name)
            .map_or_else(Vec::new, types);
        allowed.is_empty() || given.iter().all(|data_type| allowed.contains(data_type))
    })
}

/// The element types of an attribute.
fn types(value: &AttrValue) -> Vec<i32> {
    let list = value.list.iter().flat_map(|list| &list.data_types);
    value.data_type.iter().chain(list).copied().collect()
}

/// ` with T=half`
fn types_of(node: &NodeDef) -> String {
    let mut given: Vec<String> = node
        .attributes
        .iter()
        .filter_map(|(name, value)| {
            Some(format!("{name}={}", element_type::name(value.data_type?)))
        })
        .collect();
    given.sort_unstable();
    if given.is_empty() {
        String::new()
    } else {
        format!(" with {}", given.join(", "))
    }
}

/// `CPU with T=float`
fn describe(kernel: &KernelDef) -> String {
    let constraints: Vec<String> = kernel
        .constraints
        .iter()
        .map(|constraint| {
            let allowed = constraint.allowed.as_ref().map_or_else(Vec::new, types);
            let names: Vec<String> = allowed.into_iter().map(element_type::name).collect();
            format!("{}={}", constraint.name, names.join("|"))
        })
        .collect();
    if constraints.is_empty() {
        kernel.device_type.clone()
    } else {
        format!("{} with {}", kernel.device_type, constraints.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tensorflow::messages::{AttrConstraint, AttrList};

    fn kernel(data_type: i32) -> KernelDef {
        KernelDef {
            device_type: "CPU".to_owned(),
            constraints: vec![AttrConstraint {
                name: "T".to_owned(),
                allowed: Some(AttrValue {
                    list: Some(AttrList {
                        data_types: vec![data_type],
                        ..AttrList::default()
                    }),
                    ..AttrValue::default()
                }),
            }],
            ..KernelDef::default()
        }
    }

    fn node(data_type: Option<i32>) -> NodeDef {
        let value = AttrValue {
            data_type,
            ..AttrValue::default()
        };
        NodeDef {
            attributes: [("T".to_owned(), value)].into(),
            ..NodeDef::default()
        }
    }

    #[test]
    fn a_kernel_fits_a_node_of_its_type_or_of_a_type_that_is_not_told() {
        assert!(fits(&kernel(1), &node(Some(1))));
        assert!(!fits(&kernel(1), &node(Some(19))));
        assert!(fits(&kernel(1), &node(None)));
        assert!(fits(&kernel(1), &NodeDef::default()));
        assert!(fits(&KernelDef::default(), &node(Some(19))));
    }

    #[test]
    fn a_kernel_for_gpus_is_none_for_the_cpu() {
        let for_gpus = KernelDef {
            device_type: "GPU".to_owned(),
            ..KernelDef::default()
        };
        assert!(!is_allowed(&for_gpus, Device::Cpu));
        assert!(is_allowed(&for_gpus, Device::Gpu(1)));
        assert!(is_allowed(&kernel(1), Device::Cpu));
        assert!(is_allowed(&kernel(1), Device::Gpu(0)));
    }

    #[test]
    fn kernels_and_nodes_are_told_by_their_types() {
        assert_eq!(describe(&kernel(1)), "CPU with T=float");
        assert_eq!(types_of(&node(Some(19))), " with T=half");
    }
}
