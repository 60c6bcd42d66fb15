//! The GNU C library of the machine, told from its file: a program that is linked statically has one
//! of its own and cannot ask.

use std::fmt;
use std::fs;
use std::path::Path;

/// Where distributions for x86-64 keep it.
const PLACES: [&str; 6] = [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/lib64/libc.so.6",
    "/usr/lib64/libc.so.6",
    "/lib/libc.so.6",
    "/usr/lib/libc.so.6",
];

/// What the library says of itself when it is run: `GNU C Library (…) stable release version 2.36.`
const BANNER: &[u8] = b"GNU C Library";
const VERSION: &[u8] = b"release version ";

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CLibraryVersion {
    /// 2 since 1997.
    pub major: u32,
    /// The number behind the point.
    pub minor: u32,
}

impl CLibraryVersion {
    /// The version of the one that is installed here; `None` where there is none in the usual places.
    #[must_use]
    pub fn installed() -> Option<Self> {
        let mut places = PLACES.iter();
        places.find_map(|place| Self::of_file(Path::new(place)))
    }

    fn of_file(path: &Path) -> Option<Self> {
        let bytes = fs::read(path).ok()?;
        let banner = after(&bytes, BANNER)?;
        let version = after(&banner[..banner.len().min(200)], VERSION)?;
        let length = version
            .iter()
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'.');
        let text = std::str::from_utf8(&version[..length.count()]).ok()?;
        Self::parse(text.trim_end_matches('.'))
    }

    /// Reads `2.36`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        let minor = minor.split('.').next()?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }
}

/// What stands behind `pattern` in `bytes`.
fn after<'a>(bytes: &'a [u8], pattern: &[u8]) -> Option<&'a [u8]> {
    let mut windows = bytes.windows(pattern.len());
    let at = windows.position(|window| window == pattern)?;
    Some(&bytes[at + pattern.len()..])
}

impl fmt::Display for CLibraryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installed_one_is_found() {
        let version = CLibraryVersion::installed().expect("tests run where it is installed");
        assert!(
            version
                >= CLibraryVersion {
                    major: 2,
                    minor: 17
                }
        );
        assert_eq!(CLibraryVersion::parse(&version.to_string()), Some(version));
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let version = |text| CLibraryVersion::parse(text).unwrap();
        assert!(version("2.4") < version("2.36"));
        assert_eq!(version("2.2.5"), version("2.2"));
        assert_eq!(CLibraryVersion::parse("PRIVATE"), None);
    }
}
