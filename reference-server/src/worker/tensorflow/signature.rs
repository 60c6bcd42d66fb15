//! A model's inputs and outputs: names, types, and the places in the graph that they stand for.

use std::path::Path;

use super::element_type;
use super::graph::Graph;
use super::interface::Output;
use super::messages::{SignatureDef, TensorInfo};
use super::model_file::{Format, ModelFile};
use super::session::Session;
use crate::protocol::DataType;
use crate::worker::backend::{LoadError, ModelSpecification, TensorSignature};

/// Inputs and outputs of a model. A SavedModel's are sorted by name: its signature has no order.
pub(super) struct Signature {
    /// What goes in.
    pub(super) inputs: Vec<Tensor>,
    /// What comes out.
    pub(super) outputs: Vec<Tensor>,
}

/// One input or output.
pub(super) struct Tensor {
    /// Name in the protocol.
    pub(super) name: String,
    /// Element type.
    pub(super) data_type: DataType,
    /// Dimensions; −1 where open. An unknown number of dimensions is one open one.
    pub(super) dims: Vec<i64>,
    /// The operation that stands for it.
    pub(super) operation: String,
    /// The place in the graph.
    pub(super) place: Output,
}

// SAFETY: the place points into a graph that lives as long as the session, which the holder of a
// signature holds too; graphs may be used from any thread.
unsafe impl Send for Tensor {}
// SAFETY: as above.
unsafe impl Sync for Tensor {}

#[derive(Clone, Copy)]
enum Side {
    Input,
    Output,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

impl Signature {
    /// The signature of the model that `session` was made of.
    ///
    /// A frozen graph has none: its inputs are its placeholders and its outputs the nodes whose
    /// results nobody uses, unless the model configuration declares them.
    pub(super) fn of(
        session: &Session,
        file: &ModelFile,
        graph: &Graph<'_>,
        specification: &ModelSpecification,
    ) -> Result<Self, LoadError> {
        let reader = Reader {
            session,
            path: &file.path,
        };
        match &file.format {
            Format::SavedModel { signature, .. } => reader.of_saved_model(signature),
            Format::GraphDef { .. } => reader.of_graph(graph, specification),
        }
    }

    /// The operations whose results are outputs.
    pub(super) fn output_operations(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(|tensor| tensor.operation.as_str())
    }
}

impl Tensor {
    /// The form in which the front gets it.
    pub(super) fn to_protocol(&self) -> TensorSignature {
        TensorSignature {
            name: self.name.clone(),
            data_type: self.data_type,
            dims: self.dims.clone(),
        }
    }
}

struct Reader<'a> {
    session: &'a Session,
    path: &'a Path,
}

impl Reader<'_> {
    fn of_saved_model(&self, signature: &SignatureDef) -> Result<Signature, LoadError> {
        let side = |side: Side, tensors: &std::collections::BTreeMap<String, TensorInfo>| {
            tensors
                .iter()
                .map(|(name, info)| self.of_info(side, name, info))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Signature {
            inputs: side(Side::Input, &signature.inputs)?,
            outputs: side(Side::Output, &signature.outputs)?,
        })
    }

    fn of_info(&self, side: Side, name: &str, info: &TensorInfo) -> Result<Tensor, LoadError> {
        if info.name.is_empty() {
            return Err(self.refusal(
                side,
                name,
                "is a sparse or composite tensor, and the inference protocol carries dense ones \
                 only; give the signature a dense tensor there",
            ));
        }
        let (operation, place) = self.place(side, name, &info.name)?;
        let dims = match &info.shape {
            Some(shape) if !shape.unknown_rank => shape.dims.iter().map(|dim| dim.size).collect(),
            _ => vec![-1],
        };
        self.tensor(side, name, info.data_type, dims, operation, place)
    }

    fn of_graph(
        &self,
        graph: &Graph<'_>,
        specification: &ModelSpecification,
    ) -> Result<Signature, LoadError> {
        let names = |declared: &[TensorSignature]| -> Vec<String> {
            declared.iter().map(|tensor| tensor.name.clone()).collect()
        };
        let mut inputs = names(&specification.declared_inputs);
        if inputs.is_empty() {
            inputs = graph.placeholders().map(|node| node.name.clone()).collect();
        }
        let mut outputs = names(&specification.declared_outputs);
        if outputs.is_empty() {
            outputs = graph.leaves().map(|node| node.name.clone()).collect();
        }
        if outputs.is_empty() {
            return Err(LoadError::new(format!(
                "the graph '{}' has no node whose result nobody uses, so its outputs cannot be \
                 told; declare them in the model configuration",
                self.path.display()
            )));
        }
        let side = |side: Side, names: &[String]| {
            names
                .iter()
                .map(|name| self.of_name(side, name))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Signature {
            inputs: side(Side::Input, &inputs)?,
            outputs: side(Side::Output, &outputs)?,
        })
    }

    fn of_name(&self, side: Side, name: &str) -> Result<Tensor, LoadError> {
        let (operation, place) = self.place(side, name, name)?;
        let (data_type, dims) = self.session.describe(place).map_err(|failure| {
            self.refusal(side, name, &format!("cannot be described: {failure}"))
        })?;
        let dims = dims.unwrap_or_else(|| vec![-1]);
        self.tensor(side, name, data_type, dims, operation, place)
    }

    /// Finds `operation:result`, or an operation's only result.
    fn place(
        &self,
        side: Side,
        name: &str,
        reference: &str,
    ) -> Result<(String, Output), LoadError> {
        let (operation, index) = split(reference);
        let place = self.session.output(operation, index).ok_or_else(|| {
            self.refusal(
                side,
                name,
                &format!(
                    "stands for result {index} of the operation '{operation}', which the graph \
                     does not have; correct the name, or export the model again"
                ),
            )
        })?;
        Ok((operation.to_owned(), place))
    }

    fn tensor(
        &self,
        side: Side,
        name: &str,
        data_type: i32,
        dims: Vec<i64>,
        operation: String,
        place: Output,
    ) -> Result<Tensor, LoadError> {
        // Types that end in `_ref`, of variables from before TensorFlow 2, are 100 higher.
        let data_type = element_type::from_code(data_type % 100).map_err(|found| {
            self.refusal(
                side,
                name,
                &format!(
                    "is a tensor of {found}, and the inference protocol carries tensors of its \
                     own data types only; give the model a tensor of one of them there"
                ),
            )
        })?;
        Ok(Tensor {
            name: name.to_owned(),
            data_type,
            dims,
            operation,
            place,
        })
    }

    fn refusal(&self, side: Side, name: &str, what: &str) -> LoadError {
        LoadError::new(format!(
            "the model '{}' cannot be served: its {} '{name}' {what}",
            self.path.display(),
            side.name()
        ))
    }
}

/// Splits `operation:result`; without a result it is the first.
fn split(reference: &str) -> (&str, i32) {
    reference
        .rsplit_once(':')
        .and_then(|(operation, index)| Some((operation, index.parse().ok()?)))
        .unwrap_or((reference, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_an_operation_and_one_of_its_results() {
        assert_eq!(split("x:0"), ("x", 0));
        assert_eq!(
            split("StatefulPartitionedCall:12"),
            ("StatefulPartitionedCall", 12)
        );
        assert_eq!(split("scope/x"), ("scope/x", 0));
        assert_eq!(split("odd:name"), ("odd:name", 0));
    }
}
