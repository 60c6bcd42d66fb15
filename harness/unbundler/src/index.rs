//! The list of a bundle's parts, which stands at the end of the first one.

use std::fmt::Write;

use crate::{BundleId, CLibraryVersion};

/// The list of a bundle's parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Which bundle this is.
    pub bundle: BundleId,
    /// The oldest GNU C library that everything in it can use; `None` where nothing asks for one.
    pub c_library: Option<CLibraryVersion>,
    /// Bytes of all files, once unpacked.
    pub unpacked: u64,
    /// The parts in their order; never empty.
    pub parts: Vec<Part>,
}

/// One part: of the first one, what stands before the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Bytes.
    pub size: u64,
    /// BLAKE3 of them.
    pub hash: blake3::Hash,
}

impl Index {
    /// The text that stands in the first part: one fact a line.
    pub(crate) fn render(&self) -> String {
        let mut text = format!("bundle {}\nunpacked {}\n", self.bundle, self.unpacked);
        // Writing to a text does not fail.
        if let Some(version) = self.c_library {
            let _ = writeln!(text, "c-library {version}");
        }
        for part in &self.parts {
            let _ = writeln!(text, "part {} {}", part.size, part.hash);
        }
        text
    }

    /// Reads what [`Index::render`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut bundle, mut unpacked, mut c_library) = (None, None, None);
        let mut parts = Vec::new();
        for line in text.lines() {
            let (kind, value) = line.split_once(' ')?;
            match kind {
                "bundle" => bundle = Some(BundleId::parse(value)?),
                "unpacked" => unpacked = Some(value.parse().ok()?),
                "c-library" => c_library = Some(CLibraryVersion::parse(value)?),
                "part" => {
                    let (size, hash) = value.split_once(' ')?;
                    parts.push(Part {
                        size: size.parse().ok()?,
                        hash: blake3::Hash::from_hex(hash).ok()?,
                    });
                }
                _ => return None,
            }
        }
        (!parts.is_empty()).then_some(())?;
        Some(Self {
            bundle: bundle?,
            c_library,
            unpacked: unpacked?,
            parts,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_is_read_as_it_was_written(
            sizes in proptest::collection::vec(any::<u64>(), 1..20),
            version in proptest::option::of((any::<u32>(), any::<u32>())),
            unpacked: u64,
        ) {
            let part = |size: u64| Part { size, hash: blake3::hash(&size.to_le_bytes()) };
            let index = Index {
                bundle: BundleId::of("x"),
                c_library: version.map(|(major, minor)| CLibraryVersion { major, minor }),
                unpacked,
                parts: sizes.into_iter().map(part).collect(),
            };
            prop_assert_eq!(Index::parse(&index.render()), Some(index));
        }

        #[test]
        fn any_text_can_be_taken_for_an_index(text in "(bundle|part|unpacked|c-library| |\n|[0-9a-f.]){0,40}") {
            let _ = Index::parse(&text);
        }
    }
}
