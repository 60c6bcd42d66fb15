//! Inputs of a case, of any size, and what must come of them.
//!
//! A large tensor repeats a block of rows. Ops work row by row or element by element, so that the
//! answer repeats too, and the reference maths is computed for the block alone. The number of its rows
//! is a prime: no power of two, which a kernel's blocks and strides are, takes one repetition to
//! another, so that a kernel that mixes up places gives other values.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, ensure};
use measure_protocol::TensorFile;
use test_ops::{Model, Tensor};

use super::case::KernelCase;

/// Elements of a block, at most.
const BLOCK: u64 = 1 << 20;
/// Primes, of which the largest that fits is the rows of a block.
const PRIMES: [u64; 5] = [16381, 1021, 251, 61, 13];

/// The inputs of a case from one seed.
#[derive(Debug)]
pub struct Data {
    model: Model,
    case: KernelCase,
    /// Rows of the block.
    block: u64,
    /// The model's inputs with as many rows as the block.
    inputs: Vec<Tensor>,
}

impl Data {
    /// Values of `seed` for `case`.
    #[must_use]
    pub fn new(case: KernelCase, seed: u64) -> Self {
        let model = case.model();
        let block = block(case);
        let inputs = model.sample_inputs(usize::try_from(block).unwrap_or(usize::MAX), seed);
        Self {
            model,
            case,
            block,
            inputs,
        }
    }

    /// Writes each input to a file in `folder`, named after it and `name`.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path, name: &str) -> anyhow::Result<Vec<TensorFile>> {
        let specs = self.model.inputs();
        let pairs = specs.iter().zip(&self.inputs);
        pairs
            .map(|(spec, tensor)| {
                let file = folder.join(format!("{name}-{}.bin", spec.name));
                // What has an open axis has as many rows as the first input.
                let is_open = spec.dims.contains(&-1);
                let length = if is_open {
                    self.case.bytes()
                } else {
                    tensor.to_bytes().len() as u64
                };
                repeat(&tensor.to_bytes(), length, &file)
                    .with_context(|| format!("failed to write inputs to '{}'", file.display()))?;
                let mut dims: Vec<i64> = tensor.shape.iter().map(|it| *it as i64).collect();
                if is_open {
                    dims[0] = i64::try_from(self.case.rows)?;
                }
                Ok(TensorFile {
                    name: spec.name.clone(),
                    data_type: tensor.data_type.protocol_name().to_owned(),
                    dims,
                    file,
                })
            })
            .collect()
    }

    /// Holds the output in `file`, which `model` gave, against the reference maths.
    ///
    /// # Errors
    /// It cannot be read, has another shape, or a value is wrong.
    pub fn check(&self, model: &Model, file: &TensorFile) -> anyhow::Result<()> {
        let content = std::fs::read(&file.file)
            .with_context(|| format!("failed to read '{}'", file.file.display()))?;
        let whole = self.answer(self.block);
        let rest = self.answer(self.case.rows % self.block);
        let repetitions = usize::try_from(self.case.rows / self.block)?;
        let size = model.data_type.size();
        let length = size * (whole.values.len() * repetitions + rest.values.len());
        ensure!(
            content.len() == length,
            "'{}' has {} bytes, and the reference maths gives {length}",
            file.name,
            content.len()
        );
        let whole_bytes = whole.values.len() * size;
        let (repeated, last) = content.split_at(whole_bytes * repetitions);
        let repeated: Vec<&[u8]> = if whole_bytes == 0 {
            Vec::new()
        } else {
            repeated.chunks(whole_bytes).collect()
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let shares = repeated.chunks(repeated.len().div_ceil(threads).max(1));
            let compared: Vec<_> = shares
                .map(|share| {
                    let whole = &whole;
                    scope.spawn(move || {
                        let mut blocks = share.iter();
                        blocks.try_for_each(|bytes| compare(model, whole, bytes))
                    })
                })
                .collect();
            compared.into_iter().try_for_each(|thread| {
                let compared = thread.join();
                compared.map_err(|_| anyhow::anyhow!("the comparison panicked"))?
            })
        })?;
        compare(model, &rest, last)
    }

    /// Bytes that the op must move at least: what it reads, once, and what it writes.
    #[must_use]
    pub fn moved_bytes(&self) -> u64 {
        let size = self.case.data_type.size() as u64;
        let read: u64 = self
            .model
            .inputs()
            .iter()
            .zip(&self.inputs)
            .map(|(spec, tensor)| {
                if spec.dims.contains(&-1) {
                    self.case.bytes()
                } else {
                    tensor.values.len() as u64 * size
                }
            })
            .sum();
        let of_block = self.answer(self.block).values.len() as u64;
        let of_rest = self.answer(self.case.rows % self.block).values.len() as u64;
        read + size * (of_block * (self.case.rows / self.block) + of_rest)
    }

    /// The answer to the first `rows` rows.
    fn answer(&self, rows: u64) -> Tensor {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let specs = self.model.inputs();
        let pairs = specs.iter().zip(&self.inputs);
        let cut: Vec<Tensor> = pairs
            .map(|(spec, tensor)| {
                if !spec.dims.contains(&-1) {
                    return tensor.clone();
                }
                let columns = tensor.shape[1];
                let values = tensor.values[..rows * columns].to_vec();
                Tensor::new(tensor.data_type, &[rows, columns], values)
            })
            .collect();
        self.model.expected(&cut, &[]).remove(0)
    }
}

/// Rows of the block of `case`; all of its rows where they are few.
fn block(case: KernelCase) -> u64 {
    let fits = |rows: &u64| rows * case.columns <= BLOCK + case.columns && *rows < case.rows;
    let of_primes = PRIMES.into_iter().find(fits);
    of_primes
        .filter(|_| case.rows * case.columns > BLOCK)
        .unwrap_or(case.rows)
}

/// Compares `bytes` with `expected` of `model`, element by element.
fn compare(model: &Model, expected: &Tensor, bytes: &[u8]) -> anyhow::Result<()> {
    let actual = Tensor::from_bytes(model.data_type, &expected.shape, bytes)
        .context("an output has another length than the reference maths gives")?;
    Ok(actual.compare_within(expected, model.tolerance())?)
}

/// Writes `block` again and again until `length` bytes are written.
fn repeat(block: &[u8], length: u64, file: &Path) -> anyhow::Result<()> {
    let mut writer = BufWriter::new(File::create(file)?);
    let mut left = usize::try_from(length)?;
    while left > 0 {
        let part = left.min(block.len());
        writer.write_all(&block[..part])?;
        left -= part;
    }
    Ok(writer.flush()?)
}

#[cfg(test)]
mod tests {
    use runtimes::Framework;
    use test_ops::{DataType, Op};

    use super::super::case::Place;
    use super::*;

    fn case(op: Op, rows: u64) -> KernelCase {
        KernelCase {
            framework: Framework::PyTorch,
            place: Place::Cpu,
            op,
            data_type: DataType::Fp32,
            rows,
            columns: 4096,
        }
    }

    /// The answer of a whole tensor by the reference maths, as a file.
    fn answer(case: KernelCase, inputs: &[TensorFile], file: &Path) -> TensorFile {
        let tensors: Vec<Tensor> = inputs
            .iter()
            .map(|input| {
                let shape: Vec<usize> = input.dims.iter().map(|dim| *dim as usize).collect();
                let bytes = std::fs::read(&input.file).unwrap();
                Tensor::from_bytes(case.data_type, &shape, &bytes).unwrap()
            })
            .collect();
        let output = case.model().expected(&tensors, &[]).remove(0);
        std::fs::write(file, output.to_bytes()).unwrap();
        TensorFile {
            name: "y".to_owned(),
            data_type: "FP32".to_owned(),
            dims: output.shape.iter().map(|extent| *extent as i64).collect(),
            file: file.to_owned(),
        }
    }

    #[test]
    fn a_right_answer_passes_and_one_wrong_value_does_not() {
        let folder = tempfile::tempdir().unwrap();
        for op in [Op::RmsNorm, Op::Modulo, Op::SelectAbove] {
            let case = case(op, 600);
            let data = Data::new(case, 1);
            assert_eq!(data.block, 251);
            let inputs = data.write(folder.path(), "values").unwrap();
            let output = answer(case, &inputs, &folder.path().join("y.bin"));
            data.check(&case.model(), &output).unwrap();
            let moved: u64 = inputs.iter().chain([&output]).map(length).sum();
            assert_eq!(data.moved_bytes(), moved, "{op}");

            let right = std::fs::read(&output.file).unwrap();
            for place in [0, right.len() / 2, right.len() - 4] {
                let mut wrong = right.clone();
                wrong[place + 3] ^= 0x40;
                std::fs::write(&output.file, &wrong).unwrap();
                assert!(data.check(&case.model(), &output).is_err(), "{op} {place}");
            }
            std::fs::write(&output.file, &right[4..]).unwrap();
            assert!(data.check(&case.model(), &output).is_err(), "{op}");
        }
    }

    #[test]
    fn a_poisoned_answer_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let case = case(Op::BiasGelu, 3);
        let data = Data::new(case, 1);
        let file = folder.path().join("y.bin");
        std::fs::write(&file, vec![0xA5; 3 * 4096 * 4]).unwrap();
        let output = TensorFile {
            name: "y".to_owned(),
            data_type: "FP32".to_owned(),
            dims: vec![3, 4096],
            file,
        };
        assert!(data.check(&case.model(), &output).is_err());
    }

    fn length(file: &TensorFile) -> u64 {
        std::fs::metadata(&file.file).unwrap().len()
    }
}
