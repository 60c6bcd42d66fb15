//! Does this machine's processor have the instructions that it was built for?

use crate::elf::Image;
use crate::machine::{CLibraryVersion, Level};
use crate::{Finding, FindingId, Severity};

/// The first version whose loader compares the levels.
///
/// Source: the release notes of the GNU C library 2.33.
const COMPARES: CLibraryVersion = CLibraryVersion::new(2, 33);

/// An object says that it needs a level of x86-64 that this machine does not have. `who` is the
/// object as the subject of a sentence.
pub(crate) fn check(who: &str, image: &Image) -> Option<Finding> {
    let present = Level::present()?;
    compare(
        who,
        Level::needed(image.x86_isa_needed),
        present,
        CLibraryVersion::installed(),
    )
}

fn compare(
    who: &str,
    needed: Level,
    present: Level,
    c_library: Option<CLibraryVersion>,
) -> Option<Finding> {
    if needed <= present {
        return None;
    }
    let refuses = c_library.is_some_and(|version| version >= COMPARES);
    let (severity, consequence) = if refuses {
        (Severity::Error, "the dynamic loader refuses it")
    } else {
        (Severity::Warning, "it can end in an illegal instruction")
    };
    Some(Finding {
        severity,
        id: FindingId::InstructionSet,
        message: format!(
            "{who} is built for processors of the level {needed} ({}), and this machine's has \
             {present} ({}): {consequence}",
            needed.instructions(),
            present.instructions()
        ),
        remedy: format!("build it with -march={present}, or run it on a newer processor"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_the_processor_lacks_is_refused_by_loaders_that_compare() {
        let found = |needed, present, minor| {
            let version = CLibraryVersion::new(2, minor);
            compare("'x.so'", needed, present, Some(version)).map(|finding| finding.severity)
        };
        assert_eq!(found(Level::V3, Level::V3, 36), None);
        assert_eq!(found(Level::V1, Level::V2, 36), None);
        assert_eq!(found(Level::V4, Level::V3, 36), Some(Severity::Error));
        assert_eq!(found(Level::V4, Level::V3, 31), Some(Severity::Warning));
    }
}
