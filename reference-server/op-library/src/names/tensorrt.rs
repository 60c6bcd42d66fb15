//! TensorRT: classes that make plugins, found through their type information.

use std::collections::BTreeSet;

use memchr::memmem::Finder;
use runtimes::Framework;

use super::{NameSource, RegisteredKind, RegisteredName};
use crate::code::{Program, returned_text};

/// What the names of the classes contain that plugin creators derive from, in all versions.
const NAMESPACE: &[u8] = b"N8nvinfer1";
const CREATOR: &str = "PluginCreator";

/// Bytes of data that are searched at most.
const MAX_DATA: u64 = 64 << 20;

/// More functions than a plugin creator has.
const MAX_FUNCTIONS: u64 = 24;

/// More classes than TensorRT has.
const MAX_CLASSES: usize = 4096;

/// More classes than a library derives from one another.
const MAX_GENERATIONS: usize = 6;

/// The plugins whose creators return a constant name and a constant version.
pub(super) fn read(program: &Program<'_>) -> Vec<RegisteredName> {
    let names = names_of_creators(program);
    // The name is the second word of a class's type information.
    let mut classes: BTreeSet<u64> = program
        .places_of(&names)
        .into_iter()
        .filter_map(|(place, _)| place.checked_sub(8))
        .collect();
    let mut generation = classes.clone();
    let mut plugins = Vec::new();
    for _ in 0..MAX_GENERATIONS {
        let mut derived = BTreeSet::new();
        for (place, _) in program.places_of(&generation) {
            if let Some(class) = derived_class(program, place) {
                if classes.insert(class) {
                    derived.insert(class);
                }
            } else if let Some(plugin) = plugin(program, place) {
                plugins.push(plugin);
            }
        }
        if derived.is_empty() {
            break;
        }
        generation = derived;
    }
    plugins
}

/// The addresses of the names of the classes that creators derive from.
fn names_of_creators(program: &Program<'_>) -> BTreeSet<u64> {
    let finder = Finder::new(NAMESPACE);
    let mut names = BTreeSet::new();
    for segment in program.memory.loaded() {
        let size = segment.file_size.min(MAX_DATA);
        let Some(data) = program.memory.bytes.read(segment.offset, size) else {
            continue;
        };
        names.extend(
            finder
                .find_iter(&data)
                .take(MAX_CLASSES)
                .map(|at| segment.address.wrapping_add(at as u64))
                .filter(|address| {
                    let name = program.text(*address);
                    name.is_some_and(|name| name.contains(CREATOR))
                }),
        );
    }
    names
}

/// The class whose type information names another class as its base at `place`.
///
/// Source: Itanium C++ ABI, "RTTI Layout": a class with one base names it in its third word; one with
/// several has a list of pairs from its fourth word on.
fn derived_class(program: &Program<'_>, place: u64) -> Option<u64> {
    const ONE_BASE: &str = "_ZTVN10__cxxabiv120__si_class_type_infoE";
    const SEVERAL_BASES: &str = "_ZTVN10__cxxabiv121__vmi_class_type_infoE";
    const MAX_BASES: u64 = 4;
    let one = place.checked_sub(16)?;
    if program.symbol_at(one) == Some(ONE_BASE) {
        return Some(one);
    }
    (0..MAX_BASES)
        .filter_map(|index| place.checked_sub(24 + index * 16))
        .find(|class| program.symbol_at(*class) == Some(SEVERAL_BASES))
}

/// The plugin of the creator whose table of functions has its type information at `place`: its name
/// and its version are returned by two functions that stand side by side in all versions of the
/// interface.
fn plugin(program: &Program<'_>, place: u64) -> Option<RegisteredName> {
    let functions: Vec<u64> = (1..=MAX_FUNCTIONS)
        .map_while(|index| program.pointer(place.checked_add(index * 8)?))
        .take_while(|function| program.is_code(*function))
        .collect();
    let texts: Vec<Option<String>> = functions
        .into_iter()
        .map(|function| returned_text(program, function))
        .collect();
    let (name, version) = texts.windows(2).find_map(|pair| match pair {
        [Some(name), Some(version)] if is_name(name) && is_version(version) => {
            Some((name.clone(), version.clone()))
        }
        _ => None,
    })?;
    Some(RegisteredName {
        framework: Framework::TensorRt,
        kind: RegisteredKind::Plugin,
        domain: None,
        name,
        version: Some(version),
        source: NameSource::Code,
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic())
}

/// A version as people write them: it begins with a digit.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && is_name(text)
}
