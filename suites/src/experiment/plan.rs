//! Files that look like plans of TensorRT as far as their header goes.
//!
//! The header, little endian: `ftrt`, four bytes for the version of the layout, eight for the number
//! of sections, eight for the length of the file, four for the version of TensorRT, four for the
//! platform (0: Linux).

use runtimes::Version;

use crate::arrangement::PlanFile;

/// Length of a header without sections.
const HEADER: u64 = 32;
/// What a truncated file's header says it should have.
const MISSING: u64 = 4096;

/// The content of `file` where TensorRT `runtime` is to read it.
pub fn content(file: PlanFile, runtime: Version) -> Vec<u8> {
    match file {
        // Where nobody can build a whole one, nobody can read one either.
        PlanFile::Header | PlanFile::ForAnotherGpu => header(built_by(runtime), HEADER),
        PlanFile::BuiltBy(version) => header(version, HEADER),
        PlanFile::Truncated => header(built_by(runtime), HEADER + MISSING),
        PlanFile::NoPlan => b"this is a text file with the name of a plan\n".to_vec(),
    }
}

fn built_by(version: Version) -> [u8; 3] {
    // TensorRT's own version numbers stay below 256.
    [version.major(), version.minor(), version.patch()]
        .map(|number| u8::try_from(number).unwrap_or(u8::MAX))
}

fn header([major, minor, patch]: [u8; 3], length: u64) -> Vec<u8> {
    let mut bytes = b"ftrt".to_vec();
    bytes.extend(0u32.to_le_bytes());
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend([major, minor, patch, 0]);
    bytes.extend(0u32.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_its_length_and_version() {
        let bytes = content(PlanFile::Header, Version::new(8, 6, 0));
        assert_eq!(bytes.len() as u64, HEADER);
        assert_eq!(bytes[16], HEADER as u8);
        assert_eq!(bytes[24..28], [8, 6, 0, 0]);
        let truncated = content(PlanFile::Truncated, Version::new(8, 6, 0));
        assert_eq!(truncated.len(), bytes.len());
        assert_ne!(truncated[16..24], bytes[16..24]);
    }
}
