//! Inputs and outputs of a model, read from its session.

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr;

use ort::sys::{ONNXType, OrtTensorTypeAndShapeInfo, OrtTypeInfo};

use super::element_type;
use super::runtime::Runtime;
use super::session::Session;
use super::status::{Failure, check};
use crate::protocol::DataType;
use crate::worker::backend::TensorSignature;

/// A model's inputs and outputs in the model's order.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) inputs: Vec<Tensor>,
    pub(super) outputs: Vec<Tensor>,
}

/// One input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) name: CString,
    pub(super) data_type: DataType,
    pub(super) dims: Vec<Dim>,
}

/// One dimension as the model declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dim {
    /// A number.
    Fixed(i64),
    /// Open, under a name; the same name stands for the same number.
    Named(String),
    /// Open.
    Open,
}

/// Why a signature cannot be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum SignatureError {
    /// ONNX Runtime failed.
    #[error("ONNX Runtime cannot tell its inputs and outputs: {0}")]
    Failed(#[from] Failure),
    /// An input or output that the protocol cannot carry.
    #[error(
        "its {side} '{name}' is {found}, and the inference protocol carries tensors of its own \
         data types only; give the model a tensor there"
    )]
    NotCarried {
        /// `input` or `output`.
        side: &'static str,
        /// Its name.
        name: String,
        /// What it is instead.
        found: String,
    },
}

#[derive(Clone, Copy)]
enum Side {
    Input,
    Output,
}

impl Signature {
    /// Reads the signature of `session`.
    pub(super) fn of(session: &Session) -> Result<Self, SignatureError> {
        Ok(Self {
            inputs: tensors(session, Side::Input)?,
            outputs: tensors(session, Side::Output)?,
        })
    }

    /// Where each output's dimensions come from, output by output; `None` for an output whose size
    /// cannot be known before the run.
    pub(super) fn output_sizes(&self) -> Vec<Option<Vec<DimSource>>> {
        let mut places = HashMap::new();
        for (input, tensor) in self.inputs.iter().enumerate() {
            for (axis, dim) in tensor.dims.iter().enumerate() {
                if let Dim::Named(name) = dim {
                    places
                        .entry(name.as_str())
                        .or_insert(DimSource::Input { input, axis });
                }
            }
        }
        self.outputs
            .iter()
            .map(|output| {
                // Strings have no size before they exist.
                if output.data_type == DataType::Bytes {
                    return None;
                }
                output
                    .dims
                    .iter()
                    .map(|dim| match dim {
                        Dim::Fixed(length) => Some(DimSource::Fixed(*length)),
                        Dim::Named(name) => places.get(name.as_str()).copied(),
                        Dim::Open => None,
                    })
                    .collect()
            })
            .collect()
    }
}

/// Where the length of an output's dimension comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DimSource {
    /// The model declares it.
    Fixed(i64),
    /// It is that of an axis of an input.
    Input {
        /// Number of the input.
        input: usize,
        /// Number of its dimension.
        axis: usize,
    },
}

impl Tensor {
    /// The form in which the front gets it.
    pub(super) fn to_protocol(&self) -> TensorSignature {
        TensorSignature {
            name: self.name.to_string_lossy().into_owned(),
            data_type: self.data_type,
            dims: self
                .dims
                .iter()
                .map(|dim| match dim {
                    Dim::Fixed(length) => *length,
                    Dim::Named(_) | Dim::Open => -1,
                })
                .collect(),
        }
    }
}

fn tensors(session: &Session, side: Side) -> Result<Vec<Tensor>, SignatureError> {
    let api = session.runtime().api;
    let mut count = 0;
    // SAFETY: the session is live, and so is the out-parameter.
    unsafe {
        check(match side {
            Side::Input => (api.SessionGetInputCount)(session.pointer(), &raw mut count),
            Side::Output => (api.SessionGetOutputCount)(session.pointer(), &raw mut count),
        })
    }?;
    (0..count)
        .map(|index| tensor(session, side, index))
        .collect()
}

fn tensor(session: &Session, side: Side, index: usize) -> Result<Tensor, SignatureError> {
    let api = session.runtime().api;
    let name = name(session, side, index)?;
    let mut info: *mut OrtTypeInfo = ptr::null_mut();
    // SAFETY: the session is live, the index is below the count.
    unsafe {
        check(match side {
            Side::Input => (api.SessionGetInputTypeInfo)(session.pointer(), index, &raw mut info),
            Side::Output => (api.SessionGetOutputTypeInfo)(session.pointer(), index, &raw mut info),
        })
    }?;
    let info = TypeInfo {
        pointer: info,
        runtime: session.runtime(),
    };
    let not_carried = |found: String| SignatureError::NotCarried {
        side: match side {
            Side::Input => "input",
            Side::Output => "output",
        },
        name: name.to_string_lossy().into_owned(),
        found,
    };
    let mut kind = ONNXType::ONNX_TYPE_UNKNOWN as i32;
    // SAFETY: the info is live; the enum has the size of its number, which is read as such because
    // a newer runtime may know more kinds than the enum.
    unsafe {
        check((api.GetOnnxTypeFromTypeInfo)(
            info.pointer,
            (&raw mut kind).cast(),
        ))
    }?;
    if kind != ONNXType::ONNX_TYPE_TENSOR as i32 {
        return Err(not_carried(kind_name(kind).to_owned()));
    }
    let mut tensor: *const OrtTensorTypeAndShapeInfo = ptr::null();
    let mut code = 0_i32;
    let mut rank = 0;
    // SAFETY: the info is that of a tensor; what is cast from it lives as long as it does.
    unsafe {
        check((api.CastTypeInfoToTensorInfo)(
            info.pointer,
            &raw mut tensor,
        ))?;
        check((api.GetTensorElementType)(tensor, (&raw mut code).cast()))?;
        check((api.GetDimensionsCount)(tensor, &raw mut rank))?;
    }
    let data_type = element_type::from_code(code)
        .map_err(|found| not_carried(format!("a tensor of {found}")))?;
    let mut lengths = vec![0_i64; rank];
    let mut symbols: Vec<*const c_char> = vec![ptr::null(); rank];
    // SAFETY: both buffers hold `rank` values.
    unsafe {
        check((api.GetDimensions)(tensor, lengths.as_mut_ptr(), rank))?;
        check((api.GetSymbolicDimensions)(
            tensor,
            symbols.as_mut_ptr(),
            rank,
        ))?;
    }
    let dims = lengths
        .into_iter()
        .zip(symbols)
        .map(|(length, symbol)| {
            if length >= 0 {
                return Dim::Fixed(length);
            }
            if symbol.is_null() {
                return Dim::Open;
            }
            // SAFETY: a C string that belongs to the info, which is live.
            let symbol = unsafe { CStr::from_ptr(symbol) };
            if symbol.is_empty() {
                Dim::Open
            } else {
                Dim::Named(symbol.to_string_lossy().into_owned())
            }
        })
        .collect();
    Ok(Tensor {
        name,
        data_type,
        dims,
    })
}

fn name(session: &Session, side: Side, index: usize) -> Result<CString, SignatureError> {
    let runtime = session.runtime();
    let allocator = runtime.allocator.as_ptr();
    let mut name: *mut c_char = ptr::null_mut();
    // SAFETY: the session is live, the index is below the count, the allocator is the default one.
    unsafe {
        check(match side {
            Side::Input => (runtime.api.SessionGetInputName)(
                session.pointer(),
                index,
                allocator,
                &raw mut name,
            ),
            Side::Output => (runtime.api.SessionGetOutputName)(
                session.pointer(),
                index,
                allocator,
                &raw mut name,
            ),
        })?;
        let owned = CStr::from_ptr(name).to_owned();
        check((runtime.api.AllocatorFree)(allocator, name.cast()))?;
        Ok(owned)
    }
}

fn kind_name(kind: i32) -> &'static str {
    match kind {
        2 => "a sequence",
        3 => "a map",
        4 => "an opaque value",
        5 => "a sparse tensor",
        6 => "an optional value",
        _ => "of an unknown kind",
    }
}

struct TypeInfo<'a> {
    pointer: *mut OrtTypeInfo,
    runtime: &'a Runtime,
}

impl Drop for TypeInfo<'_> {
    fn drop(&mut self) {
        // SAFETY: the info is ours.
        unsafe { (self.runtime.api.ReleaseTypeInfo)(self.pointer) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data_type: DataType, dims: &[Dim]) -> Tensor {
        Tensor {
            name: c"t".to_owned(),
            data_type,
            dims: dims.to_vec(),
        }
    }

    fn named(name: &str) -> Dim {
        Dim::Named(name.to_owned())
    }

    #[test]
    fn sizes_are_known_where_every_dimension_is_fixed_or_an_inputs() {
        let signature = Signature {
            inputs: vec![
                tensor(DataType::Fp32, &[named("batch"), Dim::Fixed(4)]),
                tensor(DataType::Fp32, &[Dim::Open, named("batch"), named("n")]),
            ],
            outputs: vec![
                tensor(DataType::Fp32, &[named("n"), Dim::Fixed(3), named("batch")]),
                tensor(DataType::Fp32, &[named("selected")]),
                tensor(DataType::Fp32, &[Dim::Open]),
                tensor(DataType::Bytes, &[Dim::Fixed(1)]),
                tensor(DataType::Fp32, &[]),
            ],
        };
        assert_eq!(
            signature.output_sizes(),
            [
                Some(vec![
                    DimSource::Input { input: 1, axis: 2 },
                    DimSource::Fixed(3),
                    DimSource::Input { input: 0, axis: 0 },
                ]),
                None,
                None,
                None,
                Some(vec![]),
            ]
        );
    }

    #[test]
    fn open_dimensions_are_minus_one_in_the_protocol() {
        let dims = tensor(DataType::Bool, &[named("n"), Dim::Open, Dim::Fixed(0)])
            .to_protocol()
            .dims;
        assert_eq!(dims, [-1, -1, 0]);
    }
}
