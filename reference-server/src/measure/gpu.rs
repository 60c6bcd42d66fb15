//! The GPU beside the framework: its caches overwritten, its memory copied.

use std::ptr::NonNull;

use cudarc::driver::{DriverError, result, sys};

use super::error::MeasureError;
use crate::worker::gpu;

/// One GPU, in the context that frameworks use too (CUDA's primary one), current on the thread that
/// opened it.
pub(super) struct Gpu {
    /// Bytes of its second-level cache.
    pub(super) cache_bytes: u64,
    /// Bytes of its memory.
    pub(super) memory_bytes: u64,
    /// Its name.
    pub(super) name: String,
    /// Its UUID, as NVML writes it.
    pub(super) uuid: String,
    /// Twice the cache, to be written over; allocated when first needed.
    eraser: Option<Memory>,
    /// What the eraser is filled with next.
    pattern: u8,
}

/// A block of the GPU's memory.
struct Memory {
    address: sys::CUdeviceptr,
    bytes: usize,
}

impl Gpu {
    /// The GPU of this number; `None` where there is none at all.
    ///
    /// # Errors
    /// The driver refuses.
    pub(super) fn open(number: u32) -> Result<Option<Self>, MeasureError> {
        if gpu::present().unwrap_or(0) <= number {
            return Ok(None);
        }
        let open = || -> Result<Self, DriverError> {
            let device = result::device::get(i32::try_from(number).unwrap_or(i32::MAX))?;
            let cache = sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE;
            // SAFETY: the device was just found. Its context is retained for the rest of the
            // process's life, like that of the framework that runs in it.
            let (context, cache, memory) = unsafe {
                (
                    result::primary_ctx::retain(device)?,
                    result::device::get_attribute(device, cache)?,
                    result::device::total_mem(device)?,
                )
            };
            // SAFETY: the context was just retained.
            unsafe { result::ctx::set_current(context)? };
            Ok(Self {
                cache_bytes: u64::try_from(cache).unwrap_or(0),
                memory_bytes: memory as u64,
                name: result::device::get_name(device)?,
                uuid: uuid_text(
                    &result::device::get_uuid(device)?
                        .bytes
                        .map(|byte| byte as u8),
                ),
                eraser: None,
                pattern: 0,
            })
        };
        open().map(Some).map_err(failed("open the device"))
    }

    /// Waits until the GPU has done everything that it was given.
    ///
    /// # Errors
    /// Something of it failed.
    pub(super) fn synchronize(&self) -> Result<(), MeasureError> {
        result::ctx::synchronize().map_err(failed("finish its work"))
    }

    /// Overwrites the second-level cache, so that what comes next finds nothing of its own in it.
    ///
    /// # Errors
    /// The driver refuses.
    pub(super) fn flush(&mut self) -> Result<(), MeasureError> {
        let bytes = usize::try_from(self.cache_bytes * 2).unwrap_or(0);
        let eraser = match self.eraser.take() {
            Some(eraser) => eraser,
            None => Memory::take(bytes)?,
        };
        self.pattern = self.pattern.wrapping_add(1);
        // SAFETY: the block is this value's own and that long.
        let set = unsafe { result::memset_d8_sync(eraser.address, self.pattern, eraser.bytes) };
        self.eraser = Some(eraser);
        set.map_err(failed("overwrite its cache"))?;
        self.synchronize()
    }

    /// Copies `bytes` within the GPU's memory, `count` times, each after the cache was overwritten and,
    /// where `from_host`, what is copied has come from the CPU's memory.
    ///
    /// # Errors
    /// The driver refuses, for lack of memory, say.
    pub(super) fn copy(
        &mut self,
        bytes: usize,
        count: u32,
        from_host: bool,
    ) -> Result<(), MeasureError> {
        let host = from_host.then(|| PinnedBytes::take(bytes)).transpose()?;
        let (from, to) = (Memory::take(bytes)?, Memory::take(bytes)?);
        // SAFETY: the block is that long. What it holds does not matter, only that it is there.
        unsafe { result::memset_d8_sync(from.address, 1, bytes) }
            .map_err(failed("fill a buffer"))?;
        for _ in 0..count {
            self.flush()?;
            if let Some(host) = &host {
                // SAFETY: the block is as long as the bytes.
                unsafe { result::memcpy_htod_sync(from.address, host.bytes()) }
                    .map_err(failed("copy to the GPU"))?;
            }
            // SAFETY: both blocks are that long, live until the synchronization below, and apart.
            unsafe {
                result::memcpy_dtod_async(to.address, from.address, bytes, result::stream::null())
            }
            .map_err(failed("copy"))?;
            self.synchronize()?;
        }
        Ok(())
    }
}

/// Memory of the CPU that the GPU copies from by itself, as the inputs of models are in.
struct PinnedBytes {
    address: NonNull<u8>,
    length: usize,
}

impl PinnedBytes {
    fn take(length: usize) -> Result<Self, MeasureError> {
        // SAFETY: the context is current; the block is freed by `drop` alone.
        let address = unsafe { result::malloc_host(length.max(1), 0) };
        let address = address
            .map_err(failed("allocate pinned memory"))?
            .cast::<u8>();
        let address = NonNull::new(address).expect("the driver said that it succeeded");
        // SAFETY: the block was just allocated and is that long.
        unsafe { address.write_bytes(1, length) };
        Ok(Self { address, length })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the block is this value's own, that long, and was filled when it was taken.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length) }
    }
}

impl Drop for PinnedBytes {
    fn drop(&mut self) {
        // SAFETY: the block is this value's own; copies from it have been waited for.
        unsafe { result::free_host(self.address.as_ptr().cast()).ok() };
    }
}

impl Memory {
    fn take(bytes: usize) -> Result<Self, MeasureError> {
        // SAFETY: the context is current; the block is freed by `drop` alone.
        let address =
            unsafe { result::malloc_sync(bytes.max(1)) }.map_err(failed("allocate memory"))?;
        Ok(Self { address, bytes })
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the block is this value's own, and nothing that was given to the GPU uses it any
        // more: whoever gave it has waited.
        unsafe { result::free_sync(self.address).ok() };
    }
}

fn failed(action: &'static str) -> impl Fn(DriverError) -> MeasureError {
    move |source| MeasureError::Driver { action, source }
}

/// As NVML and `nvidia-smi` write it: `GPU-` and a UUID in groups.
fn uuid_text(bytes: &[u8; 16]) -> String {
    let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let group = |from: usize, to: usize| &hexadecimal[from..to];
    format!(
        "GPU-{}-{}-{}-{}-{}",
        group(0, 8),
        group(8, 12),
        group(12, 16),
        group(16, 20),
        group(20, 32)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_in_groups() {
        let bytes = std::array::from_fn(|index| index as u8 * 0x11);
        assert_eq!(
            uuid_text(&bytes),
            "GPU-00112233-4455-6677-8899-aabbccddeeff"
        );
    }
}
