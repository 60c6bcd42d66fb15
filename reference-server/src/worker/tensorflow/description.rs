//! Ops and kernels as text, in the notation of `REGISTER_OP` and of TensorFlow's messages.

use super::element_type;
use super::messages::{ArgDef, AttrDef, KernelDef, Literal, Literals, OpDef, TensorShape};

/// `CustomBiasGelu(x: T, bias: T) -> (y: T); T: {float, half}`.
pub(super) fn signature(op: &OpDef) -> String {
    let list = |arguments: &[ArgDef]| {
        let each = arguments.iter();
        let each = each.map(|argument| format!("{}: {}", argument.name, argument_type(argument)));
        each.collect::<Vec<_>>().join(", ")
    };
    let (name, inputs, outputs) = (&op.name, list(&op.inputs), list(&op.outputs));
    let attributes: String = op
        .attributes
        .iter()
        .map(|attribute| format!("; {}: {}", attribute.name, attribute_type(attribute)))
        .collect();
    format!("{name}({inputs}) -> ({outputs}){attributes}")
}

/// `float`, `T`, `N * float`, `N * T`, `Tin` (a list of types), `Ref(T)`.
fn argument_type(argument: &ArgDef) -> String {
    let element = if !argument.type_list_attribute.is_empty() {
        argument.type_list_attribute.clone()
    } else if !argument.type_attribute.is_empty() {
        argument.type_attribute.clone()
    } else {
        element_type::name(argument.data_type)
    };
    let whole = match argument.number_attribute.as_str() {
        "" => element,
        number => format!("{number} * {element}"),
    };
    if argument.is_reference {
        format!("Ref({whole})")
    } else {
        whole
    }
}

/// `{float, half}`, `int >= 1`, `list(type)`, `string = 'none'`.
fn attribute_type(attribute: &AttrDef) -> String {
    let mut text = attribute.kind.clone();
    if let Some(allowed) = &attribute.allowed {
        // Within `list(type)` the types that are allowed stand for the type.
        let allowed = format!("{{{}}}", elements(allowed));
        text = match text.strip_prefix("list(") {
            Some(_) => format!("list({allowed})"),
            None => allowed,
        };
    }
    if attribute.has_minimum {
        text = format!("{text} >= {}", attribute.minimum);
    }
    match &attribute.default {
        Some(default) => format!("{text} = {}", literal(default)),
        None => text,
    }
}

fn literal(value: &Literal) -> String {
    if let Some(list) = &value.list {
        format!(
            "[{}]",
            elements(&Literal {
                list: Some(list.clone()),
                ..Literal::default()
            })
        )
    } else if let Some(bytes) = &value.bytes {
        quoted(bytes)
    } else if let Some(number) = value.integer {
        number.to_string()
    } else if let Some(number) = value.float {
        number.to_string()
    } else if let Some(truth) = value.boolean {
        truth.to_string()
    } else if let Some(code) = value.data_type {
        element_type::name(code)
    } else if let Some(shape) = &value.shape {
        dims(shape)
    } else if let Some(function) = &value.function {
        function.name.clone()
    } else {
        // A tensor, or a kind of value that is newer than this.
        "…".to_owned()
    }
}

/// The elements of a list, without brackets; only one kind has any.
fn elements(value: &Literal) -> String {
    let Some(list) = &value.list else {
        return literal(value);
    };
    let Literals {
        bytes,
        integers,
        floats,
        booleans,
        data_types,
        shapes,
        functions,
    } = list;
    let mut all: Vec<String> = bytes.iter().map(|bytes| quoted(bytes)).collect();
    all.extend(integers.iter().map(ToString::to_string));
    all.extend(floats.iter().map(ToString::to_string));
    all.extend(booleans.iter().map(ToString::to_string));
    all.extend(data_types.iter().copied().map(element_type::name));
    all.extend(shapes.iter().map(dims));
    all.extend(functions.iter().map(|function| function.name.clone()));
    all.join(", ")
}

fn quoted(bytes: &[u8]) -> String {
    format!("'{}'", String::from_utf8_lossy(bytes).escape_debug())
}

/// `[?, 3]`, or `?` where the rank is open.
fn dims(shape: &TensorShape) -> String {
    if shape.unknown_rank {
        return "?".to_owned();
    }
    let dims = shape.dims.iter().map(|dim| match dim.size {
        size if size < 0 => "?".to_owned(),
        size => size.to_string(),
    });
    format!("[{}]", dims.collect::<Vec<_>>().join(", "))
}

/// `CPU T in [float]`, with the label and the priority where it has any.
pub(super) fn kernel(kernel: &KernelDef) -> String {
    let mut text = kernel.device_type.clone();
    let conditions: Vec<String> = kernel
        .constraints
        .iter()
        .map(|constraint| {
            let list = constraint
                .allowed
                .as_ref()
                .and_then(|value| value.list.as_ref());
            let types = list.into_iter().flat_map(|list| &list.data_types);
            let types: Vec<String> = types.copied().map(element_type::name).collect();
            format!("{} in [{}]", constraint.name, types.join(", "))
        })
        .collect();
    if !conditions.is_empty() {
        text = format!("{text} {}", conditions.join(", "));
    }
    if !kernel.label.is_empty() {
        text = format!("{text} label {}", quoted(kernel.label.as_bytes()));
    }
    if kernel.priority != 0 {
        text = format!("{text} priority {}", kernel.priority);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::worker::tensorflow::messages::{AttrConstraint, AttrList, AttrValue, Dim};

    const FLOAT: i32 = 1;
    const HALF: i32 = 19;

    fn argument(name: &str, type_attribute: &str) -> ArgDef {
        ArgDef {
            name: name.to_owned(),
            type_attribute: type_attribute.to_owned(),
            ..ArgDef::default()
        }
    }

    fn attribute(name: &str, kind: &str) -> AttrDef {
        AttrDef {
            name: name.to_owned(),
            kind: kind.to_owned(),
            ..AttrDef::default()
        }
    }

    fn list(list: Literals) -> Option<Literal> {
        Some(Literal {
            list: Some(list),
            ..Literal::default()
        })
    }

    #[test]
    fn a_signature_reads_like_its_registration() {
        let op = OpDef {
            name: "CustomBiasGelu".to_owned(),
            inputs: vec![argument("x", "T"), argument("bias", "T")],
            outputs: vec![argument("y", "T")],
            attributes: vec![AttrDef {
                allowed: list(Literals {
                    data_types: vec![FLOAT, HALF],
                    ..Literals::default()
                }),
                ..attribute("T", "type")
            }],
            is_stateful: false,
        };
        assert_eq!(
            signature(&op),
            "CustomBiasGelu(x: T, bias: T) -> (y: T); T: {float, half}"
        );
    }

    #[test]
    fn arguments_may_be_lists_references_and_of_one_type() {
        let told = |change: fn(&mut ArgDef)| {
            let mut argument = argument("x", "T");
            change(&mut argument);
            argument_type(&argument)
        };
        assert_eq!(told(|x| x.number_attribute = "N".to_owned()), "N * T");
        assert_eq!(told(|x| x.type_list_attribute = "Tin".to_owned()), "Tin");
        assert_eq!(told(|x| x.is_reference = true), "Ref(T)");
        let fixed = ArgDef {
            data_type: FLOAT,
            ..argument("x", "")
        };
        assert_eq!(argument_type(&fixed), "float");
    }

    #[test]
    fn attributes_have_limits_and_defaults() {
        let text = |text: &str| text.as_bytes().to_vec();
        let names = Literals {
            bytes: vec![text("none"), text("tanh")],
            ..Literals::default()
        };
        let approximate = AttrDef {
            allowed: list(names),
            default: Some(Literal {
                bytes: Some(text("none")),
                ..Literal::default()
            }),
            ..attribute("approximate", "string")
        };
        assert_eq!(attribute_type(&approximate), "{'none', 'tanh'} = 'none'");
        let count = AttrDef {
            has_minimum: true,
            minimum: 1,
            ..attribute("N", "int")
        };
        assert_eq!(attribute_type(&count), "int >= 1");
        let types = AttrDef {
            allowed: list(Literals {
                data_types: vec![FLOAT],
                ..Literals::default()
            }),
            ..attribute("Tin", "list(type)")
        };
        assert_eq!(attribute_type(&types), "list({float})");
        let shape = TensorShape {
            dims: vec![Dim { size: -1 }, Dim { size: 3 }],
            unknown_rank: false,
        };
        let shaped = AttrDef {
            default: Some(Literal {
                shape: Some(shape),
                ..Literal::default()
            }),
            ..attribute("shape", "shape")
        };
        assert_eq!(attribute_type(&shaped), "shape = [?, 3]");
        let empty = AttrDef {
            default: list(Literals::default()),
            ..attribute("axes", "list(int)")
        };
        assert_eq!(attribute_type(&empty), "list(int) = []");
    }

    #[test]
    fn a_kernel_is_told_with_its_conditions() {
        let types = AttrList {
            data_types: vec![FLOAT],
            ..AttrList::default()
        };
        let with = KernelDef {
            device_type: "CPU".to_owned(),
            constraints: vec![AttrConstraint {
                name: "T".to_owned(),
                allowed: Some(AttrValue {
                    list: Some(types),
                    ..AttrValue::default()
                }),
            }],
            ..KernelDef::default()
        };
        assert_eq!(kernel(&with), "CPU T in [float]");
        let plain = KernelDef {
            device_type: "GPU".to_owned(),
            label: "fast".to_owned(),
            priority: 2,
            ..KernelDef::default()
        };
        assert_eq!(kernel(&plain), "GPU label 'fast' priority 2");
    }

    proptest! {
        #[test]
        fn whatever_can_be_decoded_can_be_told(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            if let Ok(op) = OpDef::decode(&bytes[..]) {
                signature(&op);
            }
            if let Ok(decoded) = KernelDef::decode(&bytes[..]) {
                kernel(&decoded);
            }
        }
    }
}
