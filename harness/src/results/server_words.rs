//! What a server said of a model, without what belongs to its protocol. The record keeps every word.

use std::sync::LazyLock;

use regex::Regex;

/// Which model could not be loaded: whoever reads it knows that.
static MODEL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^load failed for model '[^']*': ").expect("it is well formed"));
/// Where one of its versions is and which kind of error that is.
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^version (\d+) is at UNAVAILABLE state: (?:Internal|Invalid argument): ")
        .expect("it is well formed")
});

/// `message` as a user of `harness check` reads it: without the frame of the server's protocol, and
/// with the option of this command where the server names the same one of its own.
#[must_use]
pub fn plain(message: &str) -> String {
    let message = MODEL.replace(message.trim(), "");
    let several = VERSION.find_iter(&message).count() > 1;
    let frame = if several { "version $1: " } else { "" };
    let message = VERSION.replace_all(&message, frame);
    let lines = message.lines().map(|line| {
        let line = line.trim_end();
        line.strip_suffix(';').unwrap_or(line)
    });
    let message = lines.collect::<Vec<_>>().join("\n");
    message.replace(
        "start the server with --op-library-root",
        "start the server, and this check, with --op-library-root",
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_reason_is_left() {
        for (message, expected) in [
            (
                "load failed for model 'm': version 1 is at UNAVAILABLE state: Internal: no file;\n",
                "no file",
            ),
            (
                "load failed for model 'm': version 1 is at UNAVAILABLE state: Internal: no op;\n\
                 version 12 is at UNAVAILABLE state: Invalid argument: no file;\n\nlibops.so has it",
                "version 1: no op\nversion 12: no file\n\nlibops.so has it",
            ),
            ("the worker crashed", "the worker crashed"),
            (
                "move it, or start the server with --op-library-root /ops;",
                "move it, or start the server, and this check, with --op-library-root /ops",
            ),
        ] {
            assert_eq!(plain(message), expected);
        }
    }

    proptest! {
        #[test]
        fn any_reason_survives(reason in "[a-z '$:]{0,40}[a-z]") {
            let frame = "load failed for model 'm': version 1 is at UNAVAILABLE state: Internal: ";
            prop_assert_eq!(plain(&format!("{frame}{reason};\n")), reason);
        }
    }
}
