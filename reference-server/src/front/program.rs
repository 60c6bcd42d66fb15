//! The file of this program.

use std::path::PathBuf;

/// What the kernel executes for a process that asks for its own program.
const OWN: &str = "/proc/self/exe";

/// What to execute for another process of this program. Where the file was replaced or removed
/// since the start, the kernel still has the one that runs.
pub fn own_program() -> PathBuf {
    // The kernel marks the name of a file that is gone.
    std::env::current_exe()
        .ok()
        .filter(|path| path.exists())
        .unwrap_or_else(|| OWN.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_there_is_named_by_its_path() {
        assert_eq!(own_program(), std::env::current_exe().unwrap());
        assert!(PathBuf::from(OWN).exists());
    }
}
