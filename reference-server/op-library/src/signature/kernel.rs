//! Reads the types of kernels: `at::Tensor (at::Tensor const&, double)`.

use super::cpp_type::{parts, template, value_type, without_reference};
use super::{Signature, Value};
use crate::symbol_name::demangle;

/// How the description of a type is named, and what a demangler makes of that.
const MANGLED: &str = "_ZTI";
const DEMANGLED: &str = "typeinfo for ";

/// A first parameter that no schema has: PyTorch hands it on to kernels that call the op again.
const DISPATCH_KEYS: &str = "c10::DispatchKeySet";

impl Signature {
    /// Reads the mangled name of a function's type, such as `FN2at6TensorERKS0_dE`; `None` for one
    /// that is not understood.
    pub(crate) fn of_kernel(mangled: &str) -> Option<Self> {
        let readable = demangle(&format!("{MANGLED}{mangled}"));
        Self::of_cpp_type(readable.strip_prefix(DEMANGLED)?)
    }

    /// Reads a function's type as C++ writes it.
    fn of_cpp_type(text: &str) -> Option<Self> {
        let (result, parameters) = text.strip_suffix(')').and_then(split_at_last_opening)?;
        let result = result.trim();
        // A function that returns a pointer to a function is written around it.
        if result.is_empty() || result.contains('(') {
            return None;
        }
        let parameters = match parameters.trim() {
            "void" => Vec::new(),
            parameters => parts(parameters)?,
        };
        let arguments = parameters
            .iter()
            .enumerate()
            .filter(|(index, text)| *index != 0 || without_reference(text) != DISPATCH_KEYS)
            .map(|(_, text)| value(text))
            .collect();
        Some(Self {
            arguments,
            results: results(result),
        })
    }
}

/// The results: those in a tuple are several.
fn results(text: &str) -> Option<Vec<Value>> {
    if text == "void" {
        return Some(Vec::new());
    }
    match template(text) {
        Some(("std::tuple", results)) => Some(results.into_iter().map(value).collect()),
        // By reference, or constant.
        _ if text.starts_with("std::tuple") => None,
        _ => Some(vec![value(text)]),
    }
}

fn value(text: &str) -> Value {
    Value {
        value_type: value_type(text),
        declared: text.to_owned(),
    }
}

/// Splits at the parenthesis that what is left of `text` would close.
fn split_at_last_opening(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().rev() {
        match c {
            ')' => depth += 1,
            '(' if depth == 0 => return Some((&text[..at], &text[at + 1..])),
            '(' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ValueType::{self, Bool, Float, Int, Number, Str, Tensor};
    use super::*;

    fn types(values: Vec<Value>) -> Vec<Option<ValueType>> {
        values.into_iter().map(|value| value.value_type).collect()
    }

    fn read(mangled: &str) -> (Vec<Option<ValueType>>, Vec<Option<ValueType>>) {
        let signature = Signature::of_kernel(mangled).expect("a function type");
        (
            types(signature.arguments),
            types(signature.results.expect("results")),
        )
    }

    #[test]
    fn names_that_compilers_give_are_read() {
        for (mangled, arguments, results) in [
            (
                "FN2at6TensorERKS0_S2_dE",
                vec![Some(Tensor), Some(Tensor), Some(Float)],
                vec![Some(Tensor)],
            ),
            (
                "FSt5tupleIJN2at6TensorES1_EERKS1_NSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEER\
                 KN3c104ListIS1_EENSB_6SymIntEE",
                vec![Some(Tensor), Some(Str), Some(Tensor.list()), Some(Int)],
                vec![Some(Tensor), Some(Tensor)],
            ),
            (
                "FN2at6TensorERKS0_RKSt8optionalIS0_ElbN3c108ArrayRefIlEEE",
                vec![
                    Some(Tensor),
                    Some(Tensor.optional()),
                    Some(Int),
                    Some(Bool),
                    Some(Int.list()),
                ],
                vec![Some(Tensor)],
            ),
            (
                "FN2at6TensorERKS0_S2_St17basic_string_viewIcSt11char_traitsIcEEE",
                vec![Some(Tensor), Some(Tensor), Some(Str)],
                vec![Some(Tensor)],
            ),
            ("FvvE", vec![], vec![]),
            (
                "FRN2at6TensorES1_N3c1014DispatchKeySetEE",
                vec![Some(Tensor), None],
                vec![Some(Tensor)],
            ),
            (
                "FlN3c1014DispatchKeySetERKNS_6ScalarERKNS_4DictISsN2at6TensorEEESsE",
                vec![Some(Number), None, Some(Str)],
                vec![Some(Int)],
            ),
        ] {
            assert_eq!(read(mangled), (arguments, results), "{mangled}");
        }
    }

    #[test]
    fn lists_and_options_are_told_apart() {
        for (text, expected) in [
            (
                "std::vector<at::Tensor, std::allocator<at::Tensor> > const&",
                Some(Tensor.list()),
            ),
            ("c10::ArrayRef<c10::SymInt>", Some(Int.list())),
            ("c10::OptionalArrayRef<long>", Some(Int.list().optional())),
            (
                "c10::optional<c10::ArrayRef<double> >",
                Some(Float.list().optional()),
            ),
            (
                "c10::List<std::optional<at::Tensor> > const&",
                Some(Tensor.optional().list()),
            ),
            ("std::array<bool, 3ul>", Some(Bool.list())),
            (
                "c10::intrusive_ptr<ops::Cell, c10::detail::target<ops::Cell> >",
                None,
            ),
            ("c10::ArrayRef<ops::Cell>", None),
            ("long*", None),
            ("int", None),
        ] {
            assert_eq!(value_type(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_type_of_a_function_is_passed_over() {
        for mangled in ["", "F", "d", "N2at6TensorE", "FN2at6TensorE", "PFvvE"] {
            assert_eq!(Signature::of_kernel(mangled), None, "{mangled}");
        }
        // A function that returns one.
        assert_eq!(Signature::of_kernel("FPFvvEdE"), None);
    }

    proptest! {
        #[test]
        fn any_name_is_read_or_passed_over(name in "F?[A-Za-z0-9_]{0,60}") {
            let _ = Signature::of_kernel(&name);
        }

        #[test]
        fn any_type_is_read_or_passed_over(text in "[a-z:<>(),& *]{0,60}") {
            let _ = Signature::of_cpp_type(&text);
            let _ = value_type(&text);
        }
    }
}
