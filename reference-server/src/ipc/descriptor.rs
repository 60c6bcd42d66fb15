//! Where the tensors of one execution are: a list of 64-bit words in shared memory.
//!
//! An execution is a batch of one or more requests that are served together:
//!
//! ```text
//! outputs wanted, [output number]…,
//! requests, { block, block bytes, inputs, { tensor }…, targets, { target }… }…
//! tensor = number | data type << 32, rank, memory, offset, bytes, [dimension]…
//! target = output number, memory, offset, bytes
//! ```
//! The inputs of a request lie in one block of the front's heap, which is told because it is pinned as a
//! whole, or in memory of clients. A target is memory of a client for an output. The answer is
//! `outputs, { tensor }…`. Offsets of inputs are in the front's heap, those of outputs in the worker's,
//! where `memory` is 0; else they are in the client's memory of that number.

use std::num::NonZeroU64;

use super::client_memory::ClientMemoryId;
use super::heap::Span;
use crate::protocol::{DataType, Shape};

/// Most dimensions that a tensor may have.
pub const MAX_RANK: usize = 64;

/// One tensor in a heap or in memory of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorPlace {
    /// Index of the input or output in the model's signature.
    pub number: u32,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions.
    pub shape: Shape,
    /// The client's memory that it lies in; `None` for the heap.
    pub memory: Option<ClientMemoryId>,
    /// Offset in the heap or in the client's memory.
    pub offset: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// One execution as the front describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// Wanted outputs, ascending.
    pub outputs: Vec<u32>,
    /// The requests of the batch.
    pub requests: Vec<RequestPlace>,
}

/// Memory of a client that an output is to be written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of the output in the model's signature.
    pub output: u32,
    /// The client's memory.
    pub memory: ClientMemoryId,
    /// Offset in it.
    pub offset: u64,
    /// Room for the output, in bytes.
    pub bytes: u64,
}

/// The inputs of one request, and where its outputs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPlace {
    /// The block of the front's heap that they lie in.
    pub block: Span,
    /// Where each of them is.
    pub inputs: Vec<TensorPlace>,
    /// The outputs that go to memory of clients; the others go to the worker's heap.
    pub targets: Vec<Target>,
}

/// One request as it is written.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// As in [`RequestPlace`].
    pub block: Span,
    /// As in [`RequestPlace`].
    pub inputs: &'a [TensorPlace],
    /// As in [`RequestPlace`].
    pub targets: &'a [Target],
}

/// The words do not describe anything.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the descriptor in shared memory is damaged: {0}")]
pub struct Damaged(&'static str);

/// Writes an execution as words behind what `words` holds.
pub fn write_execution<'a>(
    outputs: &[u32],
    requests: impl ExactSizeIterator<Item = RequestParts<'a>>,
    words: &mut Vec<u64>,
) {
    words.push(outputs.len() as u64);
    words.extend(outputs.iter().map(|&output| u64::from(output)));
    words.push(requests.len() as u64);
    for request in requests {
        words.extend([request.block.offset, request.block.bytes]);
        write_tensors(request.inputs, words);
        words.push(request.targets.len() as u64);
        for target in request.targets {
            let output = u64::from(target.output);
            words.extend([output, target.memory.0.get(), target.offset, target.bytes]);
        }
    }
}

/// Reads an execution.
///
/// # Errors
/// [`Damaged`] for anything that [`write_execution`] does not write.
pub fn read_execution(words: &[u64], execution: &mut Execution) -> Result<(), Damaged> {
    let mut reader = Reader { words };
    execution.outputs.clear();
    for _ in 0..reader.count()? {
        execution.outputs.push(reader.number()?);
    }
    execution.requests.clear();
    for _ in 0..reader.count()? {
        let block = Span {
            offset: reader.word()?,
            bytes: reader.word()?,
        };
        execution.requests.push(RequestPlace {
            block,
            inputs: reader.tensors()?,
            targets: reader.targets()?,
        });
    }
    reader.end()
}

/// Writes a list of tensors as words behind what `words` holds.
pub fn write_tensors(tensors: &[TensorPlace], words: &mut Vec<u64>) {
    words.push(tensors.len() as u64);
    for tensor in tensors {
        words.push(u64::from(tensor.number) | (tensor.data_type.config_number() as u64) << 32);
        words.push(tensor.shape.len() as u64);
        words.push(tensor.memory.map_or(0, |memory| memory.0.get()));
        words.push(tensor.offset);
        words.push(tensor.bytes);
        words.extend(tensor.shape.iter().map(|&dimension| dimension as u64));
    }
}

/// Reads a list of tensors.
///
/// # Errors
/// [`Damaged`] for anything that [`write_tensors`] does not write.
pub fn read_tensors(words: &[u64]) -> Result<Vec<TensorPlace>, Damaged> {
    let mut reader = Reader { words };
    let tensors = reader.tensors()?;
    reader.end()?;
    Ok(tensors)
}

struct Reader<'a> {
    words: &'a [u64],
}

impl Reader<'_> {
    fn word(&mut self) -> Result<u64, Damaged> {
        let (&word, rest) = self
            .words
            .split_first()
            .ok_or(Damaged("it ends too early"))?;
        self.words = rest;
        Ok(word)
    }

    /// A number of items, each of which takes at least one word.
    fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.word()?;
        if count > self.words.len() as u64 {
            return Err(Damaged("it announces more items than it holds"));
        }
        Ok(count as usize)
    }

    fn number(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.word()?).map_err(|_| Damaged("an index is out of range"))
    }

    fn tensors(&mut self) -> Result<Vec<TensorPlace>, Damaged> {
        let count = self.count()?;
        let mut tensors = Vec::with_capacity(count);
        for _ in 0..count {
            let head = self.word()?;
            let rank = self.count_or_zero()?;
            let memory = NonZeroU64::new(self.word()?).map(ClientMemoryId);
            let offset = self.word()?;
            let bytes = self.word()?;
            if rank > MAX_RANK || rank > self.words.len() {
                return Err(Damaged("a tensor has too many dimensions"));
            }
            let (dims, rest) = self.words.split_at(rank);
            self.words = rest;
            tensors.push(TensorPlace {
                number: head as u32,
                data_type: i32::try_from(head >> 32)
                    .ok()
                    .and_then(DataType::from_config)
                    .ok_or(Damaged("a data type is unknown"))?,
                shape: dims.iter().map(|&dimension| dimension as i64).collect(),
                memory,
                offset,
                bytes,
            });
        }
        Ok(tensors)
    }

    fn targets(&mut self) -> Result<Vec<Target>, Damaged> {
        let count = self.count()?;
        (0..count)
            .map(|_| {
                Ok(Target {
                    output: self.number()?,
                    memory: NonZeroU64::new(self.word()?)
                        .map(ClientMemoryId)
                        .ok_or(Damaged("a target has no memory"))?,
                    offset: self.word()?,
                    bytes: self.word()?,
                })
            })
            .collect()
    }

    fn count_or_zero(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.word()?).map_err(|_| Damaged("a rank is out of range"))
    }

    fn end(&self) -> Result<(), Damaged> {
        if self.words.is_empty() {
            Ok(())
        } else {
            Err(Damaged("it is longer than what it describes"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tensor() -> impl Strategy<Value = TensorPlace> {
        (
            any::<u32>(),
            0usize..DataType::ALL.len(),
            prop::collection::vec(any::<i64>(), 0..8),
            any::<(Option<NonZeroU64>, u64, u64)>(),
        )
            .prop_map(
                |(number, data_type, dims, (memory, offset, bytes))| TensorPlace {
                    number,
                    data_type: DataType::ALL[data_type],
                    shape: dims.into_iter().collect(),
                    memory: memory.map(ClientMemoryId),
                    offset,
                    bytes,
                },
            )
    }

    fn target() -> impl Strategy<Value = Target> {
        any::<(u32, NonZeroU64, u64, u64)>().prop_map(|(output, memory, offset, bytes)| Target {
            output,
            memory: ClientMemoryId(memory),
            offset,
            bytes,
        })
    }

    fn request() -> impl Strategy<Value = RequestPlace> {
        let inputs = prop::collection::vec(tensor(), 0..4);
        let targets = prop::collection::vec(target(), 0..4);
        (any::<(u64, u64)>(), inputs, targets).prop_map(|((offset, bytes), inputs, targets)| {
            RequestPlace {
                block: Span { offset, bytes },
                inputs,
                targets,
            }
        })
    }

    proptest! {
        #[test]
        fn an_execution_survives_the_round_trip(
            outputs in prop::collection::vec(any::<u32>(), 0..5),
            requests in prop::collection::vec(request(), 0..4),
        ) {
            let mut words = Vec::new();
            let written = requests.iter().map(|request| RequestParts {
                block: request.block,
                inputs: &request.inputs,
                targets: &request.targets,
            });
            write_execution(&outputs, written, &mut words);
            let mut read = Execution::default();
            read_execution(&words, &mut read).unwrap();
            prop_assert_eq!(&read, &Execution { outputs, requests });
            for end in 0..words.len() {
                prop_assert!(read_execution(&words[..end], &mut read).is_err());
            }
        }

        #[test]
        fn arbitrary_words_are_read_or_refused(words in prop::collection::vec(prop_oneof![0u64..16, any::<u64>()], 0..64)) {
            let mut execution = Execution::default();
            let _ = read_execution(&words, &mut execution);
            let _ = read_tensors(&words);
        }
    }
}
