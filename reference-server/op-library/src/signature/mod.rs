//! What an op of PyTorch takes and returns: as its schema says, and as the C++ type of a kernel says.
//!
//! PyTorch infers a schema from the type of a kernel and compares it with the op's when both are
//! registered, which is done here in the same way: by number, then by type, each as TorchScript has it
//! (`int64_t` is `int`, `const at::Tensor&` and `at::Tensor` are both `Tensor`).
//!
//! Source: `inferFunctionSchemaFlattenedReturns` and `findSchemaDifferences` in
//! `ATen/core/op_registration/infer_schema.h`, `getTypePtr` in `ATen/core/jit_type.h`.

mod cpp_type;
mod difference;
mod kernel;
mod schema;
mod value_type;

pub(crate) use difference::Difference;
pub(crate) use value_type::ValueType;

/// What an op takes and returns, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub arguments: Vec<Value>,
    /// `None` where their number is not known.
    pub results: Option<Vec<Value>>,
}

/// One argument or one result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// The type; `None` for one that is not known here.
    pub value_type: Option<ValueType>,
    /// How it is declared where it was read: `Tensor(a!) out`, `at::Tensor&`.
    pub declared: String,
}
