//! Is there room for its thread-local variables?

use crate::elf::Image;
use crate::machine::tunable;
use crate::{Finding, FindingId, Severity};

/// Bytes that loading several libraries of that size uses up.
const LARGE: u64 = 1 << 10;

/// More bytes than any version of the GNU C library keeps free for libraries that a running program
/// opens: 1664, and what alignment leaves over.
const IMPOSSIBLE: u64 = 1 << 11;

/// The tunable that makes more room, from version 2.32 on.
const TUNABLE: &str = "glibc.rtld.optional_static_tls";

/// An object's thread-local variables have to lie in the little room that each thread has for those
/// of libraries that came later. `who` is the object as the subject of a sentence.
/// A library that is mapped with its program, as a preloaded one is, always gets its room.
pub(crate) fn check(who: &str, image: &Image) -> Option<Finding> {
    let size = image.static_tls_size;
    (size > LARGE).then(|| Finding {
        severity: Severity::Warning,
        id: FindingId::StaticTls,
        message: format!(
            "{who} has {size} bytes of thread-local variables in the static block, which has \
             little room for libraries that are opened later: where others have used it up, \
             loading fails with 'cannot allocate memory in static TLS block'"
        ),
        remedy: remedy(size),
    })
}

/// An object that a running program opens has more of such variables than there is room for.
pub(crate) fn check_opened(who: &str, image: &Image) -> Option<Finding> {
    let size = image.static_tls_size;
    if size <= IMPOSSIBLE || tunable(TUNABLE).is_some() {
        return check(who, image);
    }
    Some(Finding {
        severity: Severity::Error,
        id: FindingId::StaticTls,
        message: format!(
            "{who} has {size} bytes of thread-local variables in the static block, which has room \
             for less than {IMPOSSIBLE} where a running program opens a library: 'cannot allocate \
             memory in static TLS block'"
        ),
        remedy: remedy(size),
    })
}

fn remedy(size: u64) -> String {
    format!(
        "build it without -ftls-model=initial-exec, or start the server with \
         GLIBC_TUNABLES={TUNABLE}={} or with the library preloaded",
        size.next_multiple_of(1024) + 1024
    )
}
