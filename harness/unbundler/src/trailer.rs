//! What the first part ends with: where its header and its index are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::Index;

const MAGIC: [u8; 16] = *b"OP-BUNDLE-INDEX\n";

/// Bytes of a trailer: two places, the hash of the index, the magic.
pub(crate) const TRAILER_SIZE: u64 = 8 + 8 + 32 + 16;

/// An index longer than this is none.
const LONGEST_INDEX: u64 = 1 << 24;

/// The end of the first part: the index and the trailer behind it. `header` is where the header
/// begins, `end` where the archive's bytes end.
pub(crate) fn bytes(index: &str, header: u64, end: u64) -> Vec<u8> {
    let hash = blake3::hash(index.as_bytes());
    let places = [header.to_le_bytes(), end.to_le_bytes()].concat();
    [index.as_bytes(), &places, hash.as_bytes(), &MAGIC].concat()
}

/// What a first part says about itself.
#[derive(Debug)]
pub(crate) struct First {
    pub index: Index,
    /// Where the header begins.
    pub header: u64,
}

/// What `file` says about itself, where it is a first part; `None` where its end is not that of one.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(file: &mut File) -> io::Result<Option<First>> {
    let length = file.metadata()?.len();
    let Some(start) = length.checked_sub(TRAILER_SIZE) else {
        return Ok(None);
    };
    let mut trailer = [0; TRAILER_SIZE as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut trailer)?;
    if trailer[48..] != MAGIC {
        return Ok(None);
    }
    let place = |at: usize| {
        let bytes = trailer[at..at + 8].iter().rev();
        bytes.fold(0_u64, |value, byte| value << 8 | u64::from(*byte))
    };
    let (header, end) = (place(0), place(8));
    let size = start.checked_sub(end).filter(|size| *size <= LONGEST_INDEX);
    let Some(size) = size.filter(|_| header < end) else {
        return Ok(None);
    };
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.take(size).read_to_end(&mut text)?;
    if blake3::hash(&text).as_bytes()[..] != trailer[16..48] {
        return Ok(None);
    }
    let index = String::from_utf8(text).ok();
    let index = index.and_then(|text| Index::parse(&text));
    let index = index.filter(|index| index.parts[0].size == end);
    Ok(index.map(|index| First { index, header }))
}
