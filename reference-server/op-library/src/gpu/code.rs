//! All code for GPUs in one library.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem::Finder;
use serde::{Serialize, Serializer};

use super::architecture::{Architecture, ComputeCapability};
use super::{cubin, fat_binary, offload_bundle};
use crate::elf::{Bytes, Sections};

/// Code for GPUs in a library: for which architectures, and in which form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GpuCode {
    /// Machine code for NVIDIA GPUs: `sm_80`, `sm_90a`.
    #[serde(serialize_with = "binary_names")]
    pub binaries: BTreeSet<Architecture>,
    /// PTX, which the driver compiles for the GPU: `compute_90`.
    #[serde(serialize_with = "ptx_names")]
    pub ptx: BTreeSet<Architecture>,
    /// Whether any of that is compressed.
    pub compressed: bool,
    /// Machine code for AMD GPUs: `gfx90a`.
    pub amd: BTreeSet<String>,
    /// Whether there is code for AMD GPUs in a form that does not tell for which.
    pub amd_compressed: bool,
    /// How many modules of code for NVIDIA GPUs there are of each composition.
    #[serde(skip)]
    pub(crate) modules: BTreeMap<Module, usize>,
}

/// What the kernels of one module are there for: each of them in every form.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Module {
    pub binaries: BTreeSet<Architecture>,
    pub ptx: BTreeSet<Architecture>,
}

/// Bytes read at a time.
const BLOCK: u64 = 1 << 20;

/// More entries of fat binaries, and more places that look like the beginning of something, than any
/// library has: they bound the time that a file made to look so can take.
const MAX_ENTRIES: usize = 1 << 18;
const MAX_CANDIDATES: usize = 1 << 16;

/// What a cubin begins with: a 64-bit little-endian ELF file.
const ELF_MAGIC: &[u8] = b"\x7fELF\x02\x01\x01";

/// The longest of the marks that are searched for.
const LONGEST_MARK: usize = offload_bundle::MAGIC.len();

impl GpuCode {
    /// Looks for code in `mapped`, the disjoint parts of the file that are loaded: what is not loaded
    /// is not used.
    pub(crate) fn read(bytes: &dyn Bytes, mapped: &[(u64, u64)], sections: &Sections) -> Self {
        let mut code = Self::default();
        let mut budget = Budget {
            entries: MAX_ENTRIES,
            candidates: MAX_CANDIDATES,
        };
        for (offset, size) in mapped {
            code.scan(bytes, *offset, offset.saturating_add(*size), &mut budget);
        }
        if let Some(section) = sections.named(".hip_fatbin") {
            let start = bytes.read(
                section.offset,
                offload_bundle::COMPRESSED_MAGIC.len() as u64,
            );
            code.amd_compressed =
                start.is_some_and(|start| start == offload_bundle::COMPRESSED_MAGIC);
        }
        code
    }

    /// Whether there is any code for NVIDIA GPUs.
    pub fn is_for_nvidia(&self) -> bool {
        !self.binaries.is_empty() || !self.ptx.is_empty()
    }

    /// Whether the driver of `gpu` can compile any of the PTX for it, and from which.
    pub(crate) fn newest_ptx_for(&self, gpu: ComputeCapability) -> Option<Architecture> {
        let usable = self.ptx.iter().filter(|ptx| ptx.compiles_for(gpu));
        usable.max().copied()
    }

    /// Goes through the bytes from `start` to `end`, past what it recognises.
    fn scan(&mut self, bytes: &dyn Bytes, start: u64, end: u64, budget: &mut Budget) {
        let mut at = start;
        while at < end {
            let Some(block) = bytes.read(at, BLOCK.min(end - at)) else {
                return;
            };
            let mut next = at;
            for candidate in candidates(&block) {
                let offset = at + candidate as u64;
                if offset < next {
                    continue;
                }
                if budget.candidates == 0 || budget.entries == 0 {
                    return;
                }
                budget.candidates -= 1;
                next = self.add(bytes, offset, end, budget).unwrap_or(next);
            }
            // A mark may lie across the block's end.
            let done = at + block.len() as u64;
            let rest = if done < end {
                LONGEST_MARK as u64 - 1
            } else {
                0
            };
            at = next.max(done - rest);
        }
    }

    /// Adds what lies at `offset`; gives the first byte behind it where that is known.
    fn add(
        &mut self,
        bytes: &dyn Bytes,
        offset: u64,
        limit: u64,
        budget: &mut Budget,
    ) -> Option<u64> {
        if let Some(binary) = fat_binary::read(bytes, offset, limit, budget.entries) {
            budget.entries -= binary.entries;
            self.compressed |= binary.compressed;
            self.add_module(binary.module);
            return Some(binary.end);
        }
        if let Some(architecture) = cubin::read(bytes, offset) {
            self.add_module(Module {
                binaries: [architecture].into(),
                ptx: BTreeSet::new(),
            });
        } else if let Some(targets) = offload_bundle::read(bytes, offset) {
            self.amd.extend(targets);
        }
        None
    }

    fn add_module(&mut self, module: Module) {
        if module == Module::default() {
            return;
        }
        self.binaries.extend(&module.binaries);
        self.ptx.extend(&module.ptx);
        *self.modules.entry(module).or_default() += 1;
    }
}

/// What may still be read.
struct Budget {
    entries: usize,
    candidates: usize,
}

/// Places where something may begin, in order.
fn candidates(block: &[u8]) -> Vec<usize> {
    let mut places: Vec<usize> = [&fat_binary::MAGIC[..], ELF_MAGIC, offload_bundle::MAGIC]
        .into_iter()
        .flat_map(|mark| Finder::new(mark).find_iter(block).collect::<Vec<_>>())
        .collect();
    places.sort_unstable();
    places
}

fn binary_names<S: Serializer>(code: &BTreeSet<Architecture>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(code.iter().map(|code| code.binary_name()))
}

fn ptx_names<S: Serializer>(code: &BTreeSet<Architecture>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(code.iter().map(|code| code.ptx_name()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gpu::fat_binary::tests::sample;
    use crate::gpu::offload_bundle::tests::bundle;

    fn read(content: &Vec<u8>) -> GpuCode {
        GpuCode::read(content, &[(0, content.len() as u64)], &Sections::default())
    }

    /// The header of a cubin for 7.5, as the assembler of CUDA 13.0 writes it.
    fn cubin() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..7].copy_from_slice(ELF_MAGIC);
        bytes[8] = 8;
        bytes[18] = 190;
        bytes[48..52].copy_from_slice(&0x0600_4b04_u32.to_le_bytes());
        bytes
    }

    #[test]
    fn everything_is_found_wherever_it_lies() {
        let content = [
            vec![0xcc; 100],
            sample(),
            sample(),
            vec![0; 3],
            cubin(),
            bundle(&["hipv4-amdgcn-amd-amdhsa--gfx90a"]),
        ]
        .concat();
        let code = read(&content);
        let json = serde_json::to_value(&code).expect("JSON");
        assert_eq!(
            json,
            serde_json::json!({
                "binaries": ["sm_75", "sm_80", "sm_90a", "sm_100f"],
                "ptx": ["compute_80"],
                "compressed": true,
                "amd": ["gfx90a"],
                "amd_compressed": false,
            })
        );
        let counts: Vec<usize> = code.modules.values().copied().collect();
        assert_eq!(counts, [1, 2]);
    }

    #[test]
    fn what_is_not_loaded_does_not_count() {
        let content = sample();
        let code = GpuCode::read(&content, &[(8, 40)], &Sections::default());
        assert_eq!(code, GpuCode::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_mark_is_found_across_blocks(before in BLOCK as usize - 30..BLOCK as usize + 4) {
            let mut content = vec![0x7f; before];
            content.extend(sample());
            prop_assert_eq!(read(&content).binaries.len(), 3);
        }

        #[test]
        fn damaged_code_is_read(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..30),
        ) {
            let mut content = [sample(), cubin(), bundle(&["hip--gfx90a"]), sample()].concat();
            for (index, value) in flips {
                let at = index.index(content.len());
                content[at] = value;
            }
            let _ = read(&content);
        }
    }
}
