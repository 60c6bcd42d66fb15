//! Tensors in shared memory: the data of requests lies in memory that the server has too, of this machine
//! ([`object`]) or of a GPU ([`gpu`]), and its outputs come there.
//!
//! All requests have their inputs in one region, one behind the other; the outputs of all come to one
//! place, as `perf_analyzer` has it, because nobody reads them.

pub mod gpu;
pub mod object;

use std::process;

use clap::ValueEnum;

use self::gpu::{GpuMemory, GpuMemoryError};
use self::object::{Object, ObjectError};
use super::answer::{Content, Output};
use super::data::Tensor;

/// Alignment of each tensor in bytes: what frameworks use in place, on the CPU and on GPUs.
const ALIGNMENT: u64 = 256;
/// What outputs are overwritten with.
const POISON: u8 = 0xA5;

/// Memory that a client shares with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SharedMemoryKind {
    /// POSIX shared memory
    System,
    /// Memory of GPU 0 (CUDA)
    Cuda,
}

impl SharedMemoryKind {
    /// Its name, as it is given and in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Cuda => "cuda",
        }
    }
}

/// Memory with the tensors of some requests.
#[derive(Debug)]
pub struct Region {
    /// The name of the region at the server.
    pub name: String,
    /// Its size in bytes.
    pub byte_size: u64,
    /// Each request.
    pub requests: Vec<Placed>,
    /// Where it is.
    pub memory: Memory,
}

/// Where a region is.
#[derive(Debug)]
pub enum Memory {
    /// In an object of this machine.
    System(Object),
    /// On a GPU.
    Cuda(GpuMemory),
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
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// There is no memory of a GPU.
    #[error(transparent)]
    Gpu(#[from] GpuMemoryError),
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
    /// Puts the inputs of `requests` into new memory, with room for outputs of the sizes that
    /// `answers` to them have.
    ///
    /// # Errors
    /// [`SharedMemoryError`].
    pub fn new(
        kind: SharedMemoryKind,
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
        let memory = match kind {
            SharedMemoryKind::System => Memory::System(Object::new(&name, byte_size)?),
            SharedMemoryKind::Cuda => Memory::Cuda(GpuMemory::new(byte_size)?),
        };
        for (offset, bytes) in written {
            memory.write(&bytes, offset)?;
        }
        Ok(Self {
            name,
            byte_size,
            requests: placed,
            memory,
        })
    }

    /// Compares what request number `index` left in the region with the outputs in an answer.
    ///
    /// # Errors
    /// [`SharedMemoryError::Differs`], or the memory cannot be read.
    pub fn check(&self, index: usize, expected: &[Output]) -> Result<(), SharedMemoryError> {
        for (output, expected) in self.requests[index].outputs.iter().zip(expected) {
            let mut found = vec![0; usize::try_from(output.part.byte_size).unwrap_or(0)];
            self.memory.read(&mut found, output.part.offset)?;
            if expected.content != Content::Bytes(found.into()) {
                return Err(SharedMemoryError::Differs(output.name.clone()));
            }
        }
        Ok(())
    }

    /// Overwrites the outputs of request number `index`, so that what is found there later was written
    /// later.
    ///
    /// # Errors
    /// The memory cannot be written to.
    pub fn poison(&self, index: usize) -> Result<(), SharedMemoryError> {
        for output in &self.requests[index].outputs {
            let length = usize::try_from(output.part.byte_size).unwrap_or(0);
            self.memory
                .write(&vec![POISON; length], output.part.offset)?;
        }
        Ok(())
    }
}

impl Memory {
    fn write(&self, bytes: &[u8], offset: u64) -> Result<(), SharedMemoryError> {
        match self {
            Self::System(object) => object.write(bytes, offset)?,
            Self::Cuda(memory) => memory.write(bytes, offset)?,
        }
        Ok(())
    }

    fn read(&self, bytes: &mut [u8], offset: u64) -> Result<(), SharedMemoryError> {
        match self {
            Self::System(object) => object.read(bytes, offset)?,
            Self::Cuda(memory) => memory.read(bytes, offset)?,
        }
        Ok(())
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
        let region = Region::new(SharedMemoryKind::System, &requests, &answers).unwrap();
        let offsets = |placed: &Placed| -> Vec<u64> {
            let inputs = placed.inputs.iter().map(|input| input.part.offset);
            let outputs = placed.outputs.iter().map(|output| output.part.offset);
            inputs.chain(outputs).collect()
        };
        assert_eq!(offsets(&region.requests[0]), [0, 256, 768]);
        assert_eq!(offsets(&region.requests[1]), [512, 768]);
        assert_eq!(region.byte_size, 868);
        let mut input = [0; 65];
        region.memory.read(&mut input, 256).unwrap();
        assert_eq!(input, requests[0][1].bytes[..]);
        assert!(matches!(
            region.check(0, &answers[0]),
            Err(SharedMemoryError::Differs(name)) if name == "y"
        ));
        region.memory.write(&[7; 3], 768).unwrap();
        region.check(0, &answers[0]).unwrap();
        region.poison(0).unwrap();
        assert!(region.check(0, &answers[0]).is_err());
        let json = [vec![output(Content::Json(Vec::new()))], Vec::new()];
        assert!(matches!(
            Region::new(SharedMemoryKind::System, &requests, &json),
            Err(SharedMemoryError::NoSize(_))
        ));
    }
}
