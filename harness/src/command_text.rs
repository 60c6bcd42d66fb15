//! Command lines as they can be typed again.

/// Joins arguments into a line for a POSIX shell, quoting what needs it.
#[must_use]
pub fn command_text(arguments: &[String]) -> String {
    arguments
        .iter()
        .map(|argument| quoted(argument))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_needs_quotes_gets_them() {
        let arguments = ["harness", "run", "--filter", "a|b c", "it's", ""].map(str::to_owned);
        assert_eq!(
            command_text(&arguments),
            r"harness run --filter 'a|b c' 'it'\''s' ''"
        );
    }

    proptest! {
        #[test]
        fn a_shell_reads_the_same_argument(argument in "[^\0]{0,40}") {
            let line = format!("printf %s {}", command_text(std::slice::from_ref(&argument)));
            let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), argument);
        }
    }
}
