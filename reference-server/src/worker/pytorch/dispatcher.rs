//! What PyTorch's dispatcher holds: operators with their kernels and schemas, and custom classes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::c_void;
use std::path::Path;

use super::bridge::{Failure, RawOperator, Text};
use super::runtime::Runtime;
use crate::worker::backend::{LoadError, RegisteredOp};

/// What PyTorch writes in front of the place in the source that declares an operator.
const PLACE_PREFIX: &str = "registered at ";

/// What TorchScript puts in front of the qualified name of a custom class.
const CLASS_PREFIX: &str = "__torch__.";

/// The number of a dispatch key, which differs from version to version.
pub(super) type DispatchKey = u16;

/// Ops with the dispatch keys of their kernels.
pub(super) type Registered = BTreeMap<RegisteredOp, BTreeSet<DispatchKey>>;

/// The dispatcher's operators, overloads apart, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Operators(HashMap<(String, String), Operator>);

/// One overload of an operator, or a custom class.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Operator {
    /// The file of the source that declares it, as the compiler was told its name.
    source: String,
    /// Whether anybody has declared it; it may have kernels alone.
    has_schema: bool,
    /// The keys that it has kernels for, ascending.
    keys: Vec<DispatchKey>,
}

impl Operators {
    /// What the dispatcher holds now.
    ///
    /// # Errors
    /// It cannot be asked.
    pub(super) fn list(runtime: &Runtime) -> Result<Self, LoadError> {
        let mut operators = Self::default();
        let bridge = &runtime.bridge;
        // SAFETY: the context is the map, which nobody else uses during the call.
        let listed = unsafe {
            bridge.check((bridge.functions().operators)(
                note_operator,
                (&raw mut operators).cast(),
            ))
        };
        listed.map_err(|Failure(reason)| {
            LoadError::new(format!(
                "the operators of {} cannot be listed: {reason}",
                runtime.name
            ))
        })?;
        Ok(operators)
    }

    /// Whether nothing was listed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operators that are new since `before` or have kernels that are, each with these.
    pub(super) fn since(&self, before: &Self) -> Registered {
        let mut registered = Registered::new();
        for (key @ (name, _), operator) in &self.0 {
            let earlier = before.0.get(key);
            if earlier.is_some_and(|earlier| {
                (earlier.has_schema, &earlier.keys) == (operator.has_schema, &operator.keys)
            }) {
                continue;
            }
            let known = earlier.map_or(&[][..], |earlier| &earlier.keys);
            let new = operator.keys.iter().filter(|key| !known.contains(key));
            registered.entry(op_named(name)).or_default().extend(new);
        }
        registered
    }

    /// The operators that were declared since `before`.
    pub(super) fn declared_since(&self, before: &Self) -> BTreeSet<RegisteredOp> {
        let is_new = |key| before.0.get(key).is_none_or(|earlier| !earlier.has_schema);
        let operators = self.0.iter();
        operators
            .filter(|(key, operator)| operator.has_schema && is_new(key))
            .map(|((name, _), _)| op_named(name))
            .collect()
    }

    /// The operators whose source and namespace are named in the library's file, as `TORCH_LIBRARY`
    /// leaves them there. One of the two alone would do for several libraries.
    pub(super) fn declared_in(&self, library: &Path) -> Registered {
        let content = std::fs::read(library).unwrap_or_default();
        let texts: HashSet<&[u8]> = content.split(|byte| *byte == 0).collect();
        // A name may also stand there in full, or in front of a signature.
        let namespaces: HashSet<&[u8]> = texts
            .iter()
            .map(|text| {
                let end = text.windows(2).position(|pair| pair == b"::");
                &text[..end.unwrap_or(text.len())]
            })
            .collect();
        let mut declared = Registered::new();
        for ((name, _), operator) in &self.0 {
            let op = op_named(name);
            if !operator.source.is_empty()
                && texts.contains(operator.source.as_bytes())
                && namespaces.contains(op.domain.as_bytes())
            {
                declared.entry(op).or_default().extend(&operator.keys);
            }
        }
        declared
    }
}

/// # Safety
/// `operators` is an [`Operators`] that nobody else uses; the operator and its texts are live.
unsafe extern "C" fn note_operator(operators: *mut c_void, operator: *const RawOperator) {
    // SAFETY: the caller's promise.
    let (operators, operator) = unsafe { (&mut *operators.cast::<Operators>(), &*operator) };
    let keys = if operator.key_count == 0 {
        Vec::new()
    } else {
        // SAFETY: as above: as many keys as it says.
        unsafe { std::slice::from_raw_parts(operator.keys, operator.key_count) }.to_vec()
    };
    // SAFETY: as above.
    let [name, overload, place] =
        [operator.name, operator.overload, operator.place].map(|text| unsafe { text.to_string() });
    operators.0.insert(
        (name, overload),
        Operator {
            source: source_of(&place).to_owned(),
            has_schema: operator.has_schema != 0,
            keys,
        },
    );
}

/// The schemas of operators, overload by overload, and the methods of classes.
pub(super) struct Schemas(BTreeMap<RegisteredOp, Vec<String>>);

impl Schemas {
    /// What the dispatcher knows now; nothing where it cannot be asked.
    pub(super) fn list(runtime: &Runtime) -> Self {
        let mut schemas = Self(BTreeMap::new());
        let bridge = &runtime.bridge;
        // SAFETY: the context is the map, which nobody else uses during the call.
        let listed = unsafe {
            bridge.check((bridge.functions().schemas)(
                note_schema,
                (&raw mut schemas).cast(),
            ))
        };
        if let Err(failure) = listed {
            tracing::warn!(
                "the schemas of {} cannot be listed: {failure}",
                runtime.name
            );
        }
        schemas
    }

    /// Those of one op, sorted, each without the op's namespace.
    pub(super) fn of(&self, op: &RegisteredOp) -> Vec<String> {
        let mut schemas = self.0.get(op).cloned().unwrap_or_default();
        schemas.sort_unstable();
        schemas
    }
}

/// # Safety
/// `schemas` is a [`Schemas`] that nobody else uses; the texts are live.
unsafe extern "C" fn note_schema(schemas: *mut c_void, name: Text, schema: Text) {
    // SAFETY: the caller's promise.
    let (schemas, name, schema) = unsafe {
        (
            &mut *schemas.cast::<Schemas>(),
            name.to_string(),
            schema.to_string(),
        )
    };
    let op = op_named(&name);
    let schema = without_namespace(&schema, &op.domain).to_owned();
    schemas.0.entry(op).or_default().push(schema);
}

/// What PyTorch calls a dispatch key, such as `CPU`.
pub(super) fn key_name(runtime: &Runtime, key: DispatchKey) -> String {
    // SAFETY: any number may be asked for; the text is static.
    unsafe { (runtime.bridge.functions().dispatch_key_name)(key).to_string() }
}

/// `bias_gelu(Tensor x) -> Tensor` for `custom_ops::bias_gelu(Tensor x) -> Tensor`.
fn without_namespace<'a>(schema: &'a str, namespace: &str) -> &'a str {
    schema
        .strip_prefix(namespace)
        .and_then(|rest| rest.strip_prefix("::"))
        .unwrap_or(schema)
}

/// The file in `registered at <file>:<line>`; nothing where it is something else.
fn source_of(place: &str) -> &str {
    place
        .strip_prefix(PLACE_PREFIX)
        .and_then(|place| place.rsplit_once(':'))
        .map_or("", |(file, _)| file)
}

/// `custom_ops::bias_gelu`, or a class such as `__torch__.torch.classes.vision.Video`.
pub(super) fn op_named(name: &str) -> RegisteredOp {
    let class = name.strip_prefix(CLASS_PREFIX);
    let (domain, name) = match class {
        Some(class) => class.rsplit_once('.').unwrap_or(("", class)),
        None => name.split_once("::").unwrap_or(("", name)),
    };
    RegisteredOp {
        domain: domain.to_owned(),
        name: name.to_owned(),
        version: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn operators(entries: &[(&str, &str, &str, &[DispatchKey])]) -> Operators {
        let operators = entries.iter().map(|&(name, overload, source, keys)| {
            let operator = Operator {
                source: source.to_owned(),
                has_schema: true,
                keys: keys.to_vec(),
            };
            ((name.to_owned(), overload.to_owned()), operator)
        });
        Operators(operators.collect())
    }

    fn told(registered: &Registered) -> Vec<String> {
        registered
            .iter()
            .map(|(op, keys)| format!("{}::{} {keys:?}", op.domain, op.name))
            .collect()
    }

    #[test]
    fn new_operators_and_new_kernels_are_told_once() {
        let before = operators(&[
            ("aten::add", "Tensor", "", &[3]),
            ("aten::mul", "", "", &[3]),
        ]);
        let mut after = operators(&[
            ("aten::add", "Tensor", "", &[3, 7]),
            ("aten::mul", "", "", &[3]),
            ("vendor::op", "", "", &[3]),
            ("vendor::op", "out", "", &[3, 9]),
            ("__torch__.torch.classes.vendor.State", "", "", &[]),
        ]);
        let expected = [
            "aten::add {7}",
            "torch.classes.vendor::State {}",
            "vendor::op {3, 9}",
        ];
        assert_eq!(told(&after.since(&before)), expected);
        assert!(after.since(&after).is_empty());
        let without_schema = after.clone();
        for operator in after.0.values_mut() {
            operator.has_schema = false;
        }
        assert_eq!(without_schema.since(&after).len(), 4);
        assert_eq!(without_schema.declared_since(&after).len(), 4);
        assert_eq!(without_schema.declared_since(&before).len(), 2);
        assert!(after.declared_since(&before).is_empty());
    }

    #[test]
    fn a_preloaded_library_is_known_by_the_names_of_its_sources() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("lib.so");
        let content = b"\x7fELF\0/src/ops.cpp\0more/src/other.cpp\0vendor\0full::name(Tensor x)\0";
        std::fs::write(&library, content).unwrap();
        let all = operators(&[
            ("vendor::one", "", "/src/ops.cpp", &[3]),
            ("vendor::two", "", "/src/other.cpp", &[3]),
            ("vendor::three", "", "", &[3]),
            ("other::four", "", "/src/ops.cpp", &[3]),
            ("full::name", "", "/src/ops.cpp", &[3]),
        ]);
        let declared = all.declared_in(&library);
        assert_eq!(told(&declared), ["full::name {3}", "vendor::one {3}"]);
    }

    #[test]
    fn the_source_is_the_place_without_its_line() {
        assert_eq!(source_of("registered at /a/b.cpp:12"), "/a/b.cpp");
        assert_eq!(source_of("registered by RegisterOperators()"), "");
    }

    #[test]
    fn a_schema_is_told_without_the_namespace_of_its_op() {
        let told = |schema| without_namespace(schema, "vendor");
        assert_eq!(
            told("vendor::op.out(Tensor x) -> Tensor"),
            "op.out(Tensor x) -> Tensor"
        );
        assert_eq!(told("vendors::op() -> ()"), "vendors::op() -> ()");
    }

    proptest! {
        #[test]
        fn any_text_of_pytorch_is_read(text in ".{0,200}") {
            source_of(&text);
            without_namespace(&text, "vendor");
            op_named(&text);
        }
    }
}
