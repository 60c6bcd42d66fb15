//! The Python package that a library was installed with, as the folder beside it tells.
//!
//! A published op library is nearly always part of a wheel, and the wheel's metadata says for which
//! release of the framework it was made: the one thing about it that its code tells least.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};
use runtimes::{Framework, RuntimeName};
use serde::Serialize;

/// How many folders above the library its package's metadata is looked for.
const MOST_FOLDERS: usize = 8;
/// More than the metadata of any package: a file beyond it is not read.
const MOST_BYTES: u64 = 16 << 20;

/// A Python package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// The name under which it is published.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Which releases of frameworks it requires.
    pub requires: Vec<Requirement>,
}

/// What a package requires of a framework.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The framework.
    pub framework: Framework,
    /// The framework's package, such as `torch`.
    pub package: String,
    /// The releases, such as `>=2.10,<2.13`.
    ///
    /// Source: PyPA specifications, "Version specifiers".
    pub releases: String,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.package, self.releases)
    }
}

impl Requirement {
    /// Whether it allows the release; `None` where it cannot be read.
    fn allows(&self, runtime: RuntimeName) -> Option<bool> {
        let specifiers = VersionSpecifiers::from_str(&self.releases).ok()?;
        let version = Version::from_str(&runtime.version.to_string()).ok()?;
        Some(specifiers.contains(&version))
    }

    /// Reads the value of a `Requires-Dist` line; `None` where it is about something else, or names
    /// no release.
    ///
    /// Source: PyPA specifications, "Core metadata" and "Dependency specifiers".
    fn read(value: &str) -> Option<Self> {
        let requirement = value.split(';').next().unwrap_or(value).trim();
        let end = requirement
            .find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter))
            .unwrap_or(requirement.len());
        let (package, rest) = requirement.split_at(end);
        let framework = framework_of(package)?;
        let releases: String = rest
            .trim()
            .trim_start_matches(|letter| letter != '(' && !"<>=!~".contains(letter))
            .chars()
            .filter(|letter| !"() ".contains(*letter))
            .collect();
        releases
            .contains(|letter: char| letter.is_ascii_digit())
            .then(|| Self {
                framework,
                package: package.to_owned(),
                releases,
            })
    }
}

impl Package {
    /// The package whose metadata stands in a folder above `library`, and that lists it, or is called
    /// as the folder that holds it.
    ///
    /// Source: PyPA specifications, "Recording installed projects".
    pub(crate) fn of(library: &Path) -> Option<Self> {
        let library = std::path::absolute(library).ok()?;
        library
            .ancestors()
            .skip(1)
            .take(MOST_FOLDERS)
            .find_map(|folder| Self::in_folder(folder, library.strip_prefix(folder).ok()?))
    }

    fn in_folder(folder: &Path, inside: &Path) -> Option<Self> {
        let top = inside.components().next()?.as_os_str().to_str()?;
        let mut candidates: Vec<(bool, PathBuf)> = fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let project = name.strip_suffix(".dist-info")?.split('-').next()?;
                Some((normalized(project) != normalized(top), folder.join(&name)))
            })
            .collect();
        candidates.sort();
        candidates.into_iter().find_map(|(is_other, metadata)| {
            let lists = || {
                let record = read_text(&metadata.join("RECORD"))?;
                let inside = inside.to_str()?;
                let is_it = |line: &str| {
                    line.strip_prefix(inside)
                        .is_some_and(|rest| rest.starts_with(','))
                };
                record.lines().any(is_it).then_some(())
            };
            if is_other {
                lists()?;
            }
            Self::read(&read_text(&metadata.join("METADATA"))?)
        })
    }

    /// Reads a `METADATA` file.
    fn read(text: &str) -> Option<Self> {
        // The description follows after an empty line.
        let header = || text.lines().take_while(|line| !line.is_empty());
        let value = |field: &str| {
            header().find_map(|line| Some(line.strip_prefix(field)?.trim().to_owned()))
        };
        let mut requires: Vec<Requirement> = header()
            .filter_map(|line| Requirement::read(line.strip_prefix("Requires-Dist:")?))
            .collect();
        requires.dedup_by(|one, other| {
            (one.framework, &one.releases) == (other.framework, &other.releases)
        });
        Some(Self {
            name: value("Name:")?,
            version: value("Version:")?,
            requires,
        })
    }

    /// What to do where the library does not fit `runtime`, if the package says that it is not meant
    /// to.
    pub(crate) fn advice(&self, runtime: RuntimeName) -> Option<String> {
        let own = self
            .requires
            .iter()
            .filter(|requirement| requirement.framework == runtime.framework);
        let refused: Vec<&Requirement> = own.collect();
        if refused
            .iter()
            .any(|requirement| requirement.allows(runtime) != Some(false))
        {
            return None;
        }
        let first = refused.first()?;
        Some(format!(
            "its package, {self}, requires {first}: give it a runtime of such a release, or take the \
             release of {} that was made for {runtime}",
            self.name
        ))
    }
}

/// The framework that a package is.
fn framework_of(package: &str) -> Option<Framework> {
    match normalized(package).as_str() {
        "torch" => Some(Framework::PyTorch),
        "tensorflow" | "tensorflow-cpu" | "tensorflow-gpu" => Some(Framework::TensorFlow),
        "onnxruntime" | "onnxruntime-gpu" => Some(Framework::OnnxRuntime),
        "tensorrt" | "tensorrt-cu12" | "tensorrt-cu13" => Some(Framework::TensorRt),
        _ => None,
    }
}

/// Source: PyPA specifications, "Names and normalization".
fn normalized(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

fn read_text(path: &Path) -> Option<String> {
    let size = fs::metadata(path).ok().filter(fs::Metadata::is_file)?.len();
    if size > MOST_BYTES {
        return None;
    }
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const METADATA: &str = "Metadata-Version: 2.1\nName: vendor-ops\nVersion: 1.2\n\
                            Requires-Dist: numpy (>=1.0)\nRequires-Dist: torch (==2.11.0)\n\
                            Requires-Dist: torch ; extra == 'dev'\n\
                            Requires-Dist: tensorflow[and-cuda]<2.21,>=2.20.0 ; python_version > '3'\n\
                            \nRequires-Dist: torch==9.9\n";

    fn runtime(name: &str) -> RuntimeName {
        name.parse().unwrap()
    }

    #[test]
    fn metadata_tells_which_releases_are_required() {
        let package = Package::read(METADATA).unwrap();
        assert_eq!(package.to_string(), "vendor-ops 1.2");
        let requires: Vec<String> = package.requires.iter().map(ToString::to_string).collect();
        assert_eq!(requires, ["torch ==2.11.0", "tensorflow <2.21,>=2.20.0"]);
    }

    #[test]
    fn only_a_release_that_is_not_allowed_gets_an_advice() {
        let package = Package::read(METADATA).unwrap();
        assert_eq!(package.advice(runtime("pytorch-2.11.0")), None);
        assert_eq!(package.advice(runtime("onnxruntime-1.32.0")), None);
        let advice = package.advice(runtime("tensorflow-2.21.0")).unwrap();
        assert!(advice.contains("tensorflow <2.21,>=2.20.0"), "{advice}");
        assert!(advice.contains("vendor-ops"), "{advice}");
    }

    #[test]
    fn a_package_is_found_by_its_list_or_by_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("vendor_ops/lib/x.so");
        let other = folder.path().join("elsewhere/x.so");
        for file in [&library, &other] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        assert_eq!(Package::of(&library), None);
        let metadata = folder.path().join("vendor_ops-1.2.dist-info");
        fs::create_dir(&metadata).unwrap();
        fs::write(metadata.join("METADATA"), METADATA).unwrap();
        assert_eq!(Package::of(&library).unwrap().version, "1.2");
        assert_eq!(Package::of(&other), None);
        fs::write(metadata.join("RECORD"), "elsewhere/x.so,sha256=x,0\n").unwrap();
        assert_eq!(Package::of(&other).unwrap().name, "vendor-ops");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(Name: |Version: |Requires-Dist: |torch|[(]|>=2.1|\n|\\PC)*") {
            if let Some(package) = Package::read(&text) {
                package.advice(runtime("pytorch-2.11.0"));
            }
        }
    }
}
