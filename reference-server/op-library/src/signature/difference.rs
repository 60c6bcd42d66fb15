//! In what a schema and a kernel differ.

use std::fmt;

use super::{Signature, Value};

/// The first thing in which the schema of an op and a kernel of it differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// They have other numbers of arguments.
    Arguments { schema: usize, kernel: usize },
    /// They have other numbers of results.
    Results { schema: usize, kernel: usize },
    /// An argument has another type.
    Argument {
        /// The argument's place, counted from 1.
        position: usize,
        /// What the schema declares.
        schema: String,
        /// What the kernel takes.
        kernel: String,
    },
    /// A result has another type.
    Result {
        /// The result's place, counted from 1.
        position: usize,
        /// What the schema declares.
        schema: String,
        /// What the kernel returns.
        kernel: String,
    },
}

impl Difference {
    /// Compares a schema with a kernel, in PyTorch's order; types that are not known on both sides are
    /// taken for equal.
    pub(crate) fn between(schema: &Signature, kernel: &Signature) -> Option<Self> {
        let (expected, taken) = (schema.arguments.len(), kernel.arguments.len());
        if expected != taken {
            return Some(Self::Arguments {
                schema: expected,
                kernel: taken,
            });
        }
        let results = schema.results.as_deref().zip(kernel.results.as_deref());
        if let Some((expected, returned)) = results
            && expected.len() != returned.len()
        {
            return Some(Self::Results {
                schema: expected.len(),
                kernel: returned.len(),
            });
        }
        let argument = first(&schema.arguments, &kernel.arguments);
        let argument = argument.map(|(position, schema, kernel)| Self::Argument {
            position,
            schema,
            kernel,
        });
        argument.or_else(|| {
            let (expected, returned) = results?;
            let (position, schema, kernel) = first(expected, returned)?;
            Some(Self::Result {
                position,
                schema,
                kernel,
            })
        })
    }
}

/// The first values that differ in type: their place, and both as they are declared.
fn first(schema: &[Value], kernel: &[Value]) -> Option<(usize, String, String)> {
    let mut pairs = schema.iter().zip(kernel).zip(1..);
    pairs.find_map(|((schema, kernel), position)| {
        let (expected, taken) = (schema.value_type.as_ref()?, kernel.value_type.as_ref()?);
        (expected != taken).then(|| {
            let [schema, kernel] = [schema, kernel].map(|value| value.declared.clone());
            (position, schema, kernel)
        })
    })
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments { schema, kernel } => write!(
                f,
                "the schema has {} and the kernel takes {kernel}",
                counted(*schema, "argument")
            ),
            Self::Results { schema, kernel } => write!(
                f,
                "the schema has {} and the kernel returns {kernel}",
                counted(*schema, "result")
            ),
            Self::Argument {
                position,
                schema,
                kernel,
            } => write!(
                f,
                "argument {position} is '{schema}' in the schema, and the kernel takes '{kernel}'"
            ),
            Self::Result {
                position,
                schema,
                kernel,
            } => write!(
                f,
                "result {position} is '{schema}' in the schema, and the kernel returns '{kernel}'"
            ),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_difference(schema: &str, kernel: &str, expected: Option<&str>) {
        let schema = Signature::of_schema(schema).expect("a schema");
        let kernel = Signature::of_kernel(kernel).expect("a function type");
        let difference = Difference::between(&schema, &kernel);
        let difference = difference.map(|difference| difference.to_string());
        assert_eq!(difference.as_deref(), expected);
    }

    #[test]
    fn the_first_difference_is_told() {
        // at::Tensor (at::Tensor const&, at::Tensor const&, double)
        let kernel = "FN2at6TensorERKS0_S2_dE";
        assert_difference("f(Tensor x, Tensor y, float z) -> Tensor", kernel, None);
        assert_difference(
            "f(Tensor x, Tensor y, str z='none') -> Tensor",
            kernel,
            Some("argument 3 is 'str z' in the schema, and the kernel takes 'double'"),
        );
        assert_difference(
            "f(Tensor x) -> int",
            kernel,
            Some("the schema has 1 argument and the kernel takes 3"),
        );
        assert_difference(
            "f(Tensor x, Tensor y, int z) -> (Tensor, Tensor)",
            kernel,
            Some("the schema has 2 results and the kernel returns 1"),
        );
        assert_difference(
            "f(Tensor x, Tensor y, float z) -> Tensor?",
            kernel,
            Some("result 1 is 'Tensor?' in the schema, and the kernel returns 'at::Tensor'"),
        );
        assert_difference(
            "f(Tensor x, Tensor? y, float z) -> Tensor",
            kernel,
            Some(
                "argument 2 is 'Tensor? y' in the schema, and the kernel takes 'at::Tensor const&'",
            ),
        );
    }

    #[test]
    fn what_is_not_known_on_both_sides_is_no_difference() {
        let kernel = "FN2at6TensorERKS0_S2_dE";
        assert_difference("f(Any x, Generator? y, t z) -> __torch__.C", kernel, None);
        // at::Tensor (c10::SymInt)
        let kernel = "FN2at6TensorEN3c106SymIntEE";
        assert_difference("f(int n) -> Tensor", kernel, None);
        assert_difference("f(ScalarType n) -> Tensor", kernel, None);
        // std::tuple<…> const& ()
        assert_difference("f() -> Tensor", "FRKSt5tupleIJN2at6TensorEEEvE", None);
    }
}
