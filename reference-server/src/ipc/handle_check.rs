//! What the front asks the process that checks CUDA handles, one JSON object a line.

use serde::{Deserialize, Serialize};

use super::client_memory::{CudaHandle, CudaMemory};

/// Whether memory can be opened.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    handle: Vec<u8>,
    device: u32,
    byte_size: u64,
}

impl Question {
    /// Whether the first `byte_size` bytes of `memory` can be opened.
    pub fn new(memory: &CudaMemory, byte_size: u64) -> Self {
        Self {
            handle: memory.handle.to_vec(),
            device: memory.device,
            byte_size,
        }
    }

    /// The memory; `None` where the handle has not the length of one.
    pub fn memory(&self) -> Option<CudaMemory> {
        let handle: CudaHandle = self.handle.as_slice().try_into().ok()?;
        Some(CudaMemory {
            handle,
            device: self.device,
        })
    }

    /// How much of it is to be opened, in bytes.
    pub fn byte_size(&self) -> u64 {
        self.byte_size
    }
}

/// The answer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Why it cannot be opened, as the end of a sentence about it; nothing where it can.
    pub refusal: Option<String>,
}
