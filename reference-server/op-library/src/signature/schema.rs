//! Reads schemas: `ns::name.overload(Tensor x, int[2] size=[1, 1], *, str? mode=None) -> (Tensor, Tensor)`.

use super::{Signature, Value, ValueType};

impl Signature {
    /// Reads a whole schema; `None` for what is none, and for one that takes any number of arguments.
    ///
    /// Source: `torch/csrc/jit/frontend/function_schema_parser.cpp` in PyTorch's sources.
    pub(crate) fn of_schema(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once('(')?;
        let (arguments, results) = split_at_closing(rest)?;
        let results = results.trim().strip_prefix("->")?.trim();
        let arguments = parts(arguments)
            .into_iter()
            // What follows is passed by name.
            .filter(|part| *part != "*")
            .map(argument)
            .collect::<Option<_>>()?;
        Some(Self {
            arguments,
            results: self::results(results),
        })
    }
}

/// `Tensor(a!) x`, `int[2] size=[1, 1]`.
fn argument(text: &str) -> Option<Value> {
    let declared = text.split_once('=').map_or(text, |(declared, _)| declared);
    let (kind, _) = declared.trim().rsplit_once(char::is_whitespace)?;
    Some(Value {
        value_type: value_type(kind),
        declared: declared.trim().to_owned(),
    })
}

/// `Tensor`, `(Tensor values, Tensor)`, `()`.
fn results(text: &str) -> Option<Vec<Value>> {
    let results = match text.strip_prefix('(').and_then(split_at_closing) {
        Some((inner, rest)) if rest.trim().is_empty() => parts(inner),
        Some(_) => return None,
        None => vec![text],
    };
    results.into_iter().map(result).collect()
}

/// A type, and possibly a name.
fn result(text: &str) -> Option<Value> {
    if text.is_empty() || text.starts_with('.') {
        return None;
    }
    let with_name = || {
        let (kind, _) = text.rsplit_once(char::is_whitespace)?;
        value_type(kind)
    };
    Some(Value {
        value_type: value_type(text).or_else(with_name),
        declared: text.to_owned(),
    })
}

/// Reads a type; `None` for one that is not known here.
fn value_type(text: &str) -> Option<ValueType> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let (name, mut rest) = text.split_at(end.unwrap_or(text.len()));
    let mut found = match name {
        "Tensor" => ValueType::Tensor,
        "int" | "SymInt" | "ScalarType" | "Layout" | "MemoryFormat" => ValueType::Int,
        "float" => ValueType::Float,
        "bool" => ValueType::Bool,
        "complex" => ValueType::Complex,
        "str" => ValueType::Str,
        "Scalar" => ValueType::Number,
        "Device" => ValueType::Device,
        _ => return None,
    };
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('?') {
            (found, rest) = (found.optional(), behind);
        } else if let Some(behind) = rest.strip_prefix('[') {
            let (size, behind) = behind.split_once(']')?;
            let is_size = size.trim().chars().all(|c| c.is_ascii_digit());
            (found, rest) = (is_size.then(|| found.list())?, behind);
        } else {
            // Which memory it shares with others.
            (_, rest) = split_at_closing(rest.strip_prefix('(')?)?;
        }
    }
    Some(found)
}

/// Splits behind the parenthesis that closes the one in front of `text`.
fn split_at_closing(text: &str) -> Option<(&str, &str)> {
    let mut nesting = Nesting::default();
    for (at, c) in text.char_indices() {
        if c == ')' && nesting.is_outside() {
            return Some((&text[..at], &text[at + 1..]));
        }
        nesting.read(c);
    }
    None
}

/// The parts between commas that lie in no parentheses, brackets or quotes.
fn parts(text: &str) -> Vec<&str> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    let mut nesting = Nesting::default();
    text.split(|c| {
        let is_end = c == ',' && nesting.is_outside();
        nesting.read(c);
        is_end
    })
    .map(str::trim)
    .collect()
}

/// Where in a text something is.
#[derive(Default)]
struct Nesting {
    depth: usize,
    quote: Option<char>,
    /// Behind a backslash in quotes.
    escaped: bool,
}

impl Nesting {
    const fn is_outside(&self) -> bool {
        self.depth == 0 && self.quote.is_none()
    }

    fn read(&mut self, c: char) {
        match (self.quote, c) {
            (Some(_), _) if self.escaped => self.escaped = false,
            (Some(_), '\\') => self.escaped = true,
            (Some(quote), _) if c == quote => self.quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => self.quote = Some(c),
            (None, '(' | '[') => self.depth += 1,
            (None, ')' | ']') => self.depth = self.depth.saturating_sub(1),
            (None, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn types(text: &str) -> Vec<Option<ValueType>> {
        let signature = Signature::of_schema(text).expect("a schema");
        let arguments = signature.arguments.into_iter();
        arguments.map(|value| value.value_type).collect()
    }

    fn count(text: &str) -> Option<usize> {
        Some(Signature::of_schema(text)?.results?.len())
    }

    #[test]
    fn arguments_are_read_with_their_types() {
        use ValueType::{Bool, Float, Int, Number, Str, Tensor};
        assert_eq!(
            types(
                "ns::f.out(Tensor(a!)[] x, int[2] size=[1, 1], SymInt? n=None, *, str a='b, (c\\', ', \
                 Scalar s=1, bool[3] m, float?[] f, Tensor?[]? t, Generator? g, Dict(str, Tensor) d) -> ()"
            ),
            [
                Some(Tensor.list()),
                Some(Int.list()),
                Some(Int.optional()),
                Some(Str),
                Some(Number),
                Some(Bool.list()),
                Some(Float.optional().list()),
                Some(Tensor.optional().list().optional()),
                None,
                None,
            ]
        );
        assert_eq!(types("f() -> Tensor"), []);
    }

    #[test]
    fn results_are_counted() {
        assert_eq!(count("f(Tensor x) -> Tensor(a!)"), Some(1));
        assert_eq!(count("f(Tensor x)->()"), Some(0));
        assert_eq!(
            count("f() -> (Tensor values, Tensor(a!) y, int[])"),
            Some(3)
        );
        assert_eq!(count("f() -> Tensor y"), Some(1));
        assert_eq!(count("f() -> (Tensor, Tensor)[]"), None);
        assert_eq!(count("f() -> ..."), None);
        let named = Signature::of_schema("f() -> Tensor y").unwrap().results;
        assert_eq!(named.unwrap()[0].value_type, Some(ValueType::Tensor));
    }

    #[test]
    fn what_is_no_schema_or_takes_any_number_of_arguments_is_passed_over() {
        for text in [
            "f",
            "f(Tensor x",
            "f(Tensor x) Tensor",
            "f(Tensor x, ...) -> Tensor",
        ] {
            assert_eq!(Signature::of_schema(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-zA-Z():,.=>\\[\\]?!'\"\\\\ *2-]{0,60}") {
            let _ = Signature::of_schema(&text);
        }
    }
}
