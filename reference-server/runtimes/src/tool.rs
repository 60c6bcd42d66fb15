//! Programs that are installed as runtimes are, and serve no model.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::catalog::is_used;
use crate::{Package, Size};

/// A program that can be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// What is started: one of the used files.
    pub program: PathBuf,
    /// Bytes that it takes once installed.
    pub disk: u64,
    /// The packages that hold it; at least one.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
}

impl Tool {
    /// Name and version: the name of the folder that it is installed in.
    pub fn folder_name(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// Bytes that an installation downloads.
    pub fn download_size(&self) -> u64 {
        let sizes = self.packages.iter().map(|package| package.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// Checks every rule that installing relies on.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !is_used(&self.program, &self.packages, Size::Small) {
            return Err("`program` is not among the files that its packages use".to_owned());
        }
        self.packages.iter().try_for_each(Package::check)
    }
}
