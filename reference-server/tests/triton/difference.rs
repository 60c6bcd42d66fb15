//! A difference between the answers of both servers that is allowed.

/// How Triton begins some errors about a request without an id.
const NO_ID: &str = "[request id: <id_unknown>] ";

/// What may differ. Patterns have `*` for anything.
pub struct Difference {
    /// Patterns of requests' names.
    pub requests: &'static [&'static str],
    /// Patterns of fields.
    pub fields: &'static [&'static str],
    /// Pattern of Triton's value; `-` for none.
    pub triton: &'static str,
    /// Pattern of this server's value, in which `{triton}` stands for Triton's.
    pub here: &'static str,
    /// Why it is not as in Triton.
    pub why: &'static str,
}

/// A difference that was found.
pub struct Found {
    /// Name of the request.
    pub request: String,
    /// Path of the field.
    pub field: String,
    /// Triton's value.
    pub triton: String,
    /// This server's value.
    pub here: String,
}

impl Difference {
    /// Whether it allows what was found.
    pub fn allows(&self, found: &Found) -> bool {
        let one_of = |patterns: &[&str], text: &str| patterns.iter().any(|it| matches(it, text));
        let words = found.triton.trim_end().trim_end_matches('.');
        // Of many errors Triton does not tell which request they are about.
        let words = words.strip_prefix(NO_ID).unwrap_or(words);
        let here = match self.here.split_once("{triton}") {
            None => matches(self.here, &found.here),
            Some(_) if words.is_empty() => false,
            Some((before, behind)) => {
                let here = found.here.split_once(words);
                here.is_some_and(|(start, end)| matches(before, start) && matches(behind, end))
            }
        };
        one_of(self.requests, &found.request)
            && one_of(self.fields, &found.field)
            && matches(self.triton, &found.triton)
            && here
    }

    /// Its line of the README's table.
    pub fn row(&self) -> String {
        let list = |patterns: &[&str]| {
            let quoted: Vec<String> = patterns.iter().map(|it| format!("`{it}`")).collect();
            quoted.join(", ").replace('|', "\\|")
        };
        format!(
            "| {} | {} | `{}` | `{}` | {} |",
            list(self.requests),
            list(self.fields),
            self.triton,
            self.here,
            self.why
        )
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn patterns_match() {
    for (pattern, text, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("a*c*e", "abcde", true),
        ("a*a", "a", false),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
