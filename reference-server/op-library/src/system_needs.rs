//! What a program or library needs of the machine that it is taken to.

use std::path::Path;

use crate::loader::image_of;
use crate::machine::CLibraryVersion;

/// CUDA's runtime library, whose name ends in its major version.
const CUDA_RUNTIME: &str = "libcudart.so.";

/// What a program or library needs of the machine that it is taken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemNeeds {
    /// The oldest version of the GNU C library that will do, as major and minor number; `None` where
    /// none of its symbols has a version.
    pub c_library: Option<(u32, u32)>,
    /// The major version of CUDA that it is linked against.
    pub cuda: Option<u32>,
}

/// What the file at `path` needs; `None` where it is not a program or library of this machine's
/// architecture.
pub fn system_needs(path: &Path) -> Option<SystemNeeds> {
    let image = image_of(path)?.library()?.clone();
    let versions = image.version_needs.iter().filter(|need| !need.weak);
    let c_library = versions
        .filter_map(|need| CLibraryVersion::of_symbol(&need.version))
        .max();
    let cuda = image.needed.iter().chain(&image.soname);
    let cuda = cuda.filter_map(|name| name.strip_prefix(CUDA_RUNTIME)?.parse().ok());
    Some(SystemNeeds {
        c_library: c_library.map(|version| (version.major, version.minor)),
        cuda: cuda.max(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_no_newer_c_library_than_the_one_that_runs_it() {
        let own = std::env::current_exe().unwrap();
        let needs = system_needs(&own).expect("a program");
        let (major, minor) = needs.c_library.expect("it uses the C library");
        let needed = CLibraryVersion::new(major, minor);
        assert!(Some(needed) <= CLibraryVersion::installed(), "{needed}");
        assert_eq!(needs.cuda, None);
        assert_eq!(system_needs(Path::new(file!())), None);
    }
}
