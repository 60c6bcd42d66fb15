//! Does it ask for a stack whose content can be executed?

use crate::elf::Image;
use crate::machine::{CLibraryVersion, tunable};
use crate::{Finding, FindingId, Severity};

/// The first version that makes no running program's stack executable.
///
/// Source: the release notes of the GNU C library 2.41.
const REFUSES: CLibraryVersion = CLibraryVersion::new(2, 41);

const REMEDY: &str = "link it with -Wl,-z,noexecstack, and add .section .note.GNU-stack to its \
                      assembly sources, whose absence is what usually asks for it";

/// An object asks for an executable stack. `who` is the object as the subject of a sentence.
/// It may be mapped with its program, as a preloaded library is, which is granted by all versions.
pub(crate) fn check(who: &str, image: &Image) -> Option<Finding> {
    image.executable_stack.then(|| Finding {
        severity: Severity::Warning,
        id: FindingId::ExecutableStack,
        message: format!(
            "{who} makes the stacks of its process executable, which SELinux and services with \
             MemoryDenyWriteExecute= refuse"
        ),
        remedy: REMEDY.to_owned(),
    })
}

/// An object that a running program opens asks for an executable stack.
pub(crate) fn check_opened(who: &str, image: &Image) -> Option<Finding> {
    let version = CLibraryVersion::installed()?;
    let granted = tunable("glibc.rtld.execstack").is_some_and(|value| value == "2");
    if granted || version < REFUSES {
        return check(who, image);
    }
    image.executable_stack.then(|| refused(who, version))
}

fn refused(who: &str, version: CLibraryVersion) -> Finding {
    Finding {
        severity: Severity::Error,
        id: FindingId::ExecutableStack,
        message: format!(
            "{who} needs an executable stack, which the dynamic loader of this machine ({version}) \
             gives no running program"
        ),
        remedy: REMEDY.to_owned(),
    }
}
