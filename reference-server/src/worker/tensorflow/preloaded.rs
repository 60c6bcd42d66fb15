//! Which ops a library registered before anybody could look: one that was preloaded.
//!
//! TensorFlow tells which ops there are, not where they come from. But a library that defines an
//! op holds the text of the definition: the op's name, and `name: type` for each of its inputs,
//! outputs and attributes.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use super::messages::OpDef;

/// Longest text that can be part of a definition.
const LONGEST: usize = 1024;

/// Those of `ops` whose definition stands in the library at `path`.
pub(super) fn ops_of(path: &Path, ops: &[OpDef]) -> io::Result<Vec<String>> {
    let content = std::fs::read(path)?;
    let texts: HashSet<&[u8]> = content
        .split(|byte| *byte == 0)
        .filter(|text| !text.is_empty() && text.len() <= LONGEST && text.is_ascii())
        .collect();
    let specified: HashSet<&[u8]> = texts
        .iter()
        .filter_map(|text| {
            let colon = text.iter().position(|byte| *byte == b':')?;
            Some(text[..colon].trim_ascii())
        })
        .collect();
    Ok(ops
        .iter()
        .filter(|op| texts.contains(op.name.as_bytes()))
        .filter(|op| {
            let mut parts = op.inputs.iter().chain(&op.outputs).chain(&op.attributes);
            parts.all(|part| specified.contains(part.name.as_bytes()))
        })
        .map(|op| op.name.clone())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::tensorflow::messages::Named;

    fn op(name: &str, parts: &[&str]) -> OpDef {
        let named = |name: &&str| Named {
            name: (*name).to_owned(),
        };
        OpDef {
            name: name.to_owned(),
            inputs: parts.iter().map(named).collect(),
            ..OpDef::default()
        }
    }

    #[test]
    fn a_definition_is_found_and_a_mention_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        std::fs::write(&path, b"\x7fELF\0Mine\0Relu\0x: T\0T: {float}\0").unwrap();
        let ops = [
            op("Mine", &["x", "T"]),
            op("Relu", &["features"]),
            op("Other", &["x"]),
        ];
        assert_eq!(ops_of(&path, &ops).unwrap(), ["Mine"]);
    }
}
