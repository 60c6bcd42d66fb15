//! A request to a model whose answer is known.

use test_ops::{DataType, Model, Tensor};

use crate::arrangement::ReadyModel;
use crate::client::{Answer, Client, ClientError, Encoding, InferenceRequest, NamedTensor};

/// Rows of a request where the model leaves them open.
const ROWS: usize = 3;

/// The signature of the library behind each domain of a model.
pub type Signatures = Vec<(String, u8)>;

/// A request to a model, with what it must answer according to the reference maths.
#[derive(Clone, Debug)]
pub struct Question {
    /// The model's name in the repository.
    pub model: String,
    graph: Option<Model>,
    inputs: Vec<Tensor>,
    request: InferenceRequest,
    expected: Vec<NamedTensor>,
    signatures: Signatures,
}

/// Why an answer is not the right one.
#[derive(Debug, thiserror::Error)]
pub enum WrongAnswer {
    /// There is none.
    #[error(transparent)]
    Request(#[from] ClientError),
    /// Its tensors are not the ones that the reference maths yields.
    #[error("model '{model}' answered wrongly: {difference}")]
    Values {
        /// The model.
        model: String,
        /// The first difference.
        difference: String,
    },
    /// Its tensors are those of another library.
    #[error("model '{model}' was answered by a library with signature {signature}: {difference}")]
    Shadowed {
        /// The model.
        model: String,
        /// The signature of the library that answered.
        signature: u8,
        /// The first difference.
        difference: String,
    },
}

impl Question {
    /// A question to the model named `name` that computes `graph` with libraries of these
    /// `signatures`. The same `seed` gives the same values.
    pub fn new(
        name: &str,
        graph: &Model,
        signatures: Signatures,
        encoding: Encoding,
        seed: u64,
    ) -> Self {
        let inputs = graph.sample_inputs(ROWS, seed);
        let named = |specifications: Vec<test_ops::TensorSpec>, tensors: Vec<Tensor>| {
            specifications
                .into_iter()
                .zip(tensors)
                .map(|(specification, tensor)| NamedTensor {
                    name: specification.name,
                    tensor,
                })
                .collect::<Vec<_>>()
        };
        Self {
            model: name.to_owned(),
            request: InferenceRequest::new(&named(graph.inputs(), inputs.clone()), encoding),
            expected: named(
                graph.outputs(),
                graph.expected(&inputs, &borrowed(&signatures)),
            ),
            graph: Some(graph.clone()),
            inputs,
            signatures,
        }
    }

    /// The request that belongs to a ready model.
    pub fn of_ready(name: &str, ready: &ReadyModel) -> Self {
        Self {
            model: name.to_owned(),
            request: InferenceRequest::new(&ready.inputs, Encoding::Binary),
            expected: ready.outputs.clone(),
            graph: None,
            inputs: Vec::new(),
            signatures: Signatures::new(),
        }
    }

    /// Domains of the model's ops, with the signature of the library that should answer each.
    pub fn answerers(&self) -> Vec<(&str, u8)> {
        let domains = self.graph.iter().flat_map(|graph| &graph.domains);
        let signature = |domain: &str| {
            let mut signatures = self.signatures.iter();
            signatures
                .find(|(name, _)| name == domain)
                .map_or(0, |&(_, signature)| signature)
        };
        domains
            .map(|domain| (domain.as_str(), signature(domain)))
            .collect()
    }

    /// The encodings that tensors of this type can travel in.
    pub fn encodings(data_type: DataType) -> &'static [Encoding] {
        match data_type {
            // There is no JSON form of FP16 in the protocol.
            DataType::Fp16 => &[Encoding::Binary],
            _ => &[Encoding::Binary, Encoding::Json],
        }
    }

    /// Asks it and compares the answer.
    ///
    /// # Errors
    /// There is no answer, or it is not the right one.
    pub fn ask(&self, client: &Client) -> Result<(), WrongAnswer> {
        let answer = client.infer(&self.model, &self.request)?;
        let Err(difference) = self.compare(&answer, &self.expected) else {
            return Ok(());
        };
        let model = self.model.clone();
        Err(match self.answered_by(&answer) {
            Some(signature) => WrongAnswer::Shadowed {
                model,
                signature,
                difference,
            },
            None => WrongAnswer::Values { model, difference },
        })
    }

    fn compare(&self, answer: &Answer, expected: &[NamedTensor]) -> Result<(), String> {
        for wanted in expected {
            let output = answer
                .outputs
                .iter()
                .find(|output| output.name == wanted.name)
                .ok_or_else(|| format!("there is no output '{}'", wanted.name))?;
            output
                .tensor
                .compare(&wanted.tensor)
                .map_err(|mismatch| format!("in output '{}' {mismatch}", wanted.name))?;
        }
        if answer.outputs.len() != expected.len() {
            return Err(format!(
                "there are {} outputs, expected {}",
                answer.outputs.len(),
                expected.len()
            ));
        }
        Ok(())
    }

    /// The signature of the library that answered instead, where the values tell.
    fn answered_by(&self, answer: &Answer) -> Option<u8> {
        const SIGNATURES: std::ops::RangeInclusive<u8> = 0..=9;
        let graph = self.graph.as_ref()?;
        SIGNATURES.clone().find(|&signature| {
            let domains = graph.domains.iter();
            let signatures: Signatures =
                domains.map(|domain| (domain.clone(), signature)).collect();
            let tensors = graph.expected(&self.inputs, &borrowed(&signatures));
            let expected: Vec<NamedTensor> = self
                .expected
                .iter()
                .zip(tensors)
                .map(|(wanted, tensor)| NamedTensor {
                    name: wanted.name.clone(),
                    tensor,
                })
                .collect();
            self.compare(answer, &expected).is_ok()
        })
    }
}

fn borrowed(signatures: &Signatures) -> Vec<(&str, u8)> {
    signatures
        .iter()
        .map(|(domain, signature)| (domain.as_str(), *signature))
        .collect()
}

#[cfg(test)]
mod tests {
    use test_ops::{Op, ParameterSource};

    use super::*;

    fn question(signature: u8) -> Question {
        let graph = Model::new(
            Op::BiasGelu,
            DataType::Fp32,
            &[-1, 8],
            ParameterSource::Input,
        );
        let signatures = vec![(test_ops::DEFAULT_DOMAIN.to_owned(), signature)];
        Question::new("subject", &graph, signatures, Encoding::Binary, 1)
    }

    fn answer(outputs: Vec<NamedTensor>) -> Answer {
        Answer {
            model_name: "subject".into(),
            model_version: "1".into(),
            outputs,
        }
    }

    #[test]
    fn the_answer_of_another_library_is_recognised() {
        let asked = question(2);
        assert!(
            asked
                .compare(&answer(asked.expected.clone()), &asked.expected)
                .is_ok()
        );
        let stale = answer(question(1).expected);
        let difference = asked.compare(&stale, &asked.expected).unwrap_err();
        assert!(difference.contains("'y'"), "{difference}");
        assert_eq!(asked.answered_by(&stale), Some(1));
    }

    #[test]
    fn missing_and_superfluous_outputs_are_wrong() {
        let asked = question(0);
        assert!(asked.compare(&answer(vec![]), &asked.expected).is_err());
        let twice = [asked.expected.clone(), asked.expected.clone()].concat();
        assert!(asked.compare(&answer(twice), &asked.expected).is_err());
    }
}
