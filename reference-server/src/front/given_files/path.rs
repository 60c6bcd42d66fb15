//! Where a file of a load request lies in the model's folder.

use crate::configuration::{FILE_NAME, versions::version_number};

/// Longest name of a file or a folder, in bytes: that of Linux's file systems.
const LONGEST_NAME: usize = 255;
/// Longest path in the model's folder, in bytes. With the server's own folder before it, it stays below what
/// the system takes for a path.
const LONGEST_PATH: usize = 1024;
/// Characters of a path that an error shows.
const SHOWN: usize = 100;

/// A path that leads from the model's folder to a file in it and nowhere else: `1/model.onnx`,
/// `1/model.savedmodel/saved_model.pb`, `labels.txt`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePath(String);

/// What is wrong with the path of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilePathError {
    /// It leaves the folder, or could.
    #[error(
        "it must stay within model directory: leave out the '/' at its beginning and parts that are \
         '.' or '..'"
    )]
    Outside,
    /// It is empty or has two slashes in a row or one at its end.
    #[error(
        "it has an empty part; give it as 'file:<version>/<file-name>', such as 'file:1/model.onnx'"
    )]
    EmptyPart,
    /// It holds a character that no name should have.
    #[error("it holds a control character (U+{:04X}); leave it out", u32::from(*.0))]
    ControlCharacter(char),
    /// A name is too long for the file system.
    #[error("one of its parts is {0} bytes long, and {LONGEST_NAME} are possible; shorten it")]
    LongName(usize),
    /// It is too long for the system.
    #[error("it is {0} bytes long, and {LONGEST_PATH} are possible; shorten it")]
    LongPath(usize),
    /// Its folder would not be taken for a version.
    #[error(
        "'{0}' is not a version, which is a positive number without leading zeros; give the path as \
         'file:<version>/<file-name>', such as 'file:1/model.onnx'"
    )]
    Version(String),
    /// It would be the model's configuration.
    #[error("the configuration of the model comes in the parameter 'config'; leave this file out")]
    Configuration,
}

/// A model that is given as files has a name that no folder could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a model that is given as files needs a name that a folder could have: at most {LONGEST_NAME} bytes, \
     without slashes and control characters, and neither '.' nor '..'; give it another one"
)]
pub struct ModelNameError;

/// Checks the name of a model that is given as files, which no folder of a repository vouches for.
///
/// # Errors
/// No folder could have it.
pub fn check_model_name(name: &str) -> Result<(), ModelNameError> {
    let is_special = matches!(name, "" | "." | "..");
    let is_wrong = |character: char| character == '/' || character.is_control();
    if is_special || name.len() > LONGEST_NAME || name.contains(is_wrong) {
        return Err(ModelNameError);
    }
    Ok(())
}

impl FilePath {
    /// Reads what stands behind `file:` in the name of a parameter.
    ///
    /// # Errors
    /// It leads elsewhere, or to what could not be a file of a model.
    pub fn parse(text: &str) -> Result<Self, FilePathError> {
        if text.len() > LONGEST_PATH {
            return Err(FilePathError::LongPath(text.len()));
        }
        if let Some(character) = text.chars().find(|character| character.is_control()) {
            return Err(FilePathError::ControlCharacter(character));
        }
        if text.starts_with('/') || text.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(FilePathError::Outside);
        }
        if text.split('/').any(str::is_empty) {
            return Err(FilePathError::EmptyPart);
        }
        if let Some(long) = text.split('/').find(|part| part.len() > LONGEST_NAME) {
            return Err(FilePathError::LongName(long.len()));
        }
        if text == FILE_NAME {
            return Err(FilePathError::Configuration);
        }
        // A file beside the versions, such as one with labels, belongs to all of them.
        if let Some((folder, _)) = text.split_once('/')
            && version_number(folder).is_none()
        {
            return Err(FilePathError::Version(shortened(folder)));
        }
        Ok(Self(text.to_owned()))
    }

    /// The path with slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folders that lead to it, each with those before it: `1`, `1/model.savedmodel`.
    pub fn folders(&self) -> impl Iterator<Item = Self> {
        let slashes = self.0.match_indices('/');
        slashes.map(|(at, _)| Self(self.0[..at].to_owned()))
    }
}

/// A path of a client as an error shows it: bounded, and without control characters.
pub(super) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_of_versions_and_beside_them_are_taken() {
        let longest = format!("1/{}", "a".repeat(LONGEST_NAME));
        for text in [
            "1/model.onnx",
            "12/model.savedmodel/variables/variables.index",
            "labels.txt",
            "1/config.pbtxt",
            "1/..a",
            "1/...",
            "1/a\\..\\b",
            "\\a",
            "1/ ",
            "1/ä.onnx",
            &longest,
        ] {
            assert_eq!(FilePath::parse(text).unwrap().as_str(), text);
        }
        let path = FilePath::parse("1/a/b").unwrap();
        let folders: Vec<_> = path.folders().map(|folder| folder.0).collect();
        assert_eq!(folders, ["1", "1/a"]);
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for text in [
            "/etc/passwd",
            "/",
            "//a",
            "..",
            ".",
            "../a",
            "1/..",
            "1/../../a",
            "1/./a",
            "1/a/..",
        ] {
            assert_eq!(FilePath::parse(text), Err(FilePathError::Outside), "{text}");
        }
        for text in ["", "1/", "1//a", "1/a/"] {
            assert_eq!(
                FilePath::parse(text),
                Err(FilePathError::EmptyPart),
                "{text}"
            );
        }
        for character in ['\0', '\n', '\u{7f}'] {
            assert_eq!(
                FilePath::parse(&format!("1/a{character}b")),
                Err(FilePathError::ControlCharacter(character))
            );
        }
        assert_eq!(
            FilePath::parse(&format!("1/{}", "a".repeat(256))),
            Err(FilePathError::LongName(256))
        );
        assert_eq!(
            FilePath::parse(&format!("1/{}", "a/".repeat(600))),
            Err(FilePathError::LongPath(1202))
        );
        assert_eq!(
            FilePath::parse("config.pbtxt"),
            Err(FilePathError::Configuration)
        );
        for version in ["0", "-1", "01", "+1", "a", "1 ", "99999999999999999999"] {
            let refused = FilePath::parse(&format!("{version}/model.onnx")).unwrap_err();
            assert_eq!(refused, FilePathError::Version(version.to_owned()));
            assert!(refused.to_string().contains("'file:1/model.onnx'"));
        }
    }

    #[test]
    fn models_have_names_that_folders_could_have() {
        for name in ["m", "a b", "..a", ".a", "a\\b", &"a".repeat(255)] {
            assert_eq!(check_model_name(name), Ok(()), "{name}");
        }
        let long = "a".repeat(256);
        for name in ["", ".", "..", "a/b", "/a", "a/", "a\nb", "a\0", &long] {
            assert_eq!(check_model_name(name), Err(ModelNameError), "{name}");
        }
    }

    #[test]
    fn long_paths_are_told_in_short() {
        assert_eq!(shortened("a\nb"), "a\\nb");
        assert_eq!(shortened(&"ä".repeat(5000)).chars().count(), SHOWN + 1);
    }

    proptest! {
        #[test]
        fn what_is_taken_stays_in_the_folder(text in "(1/)?[a./\\\\\0]{0,12}") {
            if let Ok(path) = FilePath::parse(&text) {
                let path = Path::new(path.as_str());
                prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(path.to_str(), Some(&*text));
            }
        }
    }
}
