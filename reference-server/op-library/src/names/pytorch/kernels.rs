//! Which kernel, of which type, is registered for which schema.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::function::Function;
use super::libraries::Libraries;
use crate::code::{Call, Callee, FunctionTypes, Program, Value};
use crate::names::schema::OpName;

/// A kernel that a library registers for an op which it defines itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeclaredKernel {
    /// The op with its namespace, `ns::name.overload`.
    pub op: String,
    /// The op's schema, as it stands in the file.
    pub schema: String,
    /// The mangled name of the kernel's type.
    pub function_type: String,
}

/// The kernels whose type and whose op's schema can be traced to the calls that register them.
///
/// A `torch::CppFunction` keeps the type of the kernel that it was made of in a
/// `c10::impl::CppSignature`, without a first parameter of type `DispatchKeySet`; boxed kernels have
/// none. An object that the registering function itself puts together is read there. Compilers also
/// leave the constructor, or all of `Library::impl`, as functions of their own: then the type is the
/// only one that these name.
pub(super) fn declared(
    program: &Program<'_>,
    calls: &[Call<Function>],
    libraries: &Libraries,
) -> Vec<DeclaredKernel> {
    let mut kernels = Kernels {
        types: FunctionTypes::read(program),
        calls,
        of_wrappers: HashMap::new(),
    };
    let schemas = schemas(calls, libraries);
    let found: BTreeSet<DeclaredKernel> = (0..calls.len())
        .filter_map(|index| {
            let function_type = kernels.registered_by(index)?;
            let op = libraries.name(&calls[index])?.full_name();
            let schema = schemas.get(&op)?.clone()?;
            Some(DeclaredKernel {
                op,
                schema,
                function_type,
            })
        })
        .collect();
    found.into_iter().collect()
}

/// The schemas by the op's full name; `None` for an op that has several.
fn schemas(calls: &[Call<Function>], libraries: &Libraries) -> BTreeMap<String, Option<String>> {
    let mut schemas = BTreeMap::new();
    for call in calls {
        let text = match call.callee {
            Callee::Watched(Function::Schema) => 1,
            Callee::Wrapper {
                of: Function::Schema,
                text,
                ..
            } => text,
            _ => continue,
        };
        let schema = call.texts[text].as_deref();
        let schema = schema.filter(|schema| OpName::of_schema(schema).is_some());
        if let Some((schema, name)) = schema.zip(libraries.name(call)) {
            schemas
                .entry(name.full_name())
                .and_modify(|other: &mut Option<String>| {
                    if other.as_deref() != Some(schema) {
                        *other = None;
                    }
                })
                .or_insert_with(|| Some(schema.to_owned()));
        }
    }
    schemas
}

struct Kernels<'a, 'b> {
    types: FunctionTypes<'a, 'b>,
    calls: &'a [Call<Function>],
    /// The type of the only kernel that a function registers, by where it begins.
    of_wrappers: HashMap<u64, Option<String>>,
}

impl<'a> Kernels<'a, '_> {
    /// The type of the kernel that the call at `index` registers.
    fn registered_by(&mut self, index: usize) -> Option<String> {
        match self.calls[index].callee {
            Callee::Watched(Function::Implementation | Function::KernelDefinition) => {
                self.type_at(index)
            }
            Callee::Wrapper {
                of: Function::Implementation | Function::Schema,
                function,
                ..
            } => self.type_in(function),
            _ => None,
        }
    }

    /// The type in the object that is handed to the call at `index`.
    fn type_at(&self, index: usize) -> Option<String> {
        let call = &self.calls[index];
        let held = call
            .held
            .iter()
            .filter_map(|address| self.types.at(*address));
        let held: BTreeSet<String> = held.map(str::to_owned).collect();
        let types = if held.is_empty() {
            self.types_of_constructor(index)?
        } else {
            held
        };
        only(types)
    }

    /// The types that are named by what is called with the object's place since the last kernel was
    /// handed over.
    fn types_of_constructor(&self, index: usize) -> Option<BTreeSet<String>> {
        let call = &self.calls[index];
        let Callee::Watched(function) = call.callee else {
            return None;
        };
        let object = call.parameters[function.kernel()?];
        if !matches!(object, Value::Frame(_)) {
            return None;
        }
        let before = self.before(index).take_while(|before| {
            !matches!(before.callee, Callee::Watched(function) if function.kernel().is_some())
        });
        let mut types = BTreeSet::new();
        for before in before {
            if let Callee::Function(address) = before.callee
                && before.parameters[0] == object
            {
                let named = self.types.named_by(address, &hands_kernel_over)?;
                if named.calls > 0 {
                    return None;
                }
                types.extend(named.types);
            }
        }
        Some(types)
    }

    /// The calls in the same function before the one at `index`, the last first.
    fn before(&self, index: usize) -> impl Iterator<Item = &'a Call<Function>> {
        let function = self.calls[index].function;
        let before = self.calls[..index].iter().rev();
        before.take_while(move |call| call.function == function)
    }

    /// The type of the kernel that the function at `address` registers, where it registers one.
    fn type_in(&mut self, address: u64) -> Option<String> {
        if let Some(known) = self.of_wrappers.get(&address) {
            return known.clone();
        }
        let named = self.types.named_by(address, &hands_kernel_over);
        let named = named.filter(|named| named.calls == 1);
        let found = named.and_then(|named| only(named.types));
        self.of_wrappers.insert(address, found.clone());
        found
    }
}

/// Whether a function of that name takes a kernel that is to be registered.
fn hands_kernel_over(symbol: &str) -> bool {
    matches!(
        Function::named(symbol),
        Some(Function::Implementation | Function::KernelDefinition)
    )
}

fn only(types: BTreeSet<String>) -> Option<String> {
    let mut types = types.into_iter();
    let first = types.next()?;
    types.next().is_none().then_some(first)
}
