//! How much of the suites a run takes: which runtimes, and which part of the cases.

use std::str::FromStr;

use runtimes::{Catalog, Framework, RuntimeName};

/// The runtimes that the suites about names and versions go through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RuntimeRange {
    /// The default runtime of each framework and one other.
    #[default]
    DefaultAndOther,
    /// Every runtime of the catalogue.
    All,
    /// These, for the frameworks that they belong to; for the others the default and one other.
    Named(Vec<RuntimeName>),
}

impl RuntimeRange {
    /// The runtimes of `framework`, in the catalogue's order; the default comes first there.
    pub fn of(&self, framework: Framework) -> Vec<RuntimeName> {
        let catalogued = Catalog::builtin().of(framework).map(|entry| entry.name());
        match self {
            Self::All => catalogued.collect(),
            Self::Named(names) => {
                let named: Vec<RuntimeName> = names
                    .iter()
                    .filter(|name| name.framework == framework)
                    .copied()
                    .collect();
                if named.is_empty() {
                    Self::DefaultAndOther.of(framework)
                } else {
                    named
                }
            }
            Self::DefaultAndOther => catalogued.take(2).collect(),
        }
    }
}

/// One of several parts of a run, each made elsewhere: `2/4` is the second of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    index: usize,
    count: usize,
}

/// Why a text names no part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' names no part of a run: expected i/n, the i-th of n parts with i from 1 to n, such as \
     2/4"
)]
pub struct ParseShardError {
    text: String,
}

impl Shard {
    /// The cases of this part: every n-th one, so that neighbours, which take alike, are spread.
    pub fn part_of<T>(self, cases: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        cases.skip(self.index).step_by(self.count)
    }

    /// All parts of the run that this is one of, itself among them.
    pub fn siblings(self) -> impl Iterator<Item = Self> {
        (0..self.count).map(move |index| Self { index, ..self })
    }
}

impl FromStr for Shard {
    type Err = ParseShardError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseShardError {
            text: text.to_owned(),
        };
        let (index, count) = text.split_once('/').ok_or_else(error)?;
        let number = |part: &str| part.parse::<usize>().ok();
        match (number(index), number(count)) {
            (Some(index), Some(count)) if (1..=count).contains(&index) => Ok(Self {
                index: index - 1,
                count,
            }),
            _ => Err(error()),
        }
    }
}

/// As it is typed.
impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_begin_with_the_default() {
        for framework in Framework::ALL {
            let default = Catalog::builtin()
                .default_of(framework)
                .map(|entry| entry.name());
            let two = RuntimeRange::DefaultAndOther.of(framework);
            assert_eq!(two.first().copied(), default);
            assert_eq!(two.len(), 2);
            let all = RuntimeRange::All.of(framework);
            assert!(all.starts_with(&two));
            let named = RuntimeRange::Named(vec![all[1]]);
            assert_eq!(named.of(framework), [all[1]]);
        }
    }

    #[test]
    fn bad_parts_are_told() {
        for text in ["", "1", "0/2", "3/2", "1/0", "a/b", "1/2/3", "-1/2"] {
            let error = text.parse::<Shard>().unwrap_err().to_string();
            assert!(error.contains("2/4"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_make_up_the_whole(length in 0usize..60, count in 1usize..9) {
            let mut all: Vec<usize> = (1..=count)
                .flat_map(|index| {
                    let shard: Shard = format!("{index}/{count}").parse().unwrap();
                    assert_eq!(shard.to_string(), format!("{index}/{count}"));
                    assert_eq!(shard.siblings().nth(index - 1), Some(shard));
                    shard.part_of(0..length).collect::<Vec<_>>()
                })
                .collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..length).collect::<Vec<_>>());
        }
    }
}
