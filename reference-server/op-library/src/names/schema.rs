//! Schemas of PyTorch's ops: `ns::name.overload(Tensor x, int n=1) -> Tensor`.

use super::is_identifier;

/// The name in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpName {
    pub namespace: Option<String>,
    /// With the overload behind a dot, where there is one.
    pub name: String,
}

impl OpName {
    /// Reads a name alone: `name`, `name.overload`, `ns::name`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = match text.split_once("::") {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, text),
        };
        let (base, overload) = match name.split_once('.') {
            Some((base, overload)) => (base, Some(overload)),
            None => (name, None),
        };
        let identifiers = [namespace, Some(base), overload];
        identifiers
            .into_iter()
            .flatten()
            .all(is_identifier)
            .then(|| Self {
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            })
    }

    /// Reads the name in a whole schema. What is no schema from its beginning to its end has none.
    pub(super) fn of_schema(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('(')?;
        let name = Self::parse(name.trim())?;
        let (arguments, results) = split_at_closing(rest)?;
        let results = results.trim_start().strip_prefix("->")?.trim();
        let arguments = arguments.trim();
        let is_schema =
            (arguments.is_empty() || split(arguments).all(is_argument)) && is_result(results);
        is_schema.then_some(name)
    }

    /// Reads what is given to `def`: a schema, or a name alone.
    pub(super) fn of_definition(text: &str) -> Option<Self> {
        Self::of_schema(text).or_else(|| Self::parse(text))
    }
}

/// Splits behind the parenthesis that closes the one in front of `text`.
fn split_at_closing(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some((&text[..at], &text[at + 1..])),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The parts between commas that lie in no parentheses or brackets.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        c == ',' && depth <= 0
    })
}

/// `Tensor(a!) x`, `int[2] size=[1, 1]`, `*`.
fn is_argument(text: &str) -> bool {
    let text = text.trim();
    if text == "*" {
        return true;
    }
    let declared = text.split_once('=').map_or(text, |(declared, _)| declared);
    let Some((kind, name)) = declared.trim_end().rsplit_once(char::is_whitespace) else {
        return false;
    };
    is_type(kind.trim()) && is_identifier(name)
}

/// `Tensor`, `(Tensor, int)`, `()`, and each with a name.
fn is_result(text: &str) -> bool {
    match text.strip_prefix('(').and_then(split_at_closing) {
        Some((inner, rest)) => {
            rest.trim().is_empty()
                && (inner.trim().is_empty()
                    || split(inner).all(|part| is_type(part.trim()) || is_argument(part)))
        }
        None => is_type(text) || is_argument(text),
    }
}

/// A type: a name that begins like one of PyTorch's, and what makes it a list, optional or an alias.
fn is_type(text: &str) -> bool {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let mut depth = 0_i32;
    let is_balanced = rest.chars().all(|c| {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        depth >= 0 && (depth > 0 || "()[]?!".contains(c))
    });
    is_name && is_balanced && depth == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Option<String> {
        let parsed = OpName::of_schema(text)?;
        Some(match parsed.namespace {
            Some(namespace) => format!("{namespace}::{}", parsed.name),
            None => parsed.name,
        })
    }

    #[test]
    fn schemas_are_read() {
        for (schema, expected) in [
            (
                "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
                "nms",
            ),
            (
                "torchvision::nms(Tensor dets) -> Tensor",
                "torchvision::nms",
            ),
            ("a.out(Tensor x, *, Tensor(a!) out) -> Tensor(a!)", "a.out"),
            (
                "f(int[2] size=[1, 1], str? mode=None) -> (Tensor, int[])",
                "f",
            ),
            ("_g() -> ()", "_g"),
            (
                "h(Tensor[] xs, Dict(str, Tensor) d) -> (Tensor y, Tensor? z)",
                "h",
            ),
            ("k(__torch__.torch.classes.ops.Cell c) -> Tensor", "k"),
            ("m(Tensor x)->Tensor", "m"),
        ] {
            assert_eq!(name(schema).as_deref(), Some(expected), "{schema}");
        }
    }

    #[test]
    fn other_texts_are_no_schemas() {
        for text in [
            "nms",
            "call f(x) -> it",
            "f(x) -> y",
            "usage: f(Tensor x)",
            "f(Tensor x) -> ",
            "f(Tensor x",
            "f(Tensor x) -> Tensor; and more",
            "a b(Tensor x) -> Tensor",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_alone_is_a_definition_and_no_schema() {
        assert!(OpName::of_definition("torchvision::nms").is_some());
        assert!(OpName::of_definition("nms.out").is_some());
        assert!(OpName::of_definition("no name").is_none());
        assert!(OpName::of_definition("").is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z():,.=>\\[\\]?! -]{0,60}") {
            let _ = OpName::of_definition(&text);
        }
    }
}
