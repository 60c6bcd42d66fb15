//! The objects of type `torch::Library` in a file, and the namespaces that they stand for.

use std::collections::{BTreeSet, HashMap};

use runtimes::Framework;

use super::function::{Function, LibraryKind};
use crate::code::{Call, Callee, Program, Value};
use crate::names::schema::OpName;
use crate::names::{NameSource, RegisteredKind, RegisteredName, is_identifier};

/// The objects of type `torch::Library`, by what leads to them.
#[derive(Default)]
pub(super) struct Libraries {
    /// The namespace of a library by the address of the object, or of the function that fills it.
    by_address: HashMap<u64, String>,
    /// Libraries by the function that makes them: where, which object, and its namespace.
    made: HashMap<u64, Vec<(u64, Value, String)>>,
    found: BTreeSet<(String, RegisteredKind, NameSource)>,
}

impl Libraries {
    /// What the names of symbols tell in a file that is not stripped.
    pub(super) fn of_symbols(program: &Program<'_>) -> Self {
        let mut libraries = Self::default();
        let symbols = program.local_symbols.definitions();
        for (name, address) in symbols.filter(|(name, _)| name.contains("TORCH_LIBRARY_")) {
            let Some((kind, namespace)) = of_symbol(name) else {
                continue;
            };
            libraries.by_address.insert(address, namespace.to_owned());
            libraries.add(kind, namespace, NameSource::Symbol);
        }
        libraries
    }

    fn add(&mut self, kind: LibraryKind, namespace: &str, source: NameSource) {
        if let Some(kind) = kind.registered() {
            self.found.insert((namespace.to_owned(), kind, source));
        }
    }

    /// What the calls tell that make libraries.
    pub(super) fn add_calls(&mut self, calls: &[Call<Function>]) {
        for call in calls {
            let Some((kind, namespace)) = self.made_by(call) else {
                self.add_filling(call);
                continue;
            };
            if let Some(kind) = kind {
                self.add(kind, &namespace, NameSource::Code);
            }
            let made = self.made.entry(call.function).or_default();
            made.push((call.site, call.parameters[0], namespace.clone()));
            // A wrapper is given the function that fills the library.
            if let (Callee::Wrapper { .. }, Value::Address(filling)) =
                (call.callee, call.parameters[2])
            {
                self.by_address.insert(filling, namespace);
            }
        }
    }

    fn made_by(&self, call: &Call<Function>) -> Option<(Option<LibraryKind>, String)> {
        let (function, text) = match call.callee {
            Callee::Watched(function) => (function, function.text()?.parameter),
            Callee::Wrapper { of, text, .. } => (of, text),
            Callee::Function(_) => return None,
        };
        let kind = match function {
            Function::Library => match call.parameters[1] {
                Value::Constant(number) => LibraryKind::of_number(number),
                _ => None,
            },
            Function::StableLibrary(kind) => Some(kind),
            _ => return None,
        };
        let named = call.texts[text].clone().filter(|text| is_identifier(text));
        let namespace = named.or_else(|| match call.parameters[0] {
            Value::Address(object) => self.by_address.get(&object).cloned(),
            _ => None,
        });
        Some((kind, namespace?))
    }

    /// A call of another function with the library that was made last fills it.
    fn add_filling(&mut self, call: &Call<Function>) {
        let Callee::Function(address) = call.callee else {
            return;
        };
        let made = self.made.get(&call.function).and_then(|made| made.last());
        if let Some((_, object, namespace)) = made
            && matches!(object, Value::Address(_))
            && *object == call.parameters[0]
        {
            let namespace = namespace.clone();
            self.by_address.entry(address).or_insert(namespace);
        }
    }

    /// The namespace that what is registered by a call gets.
    fn namespace_of(&self, call: &Call<Function>) -> Option<&str> {
        let made_before = self.made.get(&call.function).and_then(|made| {
            let before = made.iter().rev().find(|(site, ..)| *site < call.site);
            before.map(|(_, _, namespace)| namespace)
        });
        let object = match call.parameters[0] {
            Value::Address(object) => self.by_address.get(&object),
            _ => None,
        };
        made_before
            .or(object)
            .or_else(|| self.by_address.get(&call.function))
            .map(String::as_str)
            .or_else(|| self.only_namespace())
    }

    /// The library's namespace, where it has one alone.
    fn only_namespace(&self) -> Option<&str> {
        let mut all = self.found.iter().map(|(namespace, ..)| namespace);
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }

    /// What one call registers.
    pub(super) fn name(&self, call: &Call<Function>) -> Option<RegisteredName> {
        let (function, text) = match call.callee {
            Callee::Watched(Function::KernelDefinition) => (Function::KernelDefinition, 1),
            Callee::Watched(function) => (function, function.text()?.parameter),
            Callee::Wrapper { of, text, .. } => (of, text),
            Callee::Function(_) => return None,
        };
        let text = call.texts[text].as_deref()?;
        let (kind, name) = match function {
            Function::Schema | Function::KernelDefinition => {
                (RegisteredKind::Op, OpName::of_definition(text)?)
            }
            Function::StableSchema => (RegisteredKind::Op, OpName::of_schema(text)?),
            Function::Implementation | Function::StableImplementation => {
                (RegisteredKind::Kernel, OpName::parse(text)?)
            }
            Function::Class => {
                let name = call.texts[2]
                    .as_deref()
                    .filter(|name| is_identifier(name))?;
                let namespace = Some(text).filter(|text| is_identifier(text))?;
                let name = OpName {
                    namespace: Some(namespace.to_owned()),
                    name: name.to_owned(),
                };
                (RegisteredKind::Class, name)
            }
            Function::Library | Function::StableLibrary(_) => return None,
        };
        let namespace = match name.namespace {
            Some(namespace) => namespace,
            None => self.namespace_of(call)?.to_owned(),
        };
        Some(registered(
            kind,
            Some(namespace),
            name.name,
            NameSource::Code,
        ))
    }

    /// The namespaces that are defined or added to.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = RegisteredName> {
        self.found
            .iter()
            .map(|(namespace, kind, source)| registered(*kind, None, namespace.clone(), *source))
    }
}

fn registered(
    kind: RegisteredKind,
    domain: Option<String>,
    name: String,
    source: NameSource,
) -> RegisteredName {
    RegisteredName {
        framework: Framework::PyTorch,
        kind,
        domain,
        name,
        version: None,
        source,
    }
}

/// The namespace in the name of a function or of an object that the macros make, such as
/// `TORCH_LIBRARY_FRAGMENT_init_torchvision_4`, among whatever the compiler adds.
fn of_symbol(symbol: &str) -> Option<(LibraryKind, &str)> {
    const KINDS: [(&str, LibraryKind); 3] = [
        ("TORCH_LIBRARY_FRAGMENT_", LibraryKind::Fragment),
        ("TORCH_LIBRARY_IMPL_", LibraryKind::Implementation),
        ("TORCH_LIBRARY_", LibraryKind::Definition),
    ];
    let at = symbol.find("TORCH_LIBRARY_")?;
    let at = symbol[..at].strip_suffix("STABLE_").map_or(at, str::len);
    // A mangled name has its length in front.
    let length = symbol[..at].trim_end_matches(|c: char| c.is_ascii_digit());
    let length: usize = symbol[length.len()..at].parse().ok()?;
    let name = symbol[at..].get(..length)?;
    let name = name.strip_prefix("STABLE_").unwrap_or(name);
    let (rest, kind) = KINDS
        .into_iter()
        .find_map(|(prefix, kind)| Some((name.strip_prefix(prefix)?, kind)))?;
    let rest = rest.strip_prefix("static_").unwrap_or(rest);
    let rest = rest.strip_prefix("init_")?;
    // Behind the namespace follow, except where there is only one of the kind, the dispatch key of
    // kernels and a number that tells one from another.
    let without_number = || {
        let (rest, number) = rest.rsplit_once('_')?;
        number.chars().all(|c| c.is_ascii_digit()).then_some(rest)
    };
    let namespace = match kind {
        LibraryKind::Definition => rest,
        LibraryKind::Fragment => without_number()?,
        LibraryKind::Implementation => without_number()?.rsplit_once('_')?.0,
    };
    is_identifier(namespace).then_some((kind, namespace))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn symbols_tell_the_namespace_and_how_it_is_opened() {
        use LibraryKind::{Definition, Fragment, Implementation};
        for (symbol, expected) in [
            (
                "_ZL25TORCH_LIBRARY_init_my_opsRN5torch7LibraryE",
                Some((Definition, "my_ops")),
            ),
            (
                "_ZN6visionL41TORCH_LIBRARY_FRAGMENT_init_torchvision_4ERN5torch7LibraryE",
                Some((Fragment, "torchvision")),
            ),
            (
                "_ZN6vision3opsL53TORCH_LIBRARY_IMPL_static_init_torchvision_Autocast_2E",
                Some((Implementation, "torchvision")),
            ),
            (
                "_ZL39STABLE_TORCH_LIBRARY_static_init_stableE",
                Some((Definition, "stable")),
            ),
            ("_ZL9TORCH_LIBRARY_init_x", None),
            ("TORCH_LIBRARY_", None),
        ] {
            assert_eq!(of_symbol(symbol), expected, "{symbol}");
        }
    }

    proptest! {
        #[test]
        fn any_symbol_is_read_or_passed_over(before in "[A-Z0-9_]{0,6}", rest in "[a-zA-Z0-9_]{0,20}") {
            let _ = of_symbol(&format!("{before}TORCH_LIBRARY_{rest}"));
        }
    }
}
