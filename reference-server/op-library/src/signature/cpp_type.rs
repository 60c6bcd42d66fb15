//! Types of C++, as a demangler writes them.

use super::ValueType;

/// The type of TorchScript that a value of a type of C++ becomes, whether it is passed by value or by
/// reference; `None` for one that is not known here.
pub(super) fn value_type(text: &str) -> Option<ValueType> {
    let text = without_reference(text);
    match text {
        "at::Tensor" => return Some(ValueType::Tensor),
        // `int64_t`; PyTorch takes no other whole number from a kernel but `int8_t`.
        "long" | "c10::SymInt" | "c10::ScalarType" | "c10::Layout" | "c10::MemoryFormat" => {
            return Some(ValueType::Int);
        }
        "double" => return Some(ValueType::Float),
        "bool" => return Some(ValueType::Bool),
        "c10::complex<double>" => return Some(ValueType::Complex),
        "c10::Scalar" => return Some(ValueType::Number),
        "c10::Device" => return Some(ValueType::Device),
        "std::string" | "std::string_view" | "c10::string_view" => return Some(ValueType::Str),
        _ => {}
    }
    let (template, parameters) = template(text)?;
    let first = *parameters.first()?;
    match template {
        "std::__cxx11::basic_string"
        | "std::basic_string"
        | "std::basic_string_view"
        | "c10::basic_string_view"
            if first == "char" =>
        {
            Some(ValueType::Str)
        }
        "std::optional" | "c10::optional" => Some(value_type(first)?.optional()),
        "c10::ArrayRef" | "std::vector" | "c10::List" | "c10::IListRef" | "std::array" => {
            Some(value_type(first)?.list())
        }
        "c10::OptionalArrayRef" => Some(value_type(first)?.list().optional()),
        _ => None,
    }
}

/// A type without what PyTorch takes off it: a reference, and what makes it constant.
pub(super) fn without_reference(text: &str) -> &str {
    let text = text.trim().trim_end_matches('&').trim_end();
    text.strip_suffix(" const").unwrap_or(text).trim_end()
}

/// The name of a template, and the types that it is used with.
pub(super) fn template(text: &str) -> Option<(&str, Vec<&str>)> {
    let (name, parameters) = text.strip_suffix('>')?.split_once('<')?;
    Some((name, parts(parameters)?))
}

/// The parts between commas that lie in no parentheses or brackets; `None` where these do not match.
pub(super) fn parts(text: &str) -> Option<Vec<&str>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let mut depth = 0_usize;
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '<' | '[' | '{' => depth += 1,
            ')' | '>' | ']' | '}' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    (depth == 0).then_some(parts)
}
