//! The types of TorchScript that arguments and results mostly have.

/// A type. Two that are unequal are unequal for PyTorch, too; of two that are equal this is so where
/// both are not [`Int`](Self::Int).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ValueType {
    Tensor,
    /// `int`, and what is passed as one: `SymInt`, `ScalarType`, `Layout`, `MemoryFormat`. PyTorch tells
    /// some of them apart, in some places, in some releases.
    Int,
    Float,
    Bool,
    Complex,
    Str,
    /// `Scalar`: any number.
    Number,
    Device,
    Optional(Box<ValueType>),
    List(Box<ValueType>),
}

impl ValueType {
    /// `T?`
    pub(super) fn optional(self) -> Self {
        Self::Optional(Box::new(self))
    }

    /// `T[]`
    pub(super) fn list(self) -> Self {
        Self::List(Box::new(self))
    }
}
