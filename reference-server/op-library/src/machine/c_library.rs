//! The C library of this machine, whose dynamic loader maps op libraries.

use std::fmt;

use crate::loader::system_library;

/// A version of the GNU C library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CLibraryVersion {
    pub major: u32,
    pub minor: u32,
}

impl CLibraryVersion {
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The version of the one that is installed here: the newest one that its symbols carry. `None`
    /// with another C library.
    pub(crate) fn installed() -> Option<Self> {
        let image = system_library("libc.so.6")?;
        let versions = image.version_definitions.iter();
        versions.filter_map(|name| Self::of_symbol(name)).max()
    }

    /// The version in a symbol version such as `GLIBC_2.36`.
    pub(crate) fn of_symbol(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
        let mut number = || numbers.next()?.parse().ok();
        Some(Self::new(number()?, number()?))
    }
}

impl fmt::Display for CLibraryVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "glibc {}.{}", self.major, self.minor)
    }
}

/// The value of one of the C library's tunables in the environment of this process, which workers
/// inherit.
///
/// Source: the GNU C library's manual, "Tunables": `GLIBC_TUNABLES=name=value:name=value`.
pub(crate) fn tunable(name: &str) -> Option<String> {
    let all = std::env::var("GLIBC_TUNABLES").ok()?;
    value_of(name, &all).map(str::to_owned)
}

fn value_of<'a>(name: &str, tunables: &'a str) -> Option<&'a str> {
    tunables
        .split(':')
        .find_map(|tunable| tunable.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_symbol_version_is_that_of_the_library() {
        assert_eq!(
            CLibraryVersion::of_symbol("GLIBC_2.2.5"),
            Some(CLibraryVersion::new(2, 2))
        );
        assert_eq!(CLibraryVersion::of_symbol("GLIBC_PRIVATE"), None);
        assert_eq!(CLibraryVersion::of_symbol("GLIBCXX_3.4"), None);
        let installed = CLibraryVersion::installed().expect("the GNU C library");
        assert!(installed > CLibraryVersion::new(2, 17), "{installed}");
    }

    #[test]
    fn a_tunable_is_found_among_others() {
        let all = "glibc.malloc.check=3:glibc.rtld.optional_static_tls=4096";
        assert_eq!(
            value_of("glibc.rtld.optional_static_tls", all),
            Some("4096")
        );
        assert_eq!(value_of("glibc.rtld", all), None);
        assert_eq!(value_of("glibc.rtld.execstack", all), None);
    }
}
