//! A library's file without its code.

use std::io;
use std::path::Path;

use super::{Bytes, Header, Sections};

/// Code for processors and GPUs, and what goes with it: how the stack is unwound, and relocations.
const SECTIONS: [&str; 8] = [
    ".text",
    ".eh_frame",
    ".eh_frame_hdr",
    ".gcc_except_table",
    ".rela.dyn",
    ".nv_fatbin",
    "__nv_relfatbin",
    ".hip_fatbin",
];

/// The content of the file at `path` with zeros in the place of code and what goes with it. There,
/// short names occur by chance; what the library says of itself stands elsewhere. A file that is no
/// library is returned as it is.
///
/// # Errors
/// The file cannot be read.
pub fn content_without_code(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = std::fs::read(path)?;
    let start = content.len().min(Header::MAX_SIZE as usize);
    let Ok(header) = Header::parse(&content[..start]) else {
        return Ok(content);
    };
    let sections = Sections::read(&header, &content as &dyn Bytes);
    for section in SECTIONS.iter().filter_map(|name| sections.named(name)) {
        let end = section.offset.saturating_add(section.size);
        let range = usize::try_from(section.offset)
            .ok()
            .zip(usize::try_from(end).ok());
        if let Some(code) = range.and_then(|(from, to)| content.get_mut(from..to)) {
            code.fill(0);
        }
    }
    Ok(content)
}
