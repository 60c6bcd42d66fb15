//! The catalogue: which runtimes can be installed.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{Framework, Pattern, RuntimeName, Size, Tool, Version, WheelName};

/// Unpacked libraries are about this many times as large as the wheel that holds them.
pub(crate) const UNPACKED_RATIO: u64 = 3;

/// The runtimes that can be installed. The first of a framework is its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    #[serde(rename = "runtime", default)]
    entries: Vec<CatalogEntry>,
    #[serde(rename = "tool", default)]
    tools: Vec<Tool>,
}

/// One runtime that can be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    /// Framework.
    pub framework: Framework,
    /// Version.
    pub version: Version,
    /// The library that a worker opens: one of the used files.
    pub main: PathBuf,
    /// The tag of the Python that extension modules among the used files were built for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// It is of use with a GPU only: it is installed where it is named, and no suite goes through it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gpu: bool,
    /// Bytes that it takes once installed; not known where 0.
    #[serde(default, skip_serializing_if = "Disk::is_unknown")]
    pub disk: Disk,
    /// Links that are made beside the used files.
    #[serde(rename = "link", default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// The packages that hold the runtime; at least one.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
}

/// Bytes that an installed runtime takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// In the small size.
    pub small: u64,
    /// In the full size, where there is one.
    #[serde(default)]
    pub full: u64,
}

impl Disk {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// A second name of a library, which somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Where the link is: a relative path.
    pub path: PathBuf,
    /// The name of a file in the same folder.
    pub target: String,
}

/// One pinned wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Name under which pip finds it.
    pub name: String,
    /// Version under which pip finds it; may differ from the framework's.
    pub version: String,
    /// File name, a [`WheelName`].
    pub file: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The members of the wheel that are unpacked in every size. A package that has nothing else
    /// than [`full`](Self::full) belongs to the full size alone, and likewise for the small one.
    #[serde(rename = "use", default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Pattern>,
    /// The members that the small size has besides: in the full one another package has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub small: Vec<Pattern>,
    /// The members that the full size has besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub full: Vec<Pattern>,
}

impl Package {
    /// Checks every rule that installing relies on: something of it is used, the file is a wheel of
    /// its version, the hash is one.
    ///
    /// # Errors
    /// The rule that is broken, in words that complete "the entry …".
    pub fn check(&self) -> Result<(), String> {
        let mut sizes = [Size::Small, Size::Full].into_iter();
        if sizes.all(|size| self.used(size).next().is_none()) {
            return Err(format!("uses nothing of '{}'", self.file));
        }
        let wheel: WheelName = self.file.parse().map_err(|error| format!("{error}"))?;
        if wheel.version != self.version {
            return Err(format!(
                "package version {} differs from the one in '{}'",
                self.version, self.file
            ));
        }
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(digit) {
            return Err(format!(
                "'{}' is not a SHA-256 of 64 lower-case hexadecimal digits",
                self.sha256
            ));
        }
        Ok(())
    }

    /// The patterns of the members that `size` takes out of it.
    pub(crate) fn used(&self, size: Size) -> impl Iterator<Item = &Pattern> {
        let besides = match size {
            Size::Small => &self.small,
            Size::Full => &self.full,
        };
        self.files.iter().chain(besides)
    }
}

impl Catalog {
    /// The catalogue that this build carries.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
            Catalog::parse(include_str!("../catalog.toml"))
                .expect("the built-in catalogue is valid")
        });
        &BUILTIN
    }

    /// Reads a catalogue and checks every rule that [`install()`](crate::install()) relies on.
    ///
    /// # Errors
    /// The text is not TOML of the right shape, or an entry breaks a rule.
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let catalog: Self = toml::from_str(text).map_err(Box::new)?;
        let mut names = BTreeSet::new();
        for entry in &catalog.entries {
            entry.check()?;
            if !names.insert(entry.name()) {
                return Err(entry.invalid("is listed twice"));
            }
        }
        for tool in &catalog.tools {
            tool.check().map_err(|reason| CatalogError::Invalid {
                name: tool.folder_name(),
                reason,
            })?;
        }
        Ok(catalog)
    }

    /// The programs that can be installed beside runtimes.
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The tool of that name.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.name == name)
    }

    /// All entries, in the catalogue's order.
    pub fn entries(&self) -> &[CatalogEntry] {
        &self.entries
    }

    /// The entries of one framework that are of use on every machine, the default first.
    pub fn of(&self, framework: Framework) -> impl Iterator<Item = &CatalogEntry> {
        self.entries
            .iter()
            .filter(move |entry| entry.framework == framework && !entry.gpu)
    }

    /// The entry of one framework that is for machines with a GPU: one that is of use there only, or
    /// else the default in its full size, where that is another one.
    pub fn for_gpus(&self, framework: Framework) -> Option<&CatalogEntry> {
        let mut entries = self.entries.iter();
        entries
            .find(|entry| entry.framework == framework && entry.gpu)
            .or_else(|| self.default_of(framework))
            .filter(|entry| entry.largest_size() == Size::Full)
    }

    /// The runtime that is installed where none was asked for.
    pub fn default_of(&self, framework: Framework) -> Option<&CatalogEntry> {
        self.of(framework).next()
    }

    /// The entry of that name.
    pub fn get(&self, name: &RuntimeName) -> Option<&CatalogEntry> {
        self.entries.iter().find(|entry| entry.name() == *name)
    }
}

impl CatalogEntry {
    /// Framework and version.
    pub const fn name(&self) -> RuntimeName {
        RuntimeName::new(self.framework, self.version)
    }

    /// The largest size that it comes in: the small one is all there is of some frameworks.
    pub fn largest_size(&self) -> Size {
        if self.packages.iter().any(|package| !package.full.is_empty()) {
            Size::Full
        } else {
            Size::Small
        }
    }

    /// The packages that `size` takes something from.
    pub fn packages(&self, size: Size) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(move |package| package.used(size).next().is_some())
    }

    /// The smallest size that brings a library of that file name.
    pub fn size_with(&self, file_name: &str) -> Option<Size> {
        [Size::Small, Size::Full].into_iter().find(|size| {
            self.packages
                .iter()
                .flat_map(|package| package.used(*size))
                .any(|pattern| pattern.names_file(file_name))
        })
    }

    /// Bytes that an installation in `size` downloads.
    pub fn download_size(&self, size: Size) -> u64 {
        self.packages(size)
            .fold(0, |sum, package| sum.saturating_add(package.size))
    }

    /// Bytes that it takes on disk in `size`, estimated where the catalogue does not say.
    pub fn disk_size(&self, size: Size) -> u64 {
        let stated = match size.min(self.largest_size()) {
            Size::Small => self.disk.small,
            Size::Full => self.disk.full,
        };
        if stated > 0 {
            return stated;
        }
        self.download_size(size).saturating_mul(UNPACKED_RATIO)
    }

    fn check(&self) -> Result<(), CatalogError> {
        let sizes = [Size::Small, Size::Full];
        let mut sizes = sizes
            .into_iter()
            .filter(|size| *size <= self.largest_size());
        if !sizes.all(|size| is_used(&self.main, &self.packages, size)) {
            return Err(self.invalid("`main` is not among the files that its packages use"));
        }
        for link in &self.links {
            let target = Path::new(&link.target);
            if !is_inside(&link.path) || !is_inside(target) || target.components().count() != 1 {
                return Err(self.invalid(format!(
                    "links '{}' to '{}', which is not a plain relative path to a name",
                    link.path.display(),
                    link.target
                )));
            }
        }
        self.packages
            .iter()
            .try_for_each(|package| package.check().map_err(|reason| self.invalid(reason)))
    }

    fn invalid(&self, reason: impl Into<String>) -> CatalogError {
        CatalogError::Invalid {
            name: self.name().to_string(),
            reason: reason.into(),
        }
    }
}

/// Whether a path stays in the folder that it is relative to.
fn is_inside(path: &Path) -> bool {
    path.components().count() > 0
        && path
            .components()
            .all(|component| matches!(component, Component::Normal(_)))
}

/// Whether `path` is among the files that `size` takes out of `packages`.
pub(crate) fn is_used(path: &Path, packages: &[Package], size: Size) -> bool {
    let name = path.to_str().unwrap_or_default();
    let mut used = packages.iter().flat_map(|package| package.used(size));
    is_inside(path) && used.any(|pattern| pattern.fit(name).is_some())
}

/// Why a text is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Not TOML, or not of the right shape.
    #[error("failed to read the runtime catalogue: {0}")]
    Syntax(#[from] Box<toml::de::Error>),
    /// An entry breaks a rule.
    #[error("failed to use the runtime catalogue: {name} {reason}")]
    Invalid {
        /// The entry.
        name: String,
        /// The rule, completing "the entry …".
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_builtin_catalogue_lists_onnx_runtime_newest_first() {
        let names: Vec<_> = Catalog::builtin()
            .of(Framework::OnnxRuntime)
            .map(|entry| entry.name().to_string())
            .collect();
        assert_eq!(
            names,
            [
                "onnxruntime-1.32.0",
                "onnxruntime-1.27.0",
                "onnxruntime-1.20.1"
            ]
        );
    }

    #[test]
    fn rules_are_enforced() {
        let valid = include_str!("../catalog.toml");
        for (from, to, reason) in [
            (
                "version = \"1.27.0\"\nmain",
                "version = \"1.32.0\"\nmain",
                "is listed twice",
            ),
            ("48b878", "48B878", "64 lower-case hexadecimal digits"),
            (
                "use = [\"onnxruntime/capi/libonnxruntime.so.1.20.1\"]",
                "use = [\"onnxruntime/capi/libonnxruntime.so.1.20.1\", \"../escape\"]",
                "plain relative path",
            ),
            (
                "use = [\"onnxruntime/capi/libonnxruntime.so.1.20.1\"]",
                "use = [\"onnxruntime/capi/libonnxruntime.so\"]",
                "`main`",
            ),
            (
                "1.32.0-cp314-cp314",
                "1.32.0-cp314",
                "not the file name of a wheel",
            ),
            ("size = 13331620", "length = 13331620", "unknown field"),
            (
                "program = \"nvidia/cu13/bin/nvcc\"",
                "program = \"nvidia/cu13/bin/nvdisasm\"",
                "cuda-compiler-13.0.88 `program`",
            ),
        ] {
            let broken = valid.replacen(from, to, 1);
            assert_ne!(broken, valid, "{from}");
            let message = Catalog::parse(&broken).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn the_first_of_each_framework_is_the_one_that_is_promised() {
        let defaults = Framework::ALL.map(|framework| {
            let entry = Catalog::builtin().default_of(framework).expect("one each");
            entry.name().to_string()
        });
        assert_eq!(
            defaults,
            [
                "onnxruntime-1.32.0",
                "pytorch-2.11.0",
                "tensorflow-2.21.0",
                "tensorrt-8.6.0"
            ]
        );
    }

    #[test]
    fn the_full_size_is_the_larger_one() {
        for entry in Catalog::builtin().entries() {
            let (small, full) = (Size::Small, Size::Full);
            match entry.largest_size() {
                Size::Small => assert_eq!(entry.download_size(small), entry.download_size(full)),
                Size::Full => {
                    assert!(entry.download_size(small) < entry.download_size(full));
                    assert!(entry.disk_size(small) < entry.disk_size(full));
                }
            }
        }
    }

    #[test]
    fn the_size_that_brings_a_library_is_known() {
        let size_with = |runtime: &str, library: &str| {
            let name = runtime.parse().expect("a name");
            let entry = Catalog::builtin().get(&name).expect("listed");
            entry.size_with(library)
        };
        assert_eq!(size_with("pytorch-2.11.0", "libc10.so"), Some(Size::Small));
        for library in ["libtorch_cuda.so", "libcublasLt.so.13", "libnccl.so.2"] {
            assert_eq!(size_with("pytorch-2.11.0", library), Some(Size::Full));
        }
        assert_eq!(size_with("pytorch-2.11.0", "libcublas.so.12"), None);
        assert_eq!(
            size_with("pytorch-2.9.1", "libcublas.so.12"),
            Some(Size::Full)
        );
        assert_eq!(
            size_with("tensorrt-8.6.0", "libcudnn.so.8"),
            Some(Size::Full)
        );
    }

    #[test]
    fn what_is_for_gpus_is_known_and_in_nobodys_way() {
        let catalog = Catalog::builtin();
        let names = Framework::ALL.map(|framework| {
            let entry = catalog.for_gpus(framework).expect("one each");
            assert_eq!(entry.gpu, catalog.of(framework).all(|other| other != entry));
            entry.name().to_string()
        });
        assert_eq!(
            names,
            [
                "onnxruntime-1.31.1",
                "pytorch-2.11.0",
                "tensorflow-2.21.0",
                "tensorrt-8.6.0"
            ]
        );
    }

    #[test]
    fn a_size_may_have_a_file_from_another_package() {
        let name = "tensorflow-2.21.0".parse().expect("a name");
        let entry = Catalog::builtin().get(&name).expect("listed");
        let with_main = |size| -> Vec<&str> {
            let packages = entry.packages(size).filter(|package| {
                let main = "tensorflow/libtensorflow_cc.so.2";
                package
                    .used(size)
                    .any(|pattern| pattern.fit(main).is_some())
            });
            packages.map(|package| package.name.as_str()).collect()
        };
        assert_eq!(with_main(Size::Small), ["tensorflow-cpu"]);
        assert_eq!(with_main(Size::Full), ["tensorflow"]);
        assert_eq!(entry.size_with("libcudnn.so.9"), Some(Size::Full));
        assert_eq!(
            entry.size_with("libtensorflow_framework.so.2"),
            Some(Size::Small)
        );
    }

    #[test]
    fn the_python_of_extension_modules_is_the_one_of_their_wheel() {
        for entry in Catalog::builtin().entries() {
            let Some(python) = &entry.python else {
                continue;
            };
            let wheel: WheelName = entry.packages[0].file.parse().expect("checked");
            assert!(wheel.python.contains(python), "{}", entry.name());
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read_or_refused(text in "\\PC{0,200}") {
            let _ = Catalog::parse(&text);
        }
    }
}
