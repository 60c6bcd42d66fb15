//! Op libraries that come into a process together with the one that needs them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtimes::Framework;

use crate::elf::Image;
use crate::framework::registers_with_some;

use super::search::{self, Requester};
use super::store::{Candidate, image_of};

/// The libraries that register ops of `framework` and that the library at `path` needs, directly or
/// through others, each behind those that it needs itself. They are looked for as the dynamic
/// loader of this process does. A needed name for which `is_there` holds is left alone, with all
/// behind it: the process has it already, or it registers nothing.
pub fn needed_op_libraries(
    path: &Path,
    framework: Framework,
    is_there: impl Fn(&str) -> bool,
) -> Vec<PathBuf> {
    let Some(image) = image_of(path)
        .as_ref()
        .and_then(Candidate::library)
        .cloned()
    else {
        return Vec::new();
    };
    let mut walk = Walk {
        framework,
        is_there,
        library_path: search::inherited_library_path(),
        chain: vec![(path.to_owned(), image)],
        seen: HashSet::new(),
        found: Vec::new(),
    };
    walk.descend();
    walk.found
}

struct Walk<F> {
    framework: Framework,
    is_there: F,
    library_path: Vec<PathBuf>,
    /// From the library down to the one that is looked at.
    chain: Vec<(PathBuf, Arc<Image>)>,
    seen: HashSet<String>,
    found: Vec<PathBuf>,
}

impl<F: Fn(&str) -> bool> Walk<F> {
    /// Looks at what the last one of the chain needs.
    fn descend(&mut self) {
        let Some((_, image)) = self.chain.last().cloned() else {
            return;
        };
        for name in &image.needed {
            if !self.seen.insert(name.clone()) || (self.is_there)(name) {
                continue;
            }
            let requesters: Vec<Requester<'_>> = self
                .chain
                .iter()
                .rev()
                .map(|(path, image)| Requester { path, image })
                .collect();
            let Ok(found) = search::find(name, &requesters, &self.library_path) else {
                continue;
            };
            let is_op_library = registers_with_some(self.framework, &found.image);
            self.chain.push((found.path.clone(), found.image));
            self.descend();
            self.chain.pop();
            if is_op_library {
                self.found.push(found.path);
            }
        }
    }
}
