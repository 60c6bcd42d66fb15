//! Inputs and outputs of an engine.

use std::ffi::{CStr, CString};

use super::bridge::RawTensor;
use super::element_type;
use super::engine::Engine;
use crate::protocol::DataType;
use crate::worker::backend::TensorSignature;

/// What an engine takes and gives.
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
    /// -1 where the plan leaves one open.
    pub(super) dims: Vec<i64>,
    /// Of an input: what the plan's first optimization profile allows.
    range: Option<(Vec<i64>, Vec<i64>)>,
}

impl Signature {
    /// The engine's signature.
    ///
    /// # Errors
    /// It has a tensor that the protocol cannot carry.
    pub(super) fn of(engine: &Engine) -> Result<Self, String> {
        let mut signature = Self {
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        for raw in engine.tensors()? {
            // SAFETY: the bridge gives C strings that live as long as the engine.
            let name = unsafe { CStr::from_ptr(raw.name) };
            let tensor = Tensor::new(name, &raw)?;
            if raw.is_input != 0 {
                signature.inputs.push(tensor);
            } else {
                signature.outputs.push(tensor);
            }
        }
        Ok(signature)
    }

    /// Whether a request decides the shape of an input.
    pub(super) fn has_open_inputs(&self) -> bool {
        let mut dims = self.inputs.iter().flat_map(|input| &input.dims);
        dims.any(|&dim| dim < 0)
    }
}

impl Tensor {
    fn new(name: &CStr, raw: &RawTensor) -> Result<Self, String> {
        let text = name.to_string_lossy();
        let data_type = element_type::from_code(raw.data_type)
            .map_err(|other| format!("tensor '{text}' has {other}, which requests cannot carry"))?;
        if raw.on_host != 0 {
            return Err(format!(
                "tensor '{text}' holds a shape and is wanted in the CPU's memory, which this \
                 server does not serve; compute the shape inside of the network"
            ));
        }
        if raw.is_linear == 0 {
            return Err(format!(
                "tensor '{text}' is not row-major, as requests are; build the plan with the \
                 linear format for its inputs and outputs"
            ));
        }
        let rank = usize::try_from(raw.rank).unwrap_or(0).min(raw.dims.len());
        let dims = |dims: &[i64]| dims[..rank].to_vec();
        Ok(Self {
            name: name.to_owned(),
            data_type,
            dims: dims(&raw.dims),
            range: (raw.is_input != 0).then(|| (dims(&raw.smallest), dims(&raw.largest))),
        })
    }

    /// What to tell a client whose input has a shape that the plan was not built for.
    pub(super) fn profile(&self) -> String {
        match &self.range {
            Some((smallest, largest)) => {
                format!("the plan was built for shapes from {smallest:?} to {largest:?}")
            }
            None => String::from("the plan was built for other shapes"),
        }
    }

    /// As the worker reports it.
    pub(super) fn to_protocol(&self) -> TensorSignature {
        TensorSignature {
            name: self.name.to_string_lossy().into_owned(),
            data_type: self.data_type,
            dims: self.dims.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> RawTensor {
        RawTensor {
            name: std::ptr::null(),
            data_type: 1,
            is_input: 1,
            on_host: 0,
            is_linear: 1,
            rank: 2,
            dims: [-1, 64, 0, 0, 0, 0, 0, 0],
            smallest: [1, 64, 0, 0, 0, 0, 0, 0],
            largest: [8, 64, 0, 0, 0, 0, 0, 0],
        }
    }

    #[test]
    fn an_input_tells_its_profile() {
        let tensor = Tensor::new(c"x", &raw()).unwrap();
        assert_eq!(tensor.to_protocol().dims, [-1, 64]);
        assert_eq!(tensor.data_type, DataType::Fp16);
        assert!(tensor.profile().contains("[1, 64] to [8, 64]"));
    }

    #[test]
    fn inputs_may_be_open_and_outputs_follow_them() {
        let has_open_inputs = |inputs: &[RawTensor], outputs: &[RawTensor]| {
            let tensors = |raw: &[RawTensor]| {
                raw.iter()
                    .map(|raw| Tensor::new(c"x", raw).unwrap())
                    .collect()
            };
            let (inputs, outputs) = (tensors(inputs), tensors(outputs));
            Signature { inputs, outputs }.has_open_inputs()
        };
        let mut fixed = raw();
        fixed.dims[0] = 8;
        assert!(has_open_inputs(&[fixed, raw()], &[]));
        assert!(!has_open_inputs(&[fixed], &[raw()]));
    }

    #[test]
    fn what_cannot_be_carried_is_refused() {
        let refusal = |change: fn(&mut RawTensor)| {
            let mut raw = raw();
            change(&mut raw);
            Tensor::new(c"x", &raw).unwrap_err()
        };
        assert!(refusal(|raw| raw.on_host = 1).contains("shape"));
        assert!(refusal(|raw| raw.is_linear = 0).contains("row-major"));
        assert!(refusal(|raw| raw.data_type = 6).contains("floating-point"));
    }
}
