//! Which op library provides which op, as far as this server has seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use crate::worker::backend::{LibraryReport, RegisteredOp};

/// Files of an allowed root that are looked into when an op is missing.
const FILES_SEARCHED: usize = 200;
/// Folders below an allowed root that are entered.
const DEPTH_SEARCHED: usize = 4;

/// What op libraries registered when they were loaded.
#[derive(Debug, Default)]
pub struct KnownOps(Mutex<BTreeMap<PathBuf, Vec<RegisteredOp>>>);

impl KnownOps {
    /// Remembers what a library registered.
    pub fn learn(&self, report: &LibraryReport) {
        self.0
            .lock()
            .insert(report.path.clone(), report.defines().cloned().collect());
    }

    /// A sentence about where `op` could come from: libraries that registered it in this server,
    /// else files in `roots` whose data names it. `None` where nothing is known: what is to be done
    /// then stands in the error already.
    pub fn advice(&self, op: &RegisteredOp, roots: &[PathBuf]) -> Option<String> {
        let providers: Vec<String> = self
            .0
            .lock()
            .iter()
            .filter(|(path, ops)| ops.contains(op) && path.exists())
            .map(|(path, _)| format!("'{}'", path.display()))
            .collect();
        if !providers.is_empty() {
            return Some(format!(
                "op {op} is provided by {}: list it in the model's model_operations {{ \
                 op_library_filename }}",
                providers.join(" and by ")
            ));
        }
        let candidates: Vec<String> = shared_objects(roots)
            .into_iter()
            .filter(|path| mentions(path, op))
            .map(|path| format!("'{}'", path.display()))
            .collect();
        if candidates.is_empty() {
            return None;
        }
        Some(format!(
            "op {op} may be provided by {}, which names it: list it in the model's \
             model_operations {{ op_library_filename }}",
            candidates.join(" or by ")
        ))
    }
}

fn mentions(path: &Path, op: &RegisteredOp) -> bool {
    let named = [&op.name, &op.domain];
    op_library::inspect(path).is_ok_and(|library| {
        named
            .iter()
            .all(|text| text.is_empty() || library.mentions(text))
    })
}

/// Shared objects in the roots, a bounded number of them.
fn shared_objects(roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders: Vec<(PathBuf, usize)> = roots.iter().map(|root| (root.clone(), 0)).collect();
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < DEPTH_SEARCHED => {
                    folders.push((path, depth + 1))
                }
                Ok(kind) if kind.is_file() && path.extension().is_some_and(|end| end == "so") => {
                    found.push(path);
                    if found.len() == FILES_SEARCHED {
                        return found;
                    }
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_registered_the_op_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libgelu.so");
        std::fs::write(&path, "").unwrap();
        let op = RegisteredOp {
            domain: "custom.ops".into(),
            name: "BiasGelu".into(),
            version: String::new(),
        };
        let known = KnownOps::default();
        assert_eq!(known.advice(&op, &[folder.path().to_owned()]), None);
        known.learn(&LibraryReport {
            path: path.clone(),
            ops: vec![op.clone()],
            extends: Vec::new(),
            api_level: None,
        });
        let advice = known.advice(&op, &[]).unwrap();
        assert!(
            advice.contains("libgelu.so") && advice.contains("custom.ops"),
            "{advice}"
        );
        std::fs::remove_file(&path).unwrap();
        assert_eq!(known.advice(&op, &[]), None);
    }
}
