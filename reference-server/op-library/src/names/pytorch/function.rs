//! The functions through which a library registers with PyTorch.

use crate::code::Text;
use crate::names::RegisteredKind;

/// Functions through which a library registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// `torch::Library::Library(Kind, std::string ns, …)`, and `torch::detail::TorchLibraryInit(Kind,
    /// InitFn*, const char* ns, …)`, which wraps it.
    Library,
    /// `torch::jit::parseSchema(const std::string&)`, `parseSchemaOrName(const std::string&)`.
    Schema,
    /// `torch::Library::_impl(const char* name, CppFunction&& kernel, …)`.
    Implementation,
    /// `torch::Library::_def(std::variant<OperatorName, FunctionSchema>&&, CppFunction&& kernel, …)`, to
    /// which what the schema was read into is given.
    KernelDefinition,
    /// `torch::detail::class_base::class_base(const std::string& ns, const std::string& name, …)`.
    Class,
    /// `torch_library_init_def(const char* ns, …)` and its like.
    StableLibrary(LibraryKind),
    /// `torch_library_def(library, const char* schema)`.
    StableSchema,
    /// `torch_library_impl(library, const char* name, …)`.
    StableImplementation,
}

/// `torch::Library::Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LibraryKind {
    Definition,
    Implementation,
    Fragment,
}

impl LibraryKind {
    /// Source: `torch::Library::Kind` in `torch/library.h`.
    pub(super) const fn of_number(number: u64) -> Option<Self> {
        match number {
            0 => Some(Self::Definition),
            1 => Some(Self::Implementation),
            2 => Some(Self::Fragment),
            _ => None,
        }
    }

    /// What the namespace is then; kernels alone take none.
    pub(super) const fn registered(self) -> Option<RegisteredKind> {
        match self {
            Self::Definition => Some(RegisteredKind::Domain),
            Self::Fragment => Some(RegisteredKind::DomainFragment),
            Self::Implementation => None,
        }
    }
}

impl Function {
    /// The function that a symbol is the name of.
    pub(super) fn named(symbol: &str) -> Option<Self> {
        const CPP: [(&str, Function); 6] = [
            ("_ZN5torch7LibraryC", Function::Library),
            ("_ZN5torch3jit11parseSchemaE", Function::Schema),
            ("_ZN5torch3jit17parseSchemaOrNameE", Function::Schema),
            ("_ZNR5torch7Library5_implEPKc", Function::Implementation),
            ("_ZN5torch7Library5_implEPKc", Function::Implementation),
            ("_ZN5torch6detail10class_baseC", Function::Class),
        ];
        // The older functions of that interface have a prefix.
        match symbol.strip_prefix("aoti_").unwrap_or(symbol) {
            "torch_library_init_def" => Some(Self::StableLibrary(LibraryKind::Definition)),
            "torch_library_init_fragment" => Some(Self::StableLibrary(LibraryKind::Fragment)),
            "torch_library_init_impl" => Some(Self::StableLibrary(LibraryKind::Implementation)),
            "torch_library_def" => Some(Self::StableSchema),
            "torch_library_impl" => Some(Self::StableImplementation),
            // Of several functions of that name, the one that takes a kernel.
            _ if symbol.starts_with("_ZNR5torch7Library4_defE") => symbol
                .contains("11CppFunction")
                .then_some(Self::KernelDefinition),
            _ => CPP
                .into_iter()
                .find(|(prefix, _)| symbol.starts_with(prefix))
                .map(|(_, function)| function),
        }
    }

    /// The name, or the namespace.
    pub(super) const fn text(self) -> Option<Text> {
        let (parameter, wrapped) = match self {
            Self::Library => (2, 3),
            Self::StableLibrary(_) => (0, 0),
            Self::Schema
            | Self::Implementation
            | Self::Class
            | Self::StableSchema
            | Self::StableImplementation => (1, 1),
            // What it gets is no text, but made of one.
            Self::KernelDefinition => return None,
        };
        Some(Text { parameter, wrapped })
    }

    /// The index of the parameter that is the `torch::CppFunction`.
    pub(super) const fn kernel(self) -> Option<usize> {
        match self {
            Self::Implementation | Self::KernelDefinition => Some(2),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_known_by_their_symbols() {
        assert_eq!(
            Function::named("aoti_torch_library_init_impl"),
            Some(Function::StableLibrary(LibraryKind::Implementation))
        );
        assert_eq!(
            Function::named("_ZN5torch7LibraryC1ENS0_4KindESs"),
            Some(Function::Library)
        );
        assert_eq!(Function::named("_ZN5torch7LibraryD1Ev"), None);
        assert_eq!(
            Function::named(
                "_ZNR5torch7Library4_defEOSt7variantIJN3c1012OperatorNameENS2_14FunctionSchemaEEEO\
                 NS_11CppFunctionERKSt6vectorIN2at3TagESaISB_EE"
            ),
            Some(Function::KernelDefinition)
        );
        assert_eq!(
            Function::named("_ZNR5torch7Library4_defEON3c1014FunctionSchemaEPNS1_12OperatorNameE"),
            None
        );
    }
}
