//! Does a library keep to the interfaces that hold across versions?
//!
//! A library that does need not be built for each version of PyTorch, or of Python; one that uses a
//! single symbol beyond them has to be.

mod python;
mod pytorch;

use std::fmt;

use serde::Serialize;

pub(crate) use pytorch::drops_registration_errors;

use crate::elf::Image;
use crate::symbol_name::{demangle, without_parameters};

/// Unstable symbols that are named as examples.
const EXAMPLES: usize = 3;

/// Which of a library's interfaces hold across versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StableAbi {
    /// PyTorch's, where the library uses PyTorch: its stable C interface.
    pub pytorch: Option<Interface>,
    /// Python's, where the library uses Python: its limited API.
    pub python: Option<Interface>,
    /// Whether its file name says that it keeps to Python's limited API (`abi3`).
    pub named_abi3: bool,
}

/// What a library uses of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// Number of symbols that hold across versions.
    pub stable: usize,
    /// Number of symbols that do not.
    pub unstable: usize,
    /// The first of those that do not, as a person reads them and without parameters.
    pub examples: Vec<String>,
}

impl StableAbi {
    pub(crate) fn of(image: &Image, file_name: &str) -> Self {
        Self {
            pytorch: Interface::of(image, pytorch::is_stable),
            python: Interface::of(image, python::is_stable),
            named_abi3: file_name.contains(".abi3."),
        }
    }
}

impl Interface {
    /// Whether the library can be used with versions that it was not built for.
    pub const fn is_clean(&self) -> bool {
        self.unstable == 0
    }

    /// Sorts the library's undefined symbols by `is_stable`, which knows nothing of those that are
    /// not of its interface. `None` where none is.
    fn of(image: &Image, is_stable: impl Fn(&str) -> Option<bool>) -> Option<Self> {
        let mut names: Vec<&str> = image
            .symbols
            .references()
            .map(|symbol| symbol.name)
            .collect();
        names.sort_unstable();
        names.dedup();
        let mut interface = Self::default();
        for name in names {
            match is_stable(name) {
                Some(true) => interface.stable += 1,
                Some(false) => {
                    interface.unstable += 1;
                    if interface.examples.len() < EXAMPLES {
                        let readable = without_parameters(name).unwrap_or_else(|| demangle(name));
                        interface.examples.push(readable);
                    }
                }
                None => {}
            }
        }
        (interface.stable + interface.unstable > 0).then_some(interface)
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let examples = self.examples.join(", ");
        match self.unstable {
            0 => f.write_str("clean"),
            1 => write!(f, "uses the unstable symbol {examples}"),
            more if more <= EXAMPLES => write!(f, "uses {more} unstable symbols: {examples}"),
            more => write!(f, "uses {more} unstable symbols, such as {examples}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_what_is_unstable() {
        let interface = |unstable, examples: &[&str]| Interface {
            stable: 7,
            unstable,
            examples: examples.iter().map(|&name| name.to_owned()).collect(),
        };
        assert_eq!(interface(0, &[]).to_string(), "clean");
        assert_eq!(
            interface(1, &["f()"]).to_string(),
            "uses the unstable symbol f()"
        );
        assert_eq!(
            interface(2, &["f()", "g()"]).to_string(),
            "uses 2 unstable symbols: f(), g()"
        );
        assert_eq!(
            interface(90, &["f()", "g()", "h()"]).to_string(),
            "uses 90 unstable symbols, such as f(), g(), h()"
        );
    }
}
