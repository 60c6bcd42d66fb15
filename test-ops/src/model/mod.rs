//! Models of the sample operators.
//!
//! A [`Model`] is a description that means the same in every framework; its [`Format`] says which
//! file it becomes and how its tensors are called there. [`Model::write`] writes that file,
//! [`Model::expected`] is what the model answers according to [`mod@crate::reference`].
//!
//! One module a file format: it turns a model into [`ModelFile`]s.

mod evaluate;
mod file;
mod format;
mod graph_def;
mod node;
mod onnx;
mod pickle;
mod plan_builder;
mod saved_model;
mod torchscript;

use std::path::Path;

pub use file::{ModelError, ModelFile};
pub use format::Format;
pub use node::Node;
pub use plan_builder::{PlanBuilder, PlanError};
pub use torchscript::{torch_script, torch_script_with_buffers};

use runtimes::Framework;

use crate::reference::Tolerance;
use crate::{Approximation, DEFAULT_DOMAIN, DataType, Op, Tensor, spelling};

/// Where an operator's second operand (bias, weight, divisor, threshold) comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterSource {
    /// A second input of the model.
    Input,
    /// A constant in the model: the model has the one input `x`. Suits batching and benchmarks.
    Constant,
}

/// Name, element type and extents of a model's input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the model.
    pub name: String,
    /// Element type.
    pub data_type: DataType,
    /// Extent of each axis, outermost first; −1 where a request decides.
    pub dims: Vec<i64>,
}

/// A model of one sample operator, in one domain or in several side by side.
///
/// Inputs: `x`, and with [`ParameterSource::Input`] also `bias`, `weight`, `divisor` or
/// `threshold`. Shapes: `x` has the model's dims, `bias` and `weight` the last of them, `divisor`
/// those of `x` (as a constant: one value), `threshold` is one value. Outputs: `y`; with several
/// domains `y_0`, `y_1`, … in their order; in TorchScript, where outputs have no names and the
/// server numbers them, `y__0`, `y__1`, …. `y` has the dims of `x`, that of SelectAbove is `[-1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Name of the graph, and of the model's folder in a repository.
    pub name: String,
    /// Operator of every node.
    pub op: Op,
    /// Element type of all tensors.
    pub data_type: DataType,
    /// Shape of `x`, −1 where a request decides.
    pub dims: Vec<i64>,
    /// One node a domain.
    pub domains: Vec<String>,
    /// Where the second operand comes from.
    pub parameter_source: ParameterSource,
    /// Attribute `approximate` of BiasGelu.
    pub approximation: Approximation,
    /// Attribute `epsilon` of RmsNorm.
    pub epsilon: f32,
    /// BiasGelu with `x` alone, for a library [without bias](crate::Sample::without_bias).
    pub without_bias: bool,
    /// The operator's full name, as a library [registers](crate::Sample::with_op_named) it, in
    /// place of its own.
    pub operator_name: Option<String>,
    /// Whether the framework's own operators compute the function, in place of the sample operator.
    pub composed: bool,
    /// Which file it becomes.
    pub format: Format,
}

impl Model {
    /// A model of one node in the domain [`DEFAULT_DOMAIN`], named like `bias_gelu_fp32`, in the
    /// format of ONNX Runtime.
    ///
    /// # Panics
    /// When `dims` is empty, or when BiasGelu or RmsNorm get a last axis that is not fixed.
    pub fn new(
        op: Op,
        data_type: DataType,
        dims: &[i64],
        parameter_source: ParameterSource,
    ) -> Model {
        let last = *dims.last().expect("a model's input has at least one axis");
        assert!(
            last > 0 || matches!(op, Op::Modulo | Op::SelectAbove),
            "the last axis of {op} is as long as its parameter, so it must be fixed"
        );
        Model {
            name: format!(
                "{}_{}",
                op.snake_name(),
                data_type.protocol_name().to_lowercase()
            ),
            op,
            data_type,
            dims: dims.to_vec(),
            domains: vec![DEFAULT_DOMAIN.to_owned()],
            parameter_source,
            approximation: Approximation::None,
            epsilon: 1e-5,
            without_bias: false,
            operator_name: None,
            composed: false,
            format: Format::Onnx,
        }
    }

    /// The same model in another file format, or in the first format of a framework.
    pub fn in_format(mut self, format: impl Into<Format>) -> Model {
        self.format = format.into();
        self
    }

    /// The same model under another name.
    pub fn with_name(mut self, name: &str) -> Model {
        self.name = name.to_owned();
        self
    }

    /// The same model with one node a domain, all of them fed with the same inputs.
    ///
    /// # Panics
    /// When `domains` is empty.
    pub fn with_domains(mut self, domains: &[&str]) -> Model {
        assert!(!domains.is_empty(), "a model has at least one node");
        self.domains = domains.iter().map(|&domain| domain.to_owned()).collect();
        self
    }

    /// The same model with another attribute `approximate` (BiasGelu).
    pub fn with_approximation(mut self, approximation: Approximation) -> Model {
        self.approximation = approximation;
        self
    }

    /// The same model with another attribute `epsilon` (RmsNorm).
    pub fn with_epsilon(mut self, epsilon: f32) -> Model {
        self.epsilon = epsilon;
        self
    }

    /// The same model of a BiasGelu that takes `x` alone, its one input.
    ///
    /// # Panics
    /// When it is a model of another operator.
    pub fn without_bias(mut self) -> Model {
        assert_eq!(self.op, Op::BiasGelu, "only BiasGelu has a bias");
        self.parameter_source = ParameterSource::Input;
        self.without_bias = true;
        self
    }

    /// The same model with another full name of its operator.
    pub fn with_operator_name(mut self, name: &str) -> Model {
        self.operator_name = Some(name.to_owned());
        self
    }

    /// A model of the same function, named like `composed_bias_gelu_fp32`, that needs no op library: the
    /// framework's own operators compute it, as far as there is one in one operator and else in as few
    /// as possible. It is what a custom operator is compared with.
    ///
    /// # Panics
    /// When it has several domains, no bias or an approximation: those are not compared.
    pub fn composed(mut self) -> Model {
        assert!(
            self.domains.len() == 1
                && !self.without_bias
                && self.approximation == Approximation::None,
            "a composition is of one plain operator"
        );
        self.name = format!("composed_{}", self.name);
        self.composed = true;
        self
    }

    /// The operator in `domain` as a node of the framework's models names it.
    fn operator(&self, framework: Framework, domain: &str) -> String {
        match (&self.operator_name, framework) {
            (None, _) => spelling::op(framework, domain, self.op),
            (Some(name), Framework::PyTorch) => {
                // Code calls an operator without its overload.
                let name = name.split('.').next().unwrap_or(name);
                format!("{}::{name}", spelling::domain(framework, domain))
            }
            (Some(name), _) => name.clone(),
        }
    }

    /// The names of a node's operands.
    fn operands(&self) -> Vec<String> {
        let parameter = Some(self.parameter_name()).filter(|_| !self.without_bias);
        std::iter::once("x")
            .chain(parameter)
            .map(str::to_owned)
            .collect()
    }

    /// The inputs that a request has to bring.
    pub fn inputs(&self) -> Vec<TensorSpec> {
        let mut inputs = vec![self.spec("x", self.dims.clone())];
        if self.parameter_source == ParameterSource::Input && !self.without_bias {
            inputs.push(self.spec(self.parameter_name(), self.parameter_dims()));
        }
        inputs
    }

    /// The outputs that a request gets.
    pub fn outputs(&self) -> Vec<TensorSpec> {
        let dims = match self.op {
            Op::SelectAbove => vec![-1],
            _ => self.dims.clone(),
        };
        let count = self.domains.len();
        (0..count)
            .map(|index| {
                let name = match self.format {
                    Format::TorchScript => format!("y__{index}"),
                    _ if count > 1 => format!("y_{index}"),
                    _ => "y".to_owned(),
                };
                self.spec(&name, dims.clone())
            })
            .collect()
    }

    /// Reproducible values for all inputs; `extent` stands in for each −1.
    pub fn sample_inputs(&self, extent: usize, seed: u64) -> Vec<Tensor> {
        self.inputs()
            .iter()
            .enumerate()
            .map(|(index, input)| {
                let shape: Vec<usize> = input
                    .dims
                    .iter()
                    .map(|&dim| usize::try_from(dim).unwrap_or(extent))
                    .collect();
                match index {
                    0 => {
                        let limit = if self.data_type.is_float() {
                            4.0
                        } else {
                            1000.0
                        };
                        Tensor::random(self.data_type, &shape, -limit, limit, seed)
                    }
                    _ => self.sample_parameter(&shape, seed ^ 0x5eed),
                }
            })
            .collect()
    }

    /// What the model answers, by the reference maths and in the order of [`Model::outputs`].
    /// `signatures` gives the signature of the library behind each domain; a domain that is not
    /// named has signature zero.
    ///
    /// # Panics
    /// When `inputs` are not the tensors that [`Model::inputs`] asks for.
    pub fn expected(&self, inputs: &[Tensor], signatures: &[(&str, u8)]) -> Vec<Tensor> {
        evaluate::evaluate(self, inputs, signatures)
    }

    /// How far an answer may lie from [`Model::expected`].
    pub fn tolerance(&self) -> Tolerance {
        if self.composed {
            Tolerance::in_steps(self.data_type)
        } else {
            Tolerance::of(self.data_type)
        }
    }

    /// The model as the bytes of a `model.onnx`, whatever its format.
    pub fn to_onnx(&self) -> Vec<u8> {
        onnx::encode(self)
    }

    /// The model's files in its format, with paths relative to the version folder.
    ///
    /// # Errors
    /// The format cannot express the model, or cannot be written on this machine.
    pub fn files(&self) -> Result<Vec<ModelFile>, ModelError> {
        match self.format {
            Format::Onnx => Ok(vec![ModelFile::new(
                self.format.file_name(),
                self.to_onnx(),
            )]),
            Format::TorchScript => Ok(vec![ModelFile::new(
                self.format.file_name(),
                torchscript::encode(self)?,
            )]),
            Format::GraphDef => Ok(vec![ModelFile::new(
                self.format.file_name(),
                graph_def::encode(self),
            )]),
            Format::SavedModel => Ok(vec![ModelFile::new(
                Path::new(self.format.file_name()).join(saved_model::FILE),
                saved_model::encode(self),
            )]),
            // It holds code for a GPU: a `PlanBuilder` writes it where that is.
            Format::Plan => Err(ModelError::NoWriter {
                model: self.name.clone(),
                format: self.format,
            }),
        }
    }

    /// Writes the model in its format into a version folder, such as `<repository>/<model>/1`,
    /// which is created where it is missing. Each file is replaced as a whole, so that a server
    /// which polls never reads half of one.
    ///
    /// # Errors
    /// As [`Model::files`], and when a file cannot be written.
    pub fn write(&self, version_folder: &Path) -> Result<(), ModelError> {
        for file in self.files()? {
            file.write(version_folder)?;
        }
        Ok(())
    }

    fn spec(&self, name: &str, dims: Vec<i64>) -> TensorSpec {
        TensorSpec {
            name: name.to_owned(),
            data_type: self.data_type,
            dims,
        }
    }

    fn parameter_name(&self) -> &'static str {
        match self.op {
            Op::BiasGelu => "bias",
            Op::RmsNorm => "weight",
            Op::Modulo => "divisor",
            Op::SelectAbove => "threshold",
        }
    }

    fn parameter_dims(&self) -> Vec<i64> {
        match (self.op, self.parameter_source) {
            (Op::BiasGelu | Op::RmsNorm, _) => self.dims.last().copied().into_iter().collect(),
            (Op::Modulo, ParameterSource::Input) => self.dims.clone(),
            (Op::Modulo, ParameterSource::Constant) | (Op::SelectAbove, _) => vec![1],
        }
    }

    /// The constant that stands in the model for the second operand.
    fn constant_parameter(&self) -> Tensor {
        let shape: Vec<usize> = self
            .parameter_dims()
            .into_iter()
            .map(|dim| usize::try_from(dim).expect("a constant's shape is fixed"))
            .collect();
        self.sample_parameter(&shape, 0x0c05)
    }

    fn sample_parameter(&self, shape: &[usize], seed: u64) -> Tensor {
        // A divisor of zero has its own tests; a threshold in the middle selects about half.
        let (low, high) = match (self.op, self.data_type.is_float()) {
            (Op::BiasGelu, _) => (-1.0, 1.0),
            (Op::RmsNorm, _) => (0.5, 2.0),
            (Op::Modulo, true) => (0.5, 2.0),
            (Op::Modulo, false) => (1.0, 50.0),
            (Op::SelectAbove, _) => (-0.5, 0.5),
        };
        Tensor::random(self.data_type, shape, low, high, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_shapes() {
        let model = Model::new(
            Op::BiasGelu,
            DataType::Fp16,
            &[-1, 64],
            ParameterSource::Input,
        );
        assert_eq!(model.name, "bias_gelu_fp16");
        let names = |specs: Vec<TensorSpec>| -> Vec<(String, Vec<i64>)> {
            specs
                .into_iter()
                .map(|spec| (spec.name, spec.dims))
                .collect()
        };
        assert_eq!(
            names(model.inputs()),
            [("x".into(), vec![-1, 64]), ("bias".into(), vec![64])]
        );
        assert_eq!(names(model.outputs()), [("y".into(), vec![-1, 64])]);
        let two = model.with_domains(&["a", "b"]);
        assert_eq!(
            names(two.outputs()),
            [("y_0".into(), vec![-1, 64]), ("y_1".into(), vec![-1, 64])]
        );
        let numbered = two.in_format(runtimes::Framework::PyTorch);
        assert_eq!(
            names(numbered.outputs()),
            [("y__0".into(), vec![-1, 64]), ("y__1".into(), vec![-1, 64])]
        );
    }

    #[test]
    fn sample_inputs_fill_open_axes() {
        let model = Model::new(
            Op::Modulo,
            DataType::Int64,
            &[-1, 3],
            ParameterSource::Input,
        );
        let inputs = model.sample_inputs(5, 1);
        assert_eq!(inputs.len(), 2);
        assert!(inputs.iter().all(|input| input.shape == [5, 3]));
        assert!(inputs[1].values.iter().all(|&divisor| divisor != 0.0));
    }

    #[test]
    #[should_panic(expected = "must be fixed")]
    fn the_row_of_a_norm_is_fixed() {
        Model::new(
            Op::RmsNorm,
            DataType::Fp32,
            &[-1, -1],
            ParameterSource::Constant,
        );
    }
}
