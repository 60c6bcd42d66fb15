//! Tensors in system shared memory: the data of requests lies in an object that the server has mapped,
//! and its outputs come there.
//!
//! All requests have their inputs in one object, one behind the other; the outputs of all come to one
//! place, as `perf_analyzer` has it, because nobody reads them. The object has no name any more once the
//! server has it: nothing is left behind, however the load test ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process;

use super::answer::{Content, Output};
use super::data::Tensor;

/// Where the system has shared-memory objects.
const FOLDER: &str = "/dev/shm";
/// Alignment of each tensor in bytes: what frameworks use in place.
const ALIGNMENT: u64 = 64;

/// An object with the tensors of some requests.
#[derive(Debug)]
pub struct Region {
    /// The name of the object, and of the region at the server.
    pub name: String,
    /// Its size in bytes.
    pub byte_size: u64,
    /// Each request.
    pub requests: Vec<Placed>,
    object: File,
    /// Its path for as long as it has a name.
    path: Option<PathBuf>,
}

/// A request whose tensors lie in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The region.
    pub region: String,
    /// Its inputs.
    pub inputs: Vec<PlacedInput>,
    /// Its outputs.
    pub outputs: Vec<PlacedOutput>,
}

/// An input in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedInput {
    /// Its name.
    pub name: String,
    /// Its element type, as the protocol names it.
    pub datatype: String,
    /// Its extents.
    pub shape: Vec<i64>,
    /// Where it is.
    pub part: Part,
}

/// An output in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedOutput {
    /// Its name.
    pub name: String,
    /// Where it comes.
    pub part: Part,
}

/// A part of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub byte_size: u64,
}

/// Why there is no region.
#[derive(Debug, thiserror::Error)]
pub enum SharedMemoryError {
    /// The system refuses the object.
    #[error("failed to make a shared-memory object of {byte_size} bytes in {FOLDER}: {source}")]
    Object {
        /// Its size.
        byte_size: u64,
        /// Why.
        source: io::Error,
    },
    /// An output came as JSON, so that its size in memory is not known.
    #[error(
        "output '{0}' came as JSON although it was asked for in binary: its size in shared memory is \
         not known; run without --shared-memory"
    )]
    NoSize(String),
    /// An output in the region is not what came in the answer before.
    #[error("output '{0}' in shared memory differs from the one that came in an answer")]
    Differs(String),
}

/// Gives out the parts of an object.
#[derive(Default)]
struct Layout {
    end: u64,
}

impl Layout {
    fn take(&mut self, byte_size: u64) -> Part {
        let offset = self.end.next_multiple_of(ALIGNMENT);
        self.end = offset + byte_size;
        Part { offset, byte_size }
    }
}

impl Region {
    /// Puts the inputs of `requests` into a new object, with room for outputs of the sizes that
    /// `answers` to them have.
    ///
    /// # Errors
    /// [`SharedMemoryError`].
    pub fn new(
        requests: &[Vec<Tensor>],
        answers: &[Vec<Output>],
    ) -> Result<Self, SharedMemoryError> {
        let name = format!("harness-bench-{}", process::id());
        let mut layout = Layout::default();
        let mut written = Vec::new();
        let mut placed = Vec::new();
        for tensors in requests {
            let input = |tensor: &Tensor| {
                let part = layout.take(tensor.bytes.len() as u64);
                written.push((part.offset, tensor.bytes.clone()));
                PlacedInput {
                    name: tensor.name.clone(),
                    datatype: tensor.data_type.name().to_owned(),
                    shape: tensor.shape.clone(),
                    part,
                }
            };
            placed.push(Placed {
                region: name.clone(),
                inputs: tensors.iter().map(input).collect(),
                outputs: Vec::new(),
            });
        }
        let first_output = layout.end;
        for (placed, outputs) in placed.iter_mut().zip(answers) {
            let mut own = Layout { end: first_output };
            for output in outputs {
                let Content::Bytes(bytes) = &output.content else {
                    return Err(SharedMemoryError::NoSize(output.name.clone()));
                };
                placed.outputs.push(PlacedOutput {
                    name: output.name.clone(),
                    part: own.take(bytes.len() as u64),
                });
            }
            layout.end = layout.end.max(own.end);
        }
        let byte_size = layout.end.max(1);
        let path = PathBuf::from(FOLDER).join(&name);
        let failed = |source| SharedMemoryError::Object { byte_size, source };
        let object = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let region = Self {
            name,
            byte_size,
            requests: placed,
            object,
            path: Some(path),
        };
        region.object.set_len(byte_size).map_err(failed)?;
        for (offset, bytes) in written {
            region.object.write_all_at(&bytes, offset).map_err(failed)?;
        }
        Ok(region)
    }

    /// The key of the object for `shm_open`.
    pub fn key(&self) -> String {
        format!("/{}", self.name)
    }

    /// Takes the object's name away. Who has opened it keeps it.
    pub fn unlink(&mut self) {
        if let Some(path) = self.path.take() {
            // It is gone already, or there is nothing that could be done.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Compares what request number `index` left in the region with the outputs in an answer.
    ///
    /// # Errors
    /// [`SharedMemoryError::Differs`], or the object cannot be read.
    pub fn check(&self, index: usize, expected: &[Output]) -> Result<(), SharedMemoryError> {
        for (output, expected) in self.requests[index].outputs.iter().zip(expected) {
            let mut found = vec![0; usize::try_from(output.part.byte_size).unwrap_or(0)];
            let read = self.object.read_exact_at(&mut found, output.part.offset);
            read.map_err(|source| SharedMemoryError::Object {
                byte_size: self.byte_size,
                source,
            })?;
            if expected.content != Content::Bytes(found.into()) {
                return Err(SharedMemoryError::Differs(output.name.clone()));
            }
        }
        Ok(())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.unlink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::data_type::DataType;

    fn tensor(name: &str, bytes: usize) -> Tensor {
        Tensor {
            name: name.to_owned(),
            data_type: DataType::Uint8,
            shape: vec![bytes as i64],
            bytes: (0..bytes).map(|byte| byte as u8).collect(),
        }
    }

    fn output(content: Content) -> Output {
        Output {
            name: "y".to_owned(),
            datatype: "UINT8".to_owned(),
            shape: vec![3],
            content,
        }
    }

    #[test]
    fn inputs_lie_one_behind_the_other_and_outputs_behind_all_of_them() {
        let requests = [vec![tensor("a", 3), tensor("b", 65)], vec![tensor("a", 1)]];
        let bytes = |length: usize| Content::Bytes(vec![7; length].into());
        let answers = [vec![output(bytes(3))], vec![output(bytes(100))]];
        let mut region = Region::new(&requests, &answers).unwrap();
        let offsets = |placed: &Placed| -> Vec<u64> {
            let inputs = placed.inputs.iter().map(|input| input.part.offset);
            let outputs = placed.outputs.iter().map(|output| output.part.offset);
            inputs.chain(outputs).collect()
        };
        assert_eq!(offsets(&region.requests[0]), [0, 64, 256]);
        assert_eq!(offsets(&region.requests[1]), [192, 256]);
        assert_eq!(region.byte_size, 356);
        let path = PathBuf::from(FOLDER).join(&region.name);
        let content = std::fs::read(&path).unwrap();
        assert_eq!(content.len(), 356);
        assert_eq!(content[64..129], requests[0][1].bytes[..]);
        assert!(matches!(
            region.check(0, &answers[0]),
            Err(SharedMemoryError::Differs(name)) if name == "y"
        ));
        region.object.write_all_at(&[7; 3], 256).unwrap();
        region.check(0, &answers[0]).unwrap();
        region.unlink();
        assert!(!path.exists());
        let json = [vec![output(Content::Json(Vec::new()))], Vec::new()];
        assert!(matches!(
            Region::new(&requests, &json),
            Err(SharedMemoryError::NoSize(_))
        ));
    }
}
