//! A gate's outcome as Markdown, for the summary of a CI job or a comment.

use super::comparison::Comparison;
use super::judgement::Verdict;
use super::outcome::Outcome;
use super::words;

/// The outcome: what did not pass in a table, what passed folded away.
#[must_use]
pub fn gate_markdown(outcome: &Outcome) -> String {
    let mut text = format!(
        "## Performance: {}\n\n{} compared with {}\n",
        words::headline(outcome),
        plain(&outcome.candidate.text()),
        plain(&outcome.baseline.text())
    );
    if let Some(sentence) = words::aggregate(outcome) {
        text.push_str(&format!("\n**{sentence}**\n"));
    }
    let mut failed = outcome.with(Verdict::Regression);
    failed.extend(outcome.with(Verdict::Inconclusive));
    if !failed.is_empty() {
        text.push('\n');
        text.push_str(&table(&failed));
    }
    let passed = outcome.with(Verdict::Pass);
    if !passed.is_empty() {
        text.push_str(&format!(
            "\n<details><summary>{} passed</summary>\n\n{}\n</details>\n",
            passed.len(),
            table(&passed)
        ));
    }
    for remark in words::remarks(outcome) {
        text.push_str(&format!("\n> {}\n", plain(&remark)));
    }
    text
}

fn table(comparisons: &[&Comparison]) -> String {
    let mut text = "| | measurement | baseline | now | worse by | 95 % interval | noise | why |\n\
                    |---|---|---:|---:|---:|---|---:|---|\n"
        .to_owned();
    for comparison in comparisons {
        text.push_str(&format!(
            "| {} {} | {} | {} | {} | {} | {} | {} | {} |\n",
            comparison.verdict.sign(),
            comparison.verdict,
            plain(&words::name(comparison)),
            words::value(comparison, comparison.baseline),
            words::value(comparison, comparison.candidate),
            words::percent(comparison.worse),
            words::interval(comparison.interval),
            words::unsigned(comparison.noise),
            comparison.reason.text()
        ));
    }
    text
}

/// A text in which nothing is read as Markdown or HTML, on one line.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => plain.push(' '),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => {
                plain.push('\\');
                plain.push(c);
            }
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text() {
        assert_eq!(plain("a|b\n*c* <d>"), "a\\|b \\*c\\* &lt;d&gt;");
    }
}
