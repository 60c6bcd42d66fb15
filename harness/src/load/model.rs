//! What the server tells of the model, and the shapes that are sent.

use std::str::FromStr;

use super::data_type::{DataType, UnknownDataType};

/// A model as the server describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Its platform, such as `onnxruntime_onnx`.
    pub platform: String,
    /// Its inputs.
    pub inputs: Vec<Description>,
    /// Its outputs.
    pub outputs: Vec<Description>,
    /// The largest batch, where the server tells its configuration; 0: the model takes none.
    pub max_batch_size: Option<i64>,
}

/// A tensor as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub datatype: String,
    /// Its extents; -1 where a request decides. With the batch dimension, where the model has one.
    pub shape: Vec<i64>,
}

/// A shape that was typed: `x:3,224,224`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// The input.
    pub name: String,
    /// Its extents, without the batch dimension where the model takes batches.
    pub dims: Vec<i64>,
}

/// Why a shape cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// It cannot be read.
    #[error("'{0}' is no shape: expected NAME:EXTENT,EXTENT…, such as x:3,224,224")]
    Malformed(String),
    /// The model leaves an extent open.
    #[error(
        "input '{name}' has the shape {shape:?}, of which the request decides what is -1: give it \
         with --shape '{name}:…'{without_batch}"
    )]
    Open {
        /// The input.
        name: String,
        /// Its shape.
        shape: Vec<i64>,
        /// What to leave out.
        without_batch: &'static str,
    },
    /// There is no such input.
    #[error("the model has no input '{name}': it has {known}")]
    NoInput {
        /// What was typed.
        name: String,
        /// Its inputs.
        known: String,
    },
    /// It is not one that the model takes.
    #[error("--shape {name}:{typed:?} does not fit the model's shape {shape:?}")]
    Misfit {
        /// The input.
        name: String,
        /// What was typed.
        typed: Vec<i64>,
        /// The model's.
        shape: Vec<i64>,
    },
    /// More rows than the model takes.
    #[error("--batch-size {asked} is more than the model takes: {most}")]
    Batch {
        /// What was typed.
        asked: u64,
        /// What the model takes.
        most: i64,
    },
    /// The server tells an element type that the protocol does not know.
    #[error("input '{name}': {source}")]
    DataType {
        /// The input.
        name: String,
        /// Which one.
        source: UnknownDataType,
    },
}

/// An input with a shape that can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub data_type: DataType,
    /// Its extents, all known.
    pub shape: Vec<i64>,
}

impl Input {
    /// Its number of elements.
    pub fn elements(&self) -> usize {
        let extents = self.shape.iter();
        extents
            .map(|extent| usize::try_from(*extent).unwrap_or(0))
            .product()
    }
}

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (name, dims) = text.rsplit_once(':')?;
            let dims = dims.split(',').map(|dim| dim.trim().parse::<i64>());
            let dims: Vec<i64> = dims.collect::<Result<_, _>>().ok()?;
            let is_whole = !name.is_empty() && dims.iter().all(|dim| *dim >= 0);
            is_whole.then(|| Self {
                name: name.to_owned(),
                dims,
            })
        };
        read().ok_or_else(|| ShapeError::Malformed(text.to_owned()))
    }
}

impl Model {
    /// Whether the first extent of its tensors is the batch: by its configuration, or else where
    /// every input leaves its first extent open and has more.
    pub fn takes_batches(&self) -> bool {
        match self.max_batch_size {
            Some(largest) => largest > 0,
            None => {
                let mut inputs = self.inputs.iter();
                !self.inputs.is_empty()
                    && inputs.all(|input| input.shape.len() > 1 && input.shape[0] == -1)
            }
        }
    }

    /// The inputs of a request of `batch_size` rows with the shapes that were typed.
    ///
    /// # Errors
    /// [`ShapeError`]: what has to be typed.
    pub fn inputs(&self, shapes: &[Shape], batch_size: u64) -> Result<Vec<Input>, ShapeError> {
        if let Some(unknown) = shapes
            .iter()
            .find(|shape| self.inputs.iter().all(|input| input.name != shape.name))
        {
            let known: Vec<&str> = self.inputs.iter().map(|input| &*input.name).collect();
            return Err(ShapeError::NoInput {
                name: unknown.name.clone(),
                known: known.join(", "),
            });
        }
        let batches = self.takes_batches();
        let rows = i64::try_from(batch_size).unwrap_or(i64::MAX);
        let most = match self.max_batch_size {
            Some(most) if most > 0 => most,
            None if batches => i64::MAX,
            _ => 1,
        };
        if rows > most {
            return Err(ShapeError::Batch {
                asked: batch_size,
                most,
            });
        }
        let input = |description: &Description| -> Result<Input, ShapeError> {
            let name = description.name.clone();
            let of_model = match batches {
                true => description.shape.get(1..).unwrap_or_default(),
                false => &description.shape,
            };
            let typed = shapes.iter().find(|shape| shape.name == name);
            let dims = match typed {
                None => of_model.to_vec(),
                Some(Shape { dims, .. }) => {
                    let fits = dims.len() == of_model.len()
                        && dims
                            .iter()
                            .zip(of_model)
                            .all(|(typed, known)| *known == -1 || typed == known);
                    if !fits {
                        return Err(ShapeError::Misfit {
                            name,
                            typed: dims.clone(),
                            shape: description.shape.clone(),
                        });
                    }
                    dims.clone()
                }
            };
            if dims.iter().any(|dim| *dim < 0) {
                return Err(ShapeError::Open {
                    name,
                    shape: description.shape.clone(),
                    without_batch: if batches {
                        ", without the batch dimension, which is first"
                    } else {
                        ""
                    },
                });
            }
            let data_type = description.datatype.parse();
            Ok(Input {
                data_type: data_type.map_err(|source| ShapeError::DataType {
                    name: name.clone(),
                    source,
                })?,
                name,
                shape: batches.then_some(rows).into_iter().chain(dims).collect(),
            })
        };
        self.inputs.iter().map(input).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn model(shape: &[i64], max_batch_size: Option<i64>) -> Model {
        Model {
            platform: "onnxruntime_onnx".into(),
            inputs: vec![Description {
                name: "x".into(),
                datatype: "FP32".into(),
                shape: shape.to_vec(),
            }],
            outputs: Vec::new(),
            max_batch_size,
        }
    }

    fn shape(model: &Model, typed: &[&str], rows: u64) -> Result<Vec<i64>, ShapeError> {
        let typed: Vec<Shape> = typed.iter().map(|text| text.parse().unwrap()).collect();
        Ok(model.inputs(&typed, rows)?[0].shape.clone())
    }

    #[test]
    fn the_batch_dimension_is_the_configurations() {
        assert_eq!(shape(&model(&[-1, 16], Some(8)), &[], 4), Ok(vec![4, 16]));
        assert_eq!(shape(&model(&[-1, 16], None), &[], 4), Ok(vec![4, 16]));
        assert_eq!(shape(&model(&[1, 16], Some(0)), &[], 1), Ok(vec![1, 16]));
        let error = shape(&model(&[-1, 16], Some(8)), &[], 9).unwrap_err();
        assert!(error.to_string().contains("takes: 8"), "{error}");
        let error = shape(&model(&[1, 16], Some(0)), &[], 2).unwrap_err();
        assert!(error.to_string().contains("takes: 1"), "{error}");
    }

    #[test]
    fn an_open_extent_has_to_be_typed() {
        let open = model(&[-1, -1, 3], Some(8));
        let error = shape(&open, &[], 1).unwrap_err().to_string();
        assert!(
            error.contains("--shape 'x:…', without the batch"),
            "{error}"
        );
        assert_eq!(shape(&open, &["x:7,3"], 2), Ok(vec![2, 7, 3]));
        let error = shape(&open, &["x:7,4"], 1).unwrap_err().to_string();
        assert!(error.contains("does not fit"), "{error}");
        let error = shape(&open, &["y:7"], 1).unwrap_err().to_string();
        assert!(error.contains("no input 'y': it has x"), "{error}");
        let flat = model(&[-1], Some(0));
        assert_eq!(shape(&flat, &["x:5"], 1), Ok(vec![5]));
    }

    proptest! {
        #[test]
        fn any_text_is_a_shape_or_refused(text in "[a-z:,0-9-]{0,12}") {
            if let Ok(shape) = text.parse::<Shape>() {
                prop_assert!(!shape.name.is_empty() && shape.dims.iter().all(|dim| *dim >= 0));
            }
        }
    }
}
