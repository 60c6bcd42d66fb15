//! Searching a library's data for a text.

use crate::elf::{Bytes, Image};

/// Bytes read at a time.
const BLOCK: u64 = 1 << 20;

/// Whether what the loader maps of the file holds `text`. The dynamic string table does not count:
/// the names of functions contain the names of ops and of much else.
pub(crate) fn contains(bytes: &dyn Bytes, image: &Image, text: &[u8]) -> bool {
    if text.is_empty() {
        return false;
    }
    let (strings, strings_size) = image.string_table;
    let strings_end = strings.saturating_add(strings_size);
    image.mapped.iter().any(|(offset, size)| {
        let end = offset.saturating_add(*size).min(bytes.len());
        if (*offset..end).contains(&strings) {
            search(bytes, *offset, strings, text) || search(bytes, strings_end.min(end), end, text)
        } else {
            search(bytes, *offset, end, text)
        }
    })
}

/// Searches from `start` to `end` in blocks that overlap by the text's length.
fn search(bytes: &dyn Bytes, start: u64, end: u64, text: &[u8]) -> bool {
    let overlap = text.len() as u64 - 1;
    let mut at = start;
    while at < end {
        let size = (BLOCK + overlap).min(end - at);
        let Some(block) = bytes.read(at, size) else {
            return false;
        };
        if find(&block, text) {
            return true;
        }
        at += BLOCK;
    }
    false
}

fn find(block: &[u8], text: &[u8]) -> bool {
    let mut rest = block;
    while let Some(at) = rest.iter().position(|byte| *byte == text[0]) {
        if rest[at..].starts_with(text) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_string_table_does_not_count() {
        let content = b"..BiasGelu..RmsNorm..Modulo..".to_vec();
        let image = Image {
            mapped: vec![(0, content.len() as u64)],
            string_table: (12, 7),
            ..Image::default()
        };
        assert!(contains(&content, &image, b"BiasGelu"));
        assert!(!contains(&content, &image, b"RmsNorm"));
        assert!(contains(&content, &image, b"Modulo"));
        assert!(!contains(&content, &image, b""));
    }

    proptest! {
        // Each case searches two megabytes.
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_text_is_found_across_blocks(at in BLOCK as usize - 12..BLOCK as usize + 4) {
            let mut content = vec![b'B'; BLOCK as usize * 2];
            content[at..at + 8].copy_from_slice(b"BiasGelu");
            prop_assert!(search(&content, 0, content.len() as u64, b"BiasGelu"));
            prop_assert!(!search(&content, 0, at as u64 + 7, b"BiasGelu"));
        }
    }
}
