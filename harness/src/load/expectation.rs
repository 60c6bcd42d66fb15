//! What answers must hold.

use std::path::Path;

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::answer::Output;
use super::connection::Answer;
use super::data_type::DataType;
use super::endpoint::Protocol;

/// What an answer to one request must hold.
#[derive(Debug, Clone)]
pub enum Expectation {
    /// The same as the first answer did.
    First {
        /// Its body, which answers are compared with first: most are the same to the last byte.
        body: Bytes,
        /// Its outputs.
        outputs: Vec<Output>,
    },
    /// These outputs.
    Values(Vec<Wanted>),
}

/// Values of an output that are wanted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its extents, where they matter.
    #[serde(default)]
    pub shape: Option<Vec<i64>>,
    /// Its values in row-major order, nested or not.
    pub data: Vec<Value>,
}

#[derive(Deserialize)]
struct File {
    outputs: Vec<Wanted>,
}

impl Expectation {
    /// Reads a file with the outputs of an answer as the protocol has them in JSON:
    /// `{"outputs": [{"name": "y", "shape": [1, 2], "data": [1.0, 2.0]}]}`.
    ///
    /// # Errors
    /// What is wrong with it, with its name.
    pub fn read(path: &Path) -> Result<Self, String> {
        let failed = |reason: String| {
            format!(
                "failed to read the expected outputs in '{}': {reason}; expected {{\"outputs\": \
                 [{{\"name\": …, \"data\": […]}}]}}",
                path.display()
            )
        };
        let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        let file: File =
            serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?;
        Ok(Self::Values(file.outputs))
    }

    /// The first answer is what the others must be like.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn first(protocol: Protocol, answer: &Answer) -> Result<Self, String> {
        Ok(Self::First {
            body: answer.body.clone(),
            outputs: Output::decode(protocol, answer)?,
        })
    }

    /// Compares an answer with it. Numbers of an `--expect` file may differ by as much as their type
    /// rounds; answers are compared with the first one exactly.
    ///
    /// # Errors
    /// What is different.
    pub fn check(&self, protocol: Protocol, answer: &Answer) -> Result<(), String> {
        match self {
            Self::First { body, .. } if *body == answer.body => Ok(()),
            Self::First { outputs, .. } => {
                // The JSON part may differ in what does not matter.
                let found = Output::decode(protocol, answer)?;
                for first in outputs {
                    let same = found.iter().find(|output| output.name == first.name);
                    if same != Some(first) {
                        return Err(format!("output '{}' differs from the first", first.name));
                    }
                }
                Ok(())
            }
            Self::Values(wanted) => {
                let found = Output::decode(protocol, answer)?;
                wanted.iter().try_for_each(|wanted| wanted.check(&found))
            }
        }
    }
}

impl Wanted {
    fn check(&self, outputs: &[Output]) -> Result<(), String> {
        let name = &self.name;
        let output = outputs.iter().find(|output| output.name == *name);
        let output = output.ok_or_else(|| format!("there is no output '{name}'"))?;
        if let Some(shape) = &self.shape
            && *shape != output.shape
        {
            return Err(format!("output '{name}' has another shape than {shape:?}"));
        }
        let values = output.values();
        let values = values.ok_or_else(|| format!("output '{name}' has no values"))?;
        let mut wanted = Vec::new();
        flatten(&self.data, &mut wanted);
        if values.len() != wanted.len() {
            return Err(format!("output '{name}' has another number of values"));
        }
        let tolerance = output
            .datatype
            .parse::<DataType>()
            .map_or(0.0, DataType::tolerance);
        let same = |(found, wanted): (&Value, &&Value)| match (found.as_f64(), wanted.as_f64()) {
            (Some(found), Some(wanted)) => {
                (found - wanted).abs() <= tolerance * wanted.abs().max(1.0)
            }
            _ => found == *wanted,
        };
        match values.iter().zip(&wanted).position(|pair| !same(pair)) {
            None => Ok(()),
            Some(index) => Err(format!("output '{name}' has a wrong value at {index}")),
        }
    }
}

fn flatten<'a>(values: &'a [Value], flat: &mut Vec<&'a Value>) {
    for value in values {
        match value {
            Value::Array(values) => flatten(values, flat),
            value => flat.push(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(values: &str, id: &str) -> Answer {
        let json = format!(
            r#"{{"id":"{id}","outputs":[{{"name":"y","datatype":"FP32","shape":[2],"data":{values}}}]}}"#
        );
        Answer {
            json_length: None,
            body: json.into(),
        }
    }

    #[test]
    fn the_first_answer_counts_by_its_outputs() {
        let first = Expectation::first(Protocol::Http, &answer("[1.0,2.0]", "a")).unwrap();
        let check = |values, id| first.check(Protocol::Http, &answer(values, id));
        assert_eq!(check("[1.0,2.0]", "a"), Ok(()));
        assert_eq!(check("[1.0,2.0]", "b"), Ok(()));
        assert!(check("[1.0,2.5]", "a").unwrap_err().contains("'y' differs"));
        assert!(check("[1.0", "a").is_err());
    }

    #[test]
    fn wanted_values_may_be_rounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expected.json");
        let check = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Expectation::read(&path)?.check(Protocol::Http, &answer("[1.0,2.0]", ""))
        };
        let with = |data: &str| check(&format!(r#"{{"outputs":[{{"name":"y","data":{data}}}]}}"#));
        assert_eq!(with("[1.000001, 2]"), Ok(()));
        assert_eq!(with("[[1], [2]]"), Ok(()));
        assert!(with("[1, 2.1]").unwrap_err().contains("wrong value at 1"));
        assert!(with("[1]").unwrap_err().contains("number of values"));
        let shape = r#"{"outputs":[{"name":"y","shape":[2,1],"data":[1,2]}]}"#;
        assert!(check(shape).unwrap_err().contains("another shape"));
        let other = r#"{"outputs":[{"name":"z","data":[]}]}"#;
        assert!(check(other).unwrap_err().contains("no output 'z'"));
        assert!(check("[]").unwrap_err().contains("expected.json"));
    }
}
