//! A gate's outcome as annotations of a GitHub workflow.

use super::judgement::Verdict;
use super::outcome::Outcome;
use super::words;

/// GitHub shows this many annotations of a kind from one step and drops the others.
const SHOWN: usize = 10;

/// A workflow command for each regression (`::error`) and each comparison without conclusion
/// (`::warning`), as many as GitHub shows, the worst first, and one for the whole. The form is the one of
/// GitHub's documentation of workflow commands.
#[must_use]
pub fn annotations(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (verdict, command) in [
        (Verdict::Regression, "error"),
        (Verdict::Inconclusive, "warning"),
    ] {
        let found = outcome.with(verdict);
        // The last place is kept for the number of those that are left out.
        let shown = if found.len() > SHOWN {
            SHOWN - 1
        } else {
            found.len()
        };
        for comparison in &found[..shown] {
            let title = format!("{verdict} of {}", words::name(comparison));
            text.push_str(&annotation(command, &title, &words::sentence(comparison)));
        }
        if shown < found.len() {
            let more = format!("{} more; the job summary has all", found.len() - shown);
            text.push_str(&annotation(command, &verdict.to_string(), &more));
        }
    }
    let mut sentences = vec![words::headline(outcome)];
    sentences.extend(words::aggregate(outcome));
    sentences.extend(words::remarks(outcome));
    text.push_str(&annotation("notice", "performance", &sentences.join("\n")));
    text
}

fn annotation(command: &str, title: &str, message: &str) -> String {
    format!(
        "::{command} title={}::{}\n",
        escaped(title).replace(':', "%3A").replace(',', "%2C"),
        escaped(message)
    )
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_ends_a_command_is_escaped() {
        assert_eq!(
            annotation("error", "a: b, c", "5 %\nmore: less"),
            "::error title=a%3A b%2C c::5 %25%0Amore: less\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_stays_in_its_line(title in ".{0,20}", message: String) {
            let line = annotation("warning", &title, &message);
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert!(!line.contains('\r'));
        }
    }
}
