//! Which members of a package are used.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pattern for paths with `/` between their components.
///
/// `*` stands for any characters within one component. A pattern that covers the beginning of a
/// path stands for the whole tree below: `torch/include` holds every header of PyTorch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
}

/// How a path fits a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match<'a> {
    /// The pattern names the path itself.
    File,
    /// The pattern names this folder, which holds the path.
    Tree(&'a str),
}

impl Pattern {
    /// How `path` fits; `None` where it does not.
    pub fn fit<'a>(&self, path: &'a str) -> Option<Match<'a>> {
        let mut end = 0;
        for wanted in self.text.split('/') {
            let rest = path.get(end..)?;
            let start = end + usize::from(end > 0);
            if end > 0 && !rest.starts_with('/') {
                return None;
            }
            let component = path[start..].split('/').next()?;
            if component.is_empty() || !fits_component(wanted, component) {
                return None;
            }
            end = start + component.len();
        }
        Some(if end == path.len() {
            Match::File
        } else {
            Match::Tree(&path[..end])
        })
    }
}

impl Pattern {
    /// Whether files of that name, in whichever folder, are among those that the pattern names.
    pub(crate) fn names_file(&self, file_name: &str) -> bool {
        let last = self.text.rsplit('/').next().unwrap_or_default();
        fits_component(last, file_name)
    }
}

/// Whether `text` is `pattern` with each `*` replaced by something.
fn fits_component(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

impl FromStr for Pattern {
    type Err = ParsePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |component: &str| !matches!(component, "" | "." | "..");
        if text.contains(['\\', '\0']) || !text.split('/').all(is_plain) {
            return Err(ParsePatternError {
                text: text.to_owned(),
            });
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Pattern {
    type Error = ParsePatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a plain relative path, with or without '*'")]
pub struct ParsePatternError {
    text: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fit<'a>(pattern: &str, path: &'a str) -> Option<Match<'a>> {
        pattern.parse::<Pattern>().expect("a pattern").fit(path)
    }

    #[test]
    fn files_stars_and_trees() {
        let header = "torch/include/ATen/ATen.h";
        assert_eq!(
            fit("torch/include", header),
            Some(Match::Tree("torch/include"))
        );
        assert_eq!(fit(header, header), Some(Match::File));
        assert_eq!(
            fit("torch/lib/lib*.so*", "torch/lib/libgomp.so.1"),
            Some(Match::File)
        );
        assert_eq!(
            fit("*/include", "torch/include/ATen/ATen.h"),
            Some(Match::Tree("torch/include"))
        );
        assert_eq!(fit("torch/inc", header), None);
        assert_eq!(fit("torch/lib*", "torch/include"), None);
        assert_eq!(
            fit("torch/*.so", "torch/lib/libc10.so"),
            None,
            "a star crosses no folder"
        );
        assert_eq!(fit("torch/lib/a", "torch/lib"), None);
        assert_eq!(fit("l*b*o", "libgomp.so"), Some(Match::File));
        assert_eq!(fit("aa*aa", "aaa"), None, "parts do not overlap");
    }

    #[test]
    fn what_leaves_the_package_is_refused() {
        for text in [
            "",
            "/etc/passwd",
            "../escape",
            "a//b",
            "a/./b",
            "a/../b",
            "a\\b",
            "a/",
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text:?}");
        }
    }

    /// The meaning of a star, spelt out: some split of the text fits.
    fn fits_by_trial(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|at| fits_by_trial(rest, &text[at..])),
            Some((byte, rest)) => text.first() == Some(byte) && fits_by_trial(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn stars_mean_any_characters(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            prop_assert_eq!(
                fits_component(&pattern, &text),
                fits_by_trial(pattern.as_bytes(), text.as_bytes())
            );
        }

        #[test]
        fn a_path_fits_itself_and_its_folders(path in "[a-c]{1,3}(/[a-c]{1,3}){0,3}") {
            prop_assert_eq!(fit(&path, &path), Some(Match::File));
            for (at, _) in path.match_indices('/') {
                prop_assert_eq!(fit(&path[..at], &path), Some(Match::Tree(&path[..at])));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}|[a*./]{0,8}", path in "\\PC{0,20}|[a*./]{0,8}") {
            if let Ok(pattern) = text.parse::<Pattern>() {
                let _ = pattern.fit(&path);
                prop_assert_eq!(pattern.to_string(), text);
            }
        }
    }
}
