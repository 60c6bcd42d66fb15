//! The README lists the flags that the server has.

use std::collections::BTreeSet;
use std::process::Command;

/// Long flags at the beginning of lines, after `prefix`.
fn flags(text: &str, prefix: &str) -> BTreeSet<String> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix(prefix))
        .map(|rest| {
            rest.chars()
                .take_while(|letter| letter.is_ascii_lowercase() || *letter == '-')
                .collect()
        })
        .collect()
}

#[test]
fn the_readme_lists_every_flag() {
    let help = Command::new(env!("CARGO_BIN_EXE_reference-server"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let mut offered = flags(&help, "--");
    for automatic in ["help", "version"] {
        offered.remove(automatic);
    }
    assert!(offered.contains("model-repository"), "{help}");
    assert_eq!(flags(include_str!("../README.md"), "| `--"), offered);
}
