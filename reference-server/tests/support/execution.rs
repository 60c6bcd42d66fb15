//! Executing a model in process: tensors of a test, and memory for outputs.

use std::cell::RefCell;

use reference_server::protocol::DataType;
use reference_server::worker::backend::{ExecutionError, InputTensor, Instance, OutputSink};

/// A tensor that a test passes in or gets out.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub data_type: DataType,
    pub dims: Vec<i64>,
    pub data: Vec<u8>,
}

impl Tensor {
    pub fn new(data_type: DataType, dims: &[i64], data: impl Into<Vec<u8>>) -> Self {
        Self {
            data_type,
            dims: dims.to_vec(),
            data: data.into(),
        }
    }

    pub fn fp32(dims: &[i64], values: &[f32]) -> Self {
        Self::new(DataType::Fp32, dims, bytemuck::cast_slice(values).to_vec())
    }

    pub fn bytes(dims: &[i64], elements: &[&[u8]]) -> Self {
        let mut data = Vec::new();
        for element in elements {
            data.extend(u32::try_from(element.len()).unwrap().to_le_bytes());
            data.extend(*element);
        }
        Self::new(DataType::Bytes, dims, data)
    }
}

/// What an execution left behind.
#[derive(Debug)]
pub struct Executed {
    /// (number, tensor), in the order in which memory was taken.
    pub outputs: Vec<(u32, Tensor)>,
    /// How often memory was taken.
    pub allocations: usize,
}

/// Executes once with all inputs given in the model's order.
pub fn execute(
    instance: &mut dyn Instance,
    inputs: &[Tensor],
    outputs: &[u32],
) -> Result<Executed, ExecutionError> {
    let aligned: Vec<Vec<Block>> = inputs.iter().map(|input| aligned(&input.data)).collect();
    let tensors: Vec<InputTensor> = inputs
        .iter()
        .zip(&aligned)
        .enumerate()
        .map(|(number, (input, data))| InputTensor {
            input: u32::try_from(number).unwrap(),
            data_type: input.data_type,
            dims: &input.dims,
            data: bytemuck::cast_slice(data)[..input.data.len()].into(),
        })
        .collect();
    execute_in_place(instance, &tensors, outputs)
}

/// Executes once with inputs in memory of the caller.
pub fn execute_in_place(
    instance: &mut dyn Instance,
    inputs: &[InputTensor<'_>],
    outputs: &[u32],
) -> Result<Executed, ExecutionError> {
    let memory = Memory::default();
    let mut sink = Sink {
        memory: &memory,
        taken: Vec::new(),
        allocations: 0,
    };
    instance.execute(inputs, outputs, &mut sink)?;
    Ok(Executed {
        allocations: sink.allocations,
        outputs: sink
            .taken
            .into_iter()
            .map(|(number, data_type, dims, block, length)| {
                let data = bytemuck::cast_slice(&memory.0.borrow()[block])[..length].to_vec();
                (
                    number,
                    Tensor {
                        data_type,
                        dims,
                        data,
                    },
                )
            })
            .collect(),
    })
}

/// 64 bytes, aligned as tensors are in shared memory.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Block([u64; 8]);

/// Not zero, so that an output which nobody writes is noticed.
const UNWRITTEN: Block = Block([0xa5a5_a5a5_a5a5_a5a5; 8]);

fn aligned(bytes: &[u8]) -> Vec<Block> {
    let mut blocks = vec![UNWRITTEN; bytes.len().div_ceil(size_of::<Block>())];
    bytemuck::cast_slice_mut(&mut blocks)[..bytes.len()].copy_from_slice(bytes);
    blocks
}

/// Blocks that are never moved nor freed while the sink lives.
#[derive(Default)]
struct Memory(RefCell<Vec<Box<[Block]>>>);

struct Sink<'a> {
    memory: &'a Memory,
    taken: Vec<(u32, DataType, Vec<i64>, usize, usize)>,
    allocations: usize,
}

impl<'a> OutputSink<'a> for Sink<'a> {
    fn allocate(
        &mut self,
        output: u32,
        data_type: DataType,
        dims: &[i64],
        byte_length: usize,
    ) -> Result<&'a mut [u8], ExecutionError> {
        self.allocations += 1;
        let mut blocks = self.memory.0.borrow_mut();
        let length = byte_length.div_ceil(size_of::<Block>()).max(1);
        blocks.push(vec![UNWRITTEN; length].into());
        let number = blocks.len() - 1;
        let address = blocks[number].as_mut_ptr().cast::<u8>();
        self.taken.retain(|taken| taken.0 != output);
        self.taken
            .push((output, data_type, dims.to_vec(), number, byte_length));
        // SAFETY: the block is new, stays where it is for `'a`, and is handed out once; it is read
        // after the execution only.
        Ok(unsafe { std::slice::from_raw_parts_mut(address, byte_length) })
    }
}
