//! Version folders of a model, and which of them are served.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use proto::inference::{ModelVersionPolicy, model_version_policy::PolicyChoice};

use super::ConfigurationError;

/// One version of a model on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionFolder {
    /// Number of the version, the folder's name.
    pub version: i64,
    /// The folder.
    pub path: PathBuf,
}

/// The version folders in a model's folder, ascending. A version folder's name is a positive
/// number that does not start with 0; other entries are no versions and are passed over, as Triton
/// does.
///
/// # Errors
/// Where the folder cannot be read.
pub fn scan(model_folder: &Path) -> Result<Vec<VersionFolder>, ConfigurationError> {
    let failed = |source: io::Error| ConfigurationError::Read {
        path: model_folder.to_owned(),
        source,
    };
    let mut versions = Vec::new();
    for entry in fs::read_dir(model_folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let version = entry.file_name().to_str().and_then(version_number);
        if let Some(version) = version.filter(|_| path.is_dir()) {
            versions.push(VersionFolder { version, path });
        }
    }
    versions.sort();
    Ok(versions)
}

/// The version that a folder of this name holds, where it holds one.
pub(crate) fn version_number(name: &str) -> Option<i64> {
    let plain = !name.starts_with('0') && name.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| name.parse().ok()).flatten()
}

/// Which versions of a model are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionPolicy {
    /// The highest so many.
    Latest(u32),
    /// All of them.
    All,
    /// These.
    Specific(Vec<i64>),
}

impl VersionPolicy {
    pub(super) fn new(policy: Option<&ModelVersionPolicy>) -> Self {
        match policy.and_then(|policy| policy.policy_choice.as_ref()) {
            None => Self::Latest(1),
            // Triton's default for the number, too.
            Some(PolicyChoice::Latest(latest)) => Self::Latest(latest.num_versions.max(1)),
            Some(PolicyChoice::All(_)) => Self::All,
            Some(PolicyChoice::Specific(specific)) => Self::Specific(specific.versions.clone()),
        }
    }

    /// The versions among `available` (ascending) that are served, ascending.
    ///
    /// # Errors
    /// No version is there, or one that the policy names is not.
    pub fn select(
        &self,
        available: &[VersionFolder],
        model: &str,
    ) -> Result<Vec<VersionFolder>, ConfigurationError> {
        let selected = match self {
            Self::All => available.to_vec(),
            Self::Latest(count) => {
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                available[available.len().saturating_sub(count)..].to_vec()
            }
            Self::Specific(versions) => {
                let mut selected = Vec::new();
                for version in versions {
                    let found = available
                        .iter()
                        .find(|folder| folder.version == *version)
                        .ok_or_else(|| {
                            ConfigurationError::invalid(format!(
                                "version {version} is specified for model '{model}', but the \
                                 version directory is not present (there are: {})",
                                list(available)
                            ))
                        })?;
                    selected.push(found.clone());
                }
                selected.sort();
                selected.dedup();
                selected
            }
        };
        if selected.is_empty() {
            return Err(ConfigurationError::invalid(format!(
                "at least one version must be available under the version policy of model \
                 '{model}'; a version is a folder with a number as its name"
            )));
        }
        Ok(selected)
    }
}

fn list(versions: &[VersionFolder]) -> String {
    if versions.is_empty() {
        return "none".to_owned();
    }
    let numbers: Vec<String> = versions
        .iter()
        .map(|folder| folder.version.to_string())
        .collect();
    numbers.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(versions: &[i64]) -> Vec<VersionFolder> {
        versions
            .iter()
            .map(|version| VersionFolder {
                version: *version,
                path: PathBuf::from(version.to_string()),
            })
            .collect()
    }

    #[test]
    fn only_numbers_are_versions() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["1", "10", "2", "03", "0", "-1", "a", "99999999999999999999"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("4"), b"a file").unwrap();
        let versions: Vec<i64> = scan(folder.path())
            .unwrap()
            .iter()
            .map(|folder| folder.version)
            .collect();
        assert_eq!(versions, [1, 2, 10]);
        assert!(scan(&folder.path().join("none")).is_err());
    }

    #[test]
    fn policies_select() {
        let all = folders(&[1, 2, 5]);
        let select = |policy: VersionPolicy| policy.select(&all, "m").unwrap();
        assert_eq!(select(VersionPolicy::Latest(1)), folders(&[5]));
        assert_eq!(select(VersionPolicy::Latest(2)), folders(&[2, 5]));
        assert_eq!(select(VersionPolicy::Latest(9)), all);
        assert_eq!(select(VersionPolicy::All), all);
        assert_eq!(
            select(VersionPolicy::Specific(vec![5, 1, 5])),
            folders(&[1, 5])
        );
        let message = VersionPolicy::Specific(vec![3])
            .select(&all, "m")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("version 3") && message.contains("1, 2, 5"),
            "{message}"
        );
        let message = VersionPolicy::Latest(1)
            .select(&[], "m")
            .unwrap_err()
            .to_string();
        assert!(message.contains("at least one version"), "{message}");
    }
}
