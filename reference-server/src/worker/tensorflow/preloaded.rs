//! Which ops a library registered before anybody could look: one that was preloaded.
//!
//! TensorFlow tells which ops there are, not where they come from. But a library that defines an
//! op holds its name. One that only mentions an op of TensorFlow's own holds that name too, and
//! such an op is then reported beside its own ones, which misleads nobody: it is never missing.

use std::collections::HashSet;
use std::io;
use std::path::Path;

/// Those of `ops` whose names stand in the library at `path`.
pub(super) fn ops_of(
    path: &Path,
    ops: impl IntoIterator<Item = String>,
) -> io::Result<Vec<String>> {
    let content = op_library::content_without_code(path)?;
    let texts: HashSet<&[u8]> = content.split(|byte| *byte == 0).collect();
    let mentioned = ops.into_iter().filter(|op| texts.contains(op.as_bytes()));
    Ok(mentioned.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        std::fs::write(&path, b"\x7fELF\0Mine\0MineToo\0x: T\0").unwrap();
        let ops = ["Mine", "Too", "MineToo", "Other"].map(str::to_owned);
        assert_eq!(ops_of(&path, ops).unwrap(), ["Mine", "MineToo"]);
    }
}
