//! Which tensor of the configuration is which argument of `forward`, and which of its results.
//!
//! The rules are those of Triton's PyTorch backend. Inputs are named like the arguments, or
//! `<name>__<index>`; where they are neither, the order of the configuration counts. Outputs are
//! named `<name>__<index>`; where they are not, the order counts as well.

use std::collections::BTreeSet;
use std::path::Path;

use super::module::{Argument, Takes};
use crate::protocol::DataType;
use crate::worker::backend::{LoadError, ModelSpecification, TensorSignature};

/// What a model takes and gives, tied to its module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// The inputs of the configuration.
    pub(super) inputs: Vec<TensorSignature>,
    /// The argument of `forward` that each input is.
    pub(super) arguments: Vec<usize>,
    /// The outputs of the configuration.
    pub(super) outputs: Vec<TensorSignature>,
    /// The place of each output among the results of `forward`.
    pub(super) results: Vec<usize>,
}

impl Signature {
    /// Ties the tensors that the configuration declares to a module with these arguments.
    pub(super) fn of(
        specification: &ModelSpecification,
        arguments: &[Argument],
    ) -> Result<Self, LoadError> {
        let refused = |reason: String| {
            let file = specification.file.display();
            LoadError::new(format!(
                "the model file '{file}' cannot be served: {reason}"
            ))
        };
        let (inputs, outputs) = (
            &specification.declared_inputs,
            &specification.declared_outputs,
        );
        let lists_all = outputs.is_empty() || (inputs.is_empty() && needs_input(arguments));
        if lists_all {
            return Err(refused(no_types(&specification.file, arguments)));
        }
        let places = input_places(inputs, arguments).map_err(&refused)?;
        check_inputs(inputs, &places, arguments).map_err(&refused)?;
        let names = outputs.iter().map(|output| output.name.as_str());
        let results = indices(names).unwrap_or_else(|| (0..outputs.len()).collect());
        check_strings(inputs.iter().chain(outputs)).map_err(&refused)?;
        Ok(Self {
            inputs: inputs.clone(),
            arguments: places,
            outputs: outputs.clone(),
            results,
        })
    }
}

fn needs_input(arguments: &[Argument]) -> bool {
    arguments.iter().any(|argument| !argument.has_default)
}

/// The configuration lists no tensors: how it could.
fn no_types(file: &Path, arguments: &[Argument]) -> String {
    let inputs = arguments
        .iter()
        .filter(|argument| argument.takes != Takes::Other)
        .map(|argument| {
            let data_type = match argument.takes {
                Takes::Strings => "TYPE_STRING",
                _ => "TYPE_FP32",
            };
            format!(
                "{{ name: \"{}\" data_type: {data_type} dims: [ -1 ] }}",
                argument.name
            )
        })
        .collect::<Vec<_>>()
        .join(", ");
    format!(
        "TorchScript carries no element types and no shapes, so the model's configuration has to \
         list its inputs and outputs; write into {}, with the types and dims of this model: \
         input [ {inputs} ] output [ {{ name: \"output__0\" data_type: TYPE_FP32 dims: [ -1 ] }} ]",
        file.ancestors()
            .nth(2)
            .unwrap_or(Path::new("."))
            .join("config.pbtxt")
            .display()
    )
}

/// The argument that each input is.
fn input_places(inputs: &[TensorSignature], arguments: &[Argument]) -> Result<Vec<usize>, String> {
    let by_name: Option<Vec<usize>> = inputs
        .iter()
        .map(|input| {
            arguments
                .iter()
                .position(|argument| argument.name == input.name)
        })
        .collect();
    if let Some(places) = by_name {
        return Ok(places);
    }
    if let Some(places) = indices(inputs.iter().map(|input| input.name.as_str())) {
        return match places.iter().position(|place| *place >= arguments.len()) {
            Some(input) => Err(format!(
                "the input '{}' is argument number {} of forward, which has {}",
                inputs[input].name,
                places[input],
                counted(arguments)
            )),
            None => Ok(places),
        };
    }
    if inputs.len() > arguments.len() {
        return Err(format!(
            "the configuration lists {} inputs ({}), and forward has {}",
            inputs.len(),
            quoted(inputs.iter().map(|input| input.name.as_str())),
            counted(arguments)
        ));
    }
    tracing::warn!(
        inputs = quoted(inputs.iter().map(|input| input.name.as_str())),
        arguments = counted(arguments),
        "the inputs are named neither like the arguments of forward nor <name>__<index>; they are \
         taken in the order of the configuration"
    );
    Ok((0..inputs.len()).collect())
}

/// The number behind the last `__` of each name, where all have one and no two the same.
fn indices<'a>(names: impl Iterator<Item = &'a str>) -> Option<Vec<usize>> {
    let places = names
        .map(|name| {
            let (stem, index) = name.rsplit_once("__")?;
            let is_number = index.bytes().all(|byte| byte.is_ascii_digit());
            (!stem.is_empty() && is_number).then(|| index.parse().ok())?
        })
        .collect::<Option<Vec<usize>>>()?;
    let distinct: BTreeSet<_> = places.iter().collect();
    (distinct.len() == places.len()).then_some(places)
}

fn check_inputs(
    inputs: &[TensorSignature],
    places: &[usize],
    arguments: &[Argument],
) -> Result<(), String> {
    for (input, place) in inputs.iter().zip(places) {
        let argument = &arguments[*place];
        let takes = match (argument.takes, input.data_type) {
            (Takes::Tensor, DataType::Bytes) | (Takes::Other, _) => argument.type_name.as_str(),
            (Takes::Strings, data_type) if data_type != DataType::Bytes => "a list of strings",
            _ => continue,
        };
        return Err(format!(
            "the input '{}' is of type {}, and the argument '{}' of forward takes {takes}; tensors \
             and List[str] (TYPE_STRING) are served",
            input.name,
            input.data_type.config_name(),
            argument.name
        ));
    }
    let absent = arguments
        .iter()
        .enumerate()
        .find(|(number, argument)| !argument.has_default && !places.contains(number));
    match absent {
        Some((_, argument)) => Err(format!(
            "the argument '{}' ({}) of forward has no default, and none of the configuration's \
             inputs ({}) is meant for it; list it as an input",
            argument.name,
            argument.type_name,
            quoted(inputs.iter().map(|input| input.name.as_str()))
        )),
        None => Ok(()),
    }
}

/// A list of strings has one dimension.
fn check_strings<'a>(mut tensors: impl Iterator<Item = &'a TensorSignature>) -> Result<(), String> {
    let nested =
        tensors.find(|tensor| tensor.data_type == DataType::Bytes && tensor.dims.len() != 1);
    match nested {
        Some(tensor) => Err(format!(
            "'{}' is declared as TYPE_STRING with dimensions {:?}; TorchScript has lists of \
             strings, so it must have one dimension, and max_batch_size must be 0",
            tensor.name, tensor.dims
        )),
        None => Ok(()),
    }
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| format!("'{name}'"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn counted(arguments: &[Argument]) -> String {
    let names = quoted(arguments.iter().map(|argument| argument.name.as_str()));
    match arguments.len() {
        0 => "no arguments".to_owned(),
        1 => format!("the argument {names}"),
        count => format!("{count} arguments: {names}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn argument(name: &str) -> Argument {
        Argument {
            name: name.to_owned(),
            type_name: "Tensor".to_owned(),
            takes: Takes::Tensor,
            has_default: false,
        }
    }

    fn tensor(name: &str) -> TensorSignature {
        TensorSignature {
            name: name.to_owned(),
            data_type: DataType::Fp32,
            dims: vec![-1],
        }
    }

    fn specification(inputs: &[&str], outputs: &[&str]) -> ModelSpecification {
        ModelSpecification {
            key: 1,
            name: "m".to_owned(),
            version: 1,
            file: PathBuf::from("/models/m/1/model.pt"),
            declared_inputs: inputs.iter().copied().map(tensor).collect(),
            declared_outputs: outputs.iter().copied().map(tensor).collect(),
            op_libraries: Vec::new(),
            instances: vec![crate::configuration::Device::Cpu],
            parameters: Default::default(),
        }
    }

    fn places(inputs: &[&str], outputs: &[&str]) -> (Vec<usize>, Vec<usize>) {
        let arguments = [argument("x"), argument("bias")];
        let signature = Signature::of(&specification(inputs, outputs), &arguments).unwrap();
        (signature.arguments, signature.results)
    }

    fn refusal(specification: &ModelSpecification, arguments: &[Argument]) -> String {
        Signature::of(specification, arguments).unwrap_err().message
    }

    #[test]
    fn inputs_are_arguments_by_name_by_index_or_by_order() {
        assert_eq!(places(&["bias", "x"], &["y"]), (vec![1, 0], vec![0]));
        assert_eq!(places(&["in__1", "in__0"], &["y"]), (vec![1, 0], vec![0]));
        assert_eq!(places(&["a", "b"], &["y"]), (vec![0, 1], vec![0]));
        // One that is neither makes the order count for all.
        assert_eq!(places(&["in__1", "b"], &["y"]), (vec![0, 1], vec![0]));
    }

    #[test]
    fn outputs_are_results_by_index_or_by_order() {
        assert_eq!(places(&["x", "bias"], &["y__2", "y__0"]).1, [2, 0]);
        assert_eq!(places(&["x", "bias"], &["y__2", "z"]).1, [0, 1]);
        assert_eq!(places(&["x", "bias"], &["y__1", "z__1"]).1, [0, 1]);
        assert_eq!(places(&["x", "bias"], &["__1"]).1, [0]);
    }

    #[test]
    fn without_tensors_the_configuration_is_written_out() {
        let message = refusal(&specification(&[], &[]), &[argument("x")]);
        for part in ["/models/m/config.pbtxt", "name: \"x\"", "output__0"] {
            assert!(message.contains(part), "{message}");
        }
        // A model without arguments has nothing to list.
        assert!(Signature::of(&specification(&[], &["y"]), &[]).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let two = [argument("x"), argument("bias")];
        let one = &two[..1];
        let message = refusal(&specification(&["x"], &["y"]), &two);
        assert!(message.contains("'bias'"), "{message}");
        let message = refusal(&specification(&["in__0", "in__4"], &["y"]), &two);
        assert!(message.contains("'in__4'"), "{message}");
        let message = refusal(&specification(&["a", "b"], &["y"]), one);
        assert!(message.contains("lists 2 inputs"), "{message}");
        let mut number = argument("n");
        number.takes = Takes::Other;
        number.type_name = "int".to_owned();
        let message = refusal(&specification(&["n"], &["y"]), &[number]);
        assert!(message.contains("takes int"), "{message}");
        let mut strings = specification(&["x"], &["y"]);
        strings.declared_outputs[0].data_type = DataType::Bytes;
        strings.declared_outputs[0].dims = vec![-1, 2];
        let message = refusal(&strings, one);
        assert!(message.contains("one dimension"), "{message}");
    }

    #[test]
    fn an_argument_with_a_default_may_be_left_out() {
        let mut optional = argument("mask");
        optional.has_default = true;
        let arguments = [argument("x"), optional];
        assert!(Signature::of(&specification(&["x"], &["y"]), &arguments).is_ok());
    }
}
