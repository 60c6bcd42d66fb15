//! Questions to git.

use std::path::Path;
use std::process::Command;

/// What git answers in `folder`, without the last line end.
///
/// # Errors
/// What it complains of, or why it could not be started.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    // Variables that a git hook has set would name another repository.
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .map_err(|error| format!("git could not be started ({error})"))?;
    if output.status.success() {
        let answer = String::from_utf8_lossy(&output.stdout);
        Ok(answer.trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
