//! The release of PyTorch whose headers a library was compiled with.
//!
//! The assertions in PyTorch's headers put the place where they stand into the compiled code:
//! `…/include/ATen/core/ivalue.h":542, please report a bug to PyTorch`. Headers change from release
//! to release, and with them the lines.
//!
//! Source: `TORCH_INTERNAL_ASSERT` of `c10/util/Exception.h`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use memchr::memmem;
use runtimes::RuntimeName;
use serde::{Deserialize, Serialize};

use crate::elf::{Bytes, Image};

/// Major and minor version of a release of PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PyTorchRelease {
    /// Major version.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
}

/// A text that is no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no release of PyTorch: expected major and minor version, such as 2.11")]
pub struct ParseReleaseError(String);

impl PyTorchRelease {
    /// The release of that number.
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// Whether the runtime is of this release.
    pub fn is_of(self, runtime: RuntimeName) -> bool {
        let version = runtime.version;
        (version.major(), version.minor()) == (self.major, self.minor)
    }
}

impl FromStr for PyTorchRelease {
    type Err = ParseReleaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text
            .split_once('.')
            .and_then(|(major, minor)| Some(Self::new(major.parse().ok()?, minor.parse().ok()?)));
        numbers.ok_or_else(|| ParseReleaseError(text.to_owned()))
    }
}

impl TryFrom<String> for PyTorchRelease {
    type Error = ParseReleaseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PyTorchRelease> for String {
    fn from(release: PyTorchRelease) -> Self {
        release.to_string()
    }
}

impl fmt::Display for PyTorchRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A place in a header: its path below the header folder, and the line.
pub(crate) type HeaderLine = (String, u32);

/// Bytes that are searched at a time.
const BLOCK: u64 = 1 << 22;
/// Longest place with its folder, in bytes; blocks overlap by that.
const LONGEST_PLACE: u64 = 512;
/// What stands between header and line.
const MARK: &[u8] = b".h\":";
/// More places than any library has.
const MOST_PLACES: usize = 10_000;

/// The places of PyTorch's headers that stand in what the loader maps of the file.
pub(crate) fn header_lines(bytes: &dyn Bytes, image: &Image) -> BTreeSet<HeaderLine> {
    let finder = memmem::Finder::new(MARK);
    let mut found = BTreeSet::new();
    for &(offset, size) in &image.mapped {
        let end = offset.saturating_add(size).min(bytes.len());
        let mut at = offset;
        while at < end {
            let length = (BLOCK + LONGEST_PLACE).min(end - at);
            let Some(block) = bytes.read(at, length) else {
                break;
            };
            for mark in finder.find_iter(&block) {
                found.extend(place_at(&block, mark));
                if found.len() >= MOST_PLACES {
                    return found;
                }
            }
            at += BLOCK;
        }
    }
    found
}

/// The place around the mark at `at`.
fn place_at(block: &[u8], at: usize) -> Option<HeaderLine> {
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"_./-+ ".contains(byte);
    let before = &block[..at];
    let start = before
        .iter()
        .rposition(|byte| !is_path(byte))
        .map_or(0, |position| position + 1);
    let path = std::str::from_utf8(&before[start..]).ok()?;
    let header = ["ATen/", "c10/", "torch/"]
        .iter()
        .filter_map(|root| path.rfind(&format!("include/{root}")))
        .max()
        .map(|position| &path[position + "include/".len()..])?;
    let digits = &block[at + MARK.len()..];
    let length = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let line = std::str::from_utf8(&digits[..length]).ok()?.parse().ok()?;
    Some((format!("{header}.h"), line))
}

/// Places and the releases that have them.
static KNOWN: LazyLock<HashMap<HeaderLine, Vec<PyTorchRelease>>> = LazyLock::new(|| {
    include_str!("pytorch_header_lines.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(known)
        .collect()
});

fn known(row: &str) -> Option<(HeaderLine, Vec<PyTorchRelease>)> {
    let mut columns = row.split('\t');
    let place = (columns.next()?.to_owned(), columns.next()?.parse().ok()?);
    let releases = columns.next()?.split(',').map(str::parse);
    Some((place, releases.collect::<Result<_, _>>().ok()?))
}

/// The releases that explain most of these places, in ascending order: one, or several whose headers
/// are alike there. None where no place is known.
pub(crate) fn releases_of(places: &BTreeSet<HeaderLine>) -> Vec<PyTorchRelease> {
    let mut counts: HashMap<PyTorchRelease, usize> = HashMap::new();
    for release in places.iter().filter_map(|place| KNOWN.get(place)).flatten() {
        *counts.entry(*release).or_default() += 1;
    }
    let most = counts.values().copied().max();
    let mut releases: Vec<PyTorchRelease> = counts
        .into_iter()
        .filter_map(|(release, count)| (Some(count) == most).then_some(release))
        .collect();
    releases.sort_unstable();
    releases
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines_of(content: &[u8]) -> BTreeSet<HeaderLine> {
        let image = Image {
            mapped: vec![(0, content.len() as u64)],
            ..Image::default()
        };
        header_lines(&content.to_vec(), &image)
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = include_str!("pytorch_header_lines.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        assert_eq!(rows.count(), KNOWN.len());
        assert!(KNOWN.values().all(|releases| !releases.is_empty()));
    }

    #[test]
    fn a_place_is_found_behind_any_folder() {
        let text = b"\0 INTERNAL ASSERT FAILED at \"/root/site-packages/torch/include/ATen/core/\
                     ivalue.h\":542, please report\0x.h\":7\0include/other/y.h\":9\0";
        let found = lines_of(text);
        let place = ("ATen/core/ivalue.h".to_owned(), 542);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [place]);
    }

    #[test]
    fn the_release_with_most_of_the_places_is_told() {
        let places = |lines: &[u32]| -> BTreeSet<HeaderLine> {
            let header = "ATen/core/ivalue.h".to_owned();
            lines.iter().map(|line| (header.clone(), *line)).collect()
        };
        assert_eq!(
            releases_of(&places(&[542, 654, 701, 966])),
            [PyTorchRelease::new(2, 9)]
        );
        assert_eq!(
            releases_of(&places(&[540, 652, 933])),
            [PyTorchRelease::new(2, 7), PyTorchRelease::new(2, 8)]
        );
        assert_eq!(releases_of(&places(&[1])), []);
        assert_eq!(releases_of(&BTreeSet::new()), []);
    }

    #[test]
    fn releases_are_ordered_by_number() {
        let release = |text: &str| text.parse::<PyTorchRelease>().unwrap();
        assert!(release("2.9") < release("2.10"));
        assert!("2".parse::<PyTorchRelease>().is_err());
        assert!("2.x".parse::<PyTorchRelease>().is_err());
    }

    proptest! {
        #[test]
        fn a_place_is_found_across_blocks(before in BLOCK as usize - 80..BLOCK as usize + 4) {
            let mut content = vec![b'\0'; before];
            content.extend_from_slice(b"include/c10/util/typeid.h\":468, please");
            let place = ("c10/util/typeid.h".to_owned(), 468);
            prop_assert_eq!(lines_of(&content).into_iter().collect::<Vec<_>>(), [place]);
        }

        #[test]
        fn any_content_is_searched(content in prop::collection::vec(any::<u8>(), 0..400), text in "(include/ATen/)?[a-z/]{0,9}.h\":[0-9]{0,12}") {
            let mut content = content;
            content.extend_from_slice(text.as_bytes());
            let _ = lines_of(&content);
        }
    }
}
