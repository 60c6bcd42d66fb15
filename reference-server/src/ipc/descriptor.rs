//! Where the tensors of one execution are: a list of 64-bit words in shared memory.
//!
//! An execution is a batch of one or more requests that are served together:
//!
//! ```text
//! outputs wanted, [output number]…, requests, { block, block bytes, inputs, { tensor }… }…
//! tensor = number | data type << 32, rank, offset, bytes, [dimension]…
//! ```
//! The inputs of a request lie in one block of the front's heap, which is told because it is pinned as a
//! whole. The answer is `outputs, { tensor }…`. Offsets of inputs are in the front's heap, those of
//! outputs in the worker's.

use super::heap::Span;
use crate::protocol::{DataType, Shape};

/// Most dimensions that a tensor may have.
pub const MAX_RANK: usize = 64;

/// One tensor in a heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorPlace {
    /// Index of the input or output in the model's signature.
    pub number: u32,
    /// Element type.
    pub data_type: DataType,
    /// Dimensions.
    pub shape: Shape,
    /// Offset in the heap.
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

/// The inputs of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestPlace {
    /// The block of the front's heap that they lie in.
    pub block: Span,
    /// Where each of them is.
    pub inputs: Vec<TensorPlace>,
}

/// The words do not describe anything.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the descriptor in shared memory is damaged: {0}")]
pub struct Damaged(&'static str);

/// Writes an execution as words behind what `words` holds.
pub fn write_execution<'a>(
    outputs: &[u32],
    requests: impl ExactSizeIterator<Item = (Span, &'a [TensorPlace])>,
    words: &mut Vec<u64>,
) {
    words.push(outputs.len() as u64);
    words.extend(outputs.iter().map(|&output| u64::from(output)));
    words.push(requests.len() as u64);
    for (block, tensors) in requests {
        words.extend([block.offset, block.bytes]);
        write_tensors(tensors, words);
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
        let inputs = reader.tensors()?;
        execution.requests.push(RequestPlace { block, inputs });
    }
    reader.end()
}

/// Writes a list of tensors as words behind what `words` holds.
pub fn write_tensors(tensors: &[TensorPlace], words: &mut Vec<u64>) {
    words.push(tensors.len() as u64);
    for tensor in tensors {
        words.push(u64::from(tensor.number) | (tensor.data_type.config_number() as u64) << 32);
        words.push(tensor.shape.len() as u64);
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
                offset,
                bytes,
            });
        }
        Ok(tensors)
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
            any::<(u64, u64)>(),
        )
            .prop_map(|(number, data_type, dims, (offset, bytes))| TensorPlace {
                number,
                data_type: DataType::ALL[data_type],
                shape: dims.into_iter().collect(),
                offset,
                bytes,
            })
    }

    fn request() -> impl Strategy<Value = RequestPlace> {
        let inputs = prop::collection::vec(tensor(), 0..4);
        (any::<(u64, u64)>(), inputs).prop_map(|((offset, bytes), inputs)| RequestPlace {
            block: Span { offset, bytes },
            inputs,
        })
    }

    proptest! {
        #[test]
        fn an_execution_survives_the_round_trip(
            outputs in prop::collection::vec(any::<u32>(), 0..5),
            requests in prop::collection::vec(request(), 0..4),
        ) {
            let mut words = Vec::new();
            let written = requests.iter().map(|request| (request.block, &request.inputs[..]));
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
