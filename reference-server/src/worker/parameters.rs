//! The `parameters` of a model configuration, which are texts by key.

use std::collections::BTreeMap;

use super::backend::LoadError;

/// The number of threads under `key`; 0, which is also what an absent one means, is the default.
///
/// # Errors
/// The text is no such number.
pub fn thread_count(parameters: &BTreeMap<String, String>, key: &str) -> Result<i32, LoadError> {
    let Some(text) = parameters.get(key) else {
        return Ok(0);
    };
    let count = text.trim().parse().ok().filter(|count: &i32| *count >= 0);
    count.ok_or_else(|| {
        refused(
            key,
            text,
            "it must be a number of threads, or 0 for the default",
        )
    })
}

/// The switch under `key`; an absent one is `default`.
///
/// # Errors
/// The text neither turns it on nor off.
pub fn switch(
    parameters: &BTreeMap<String, String>,
    key: &str,
    default: bool,
) -> Result<bool, LoadError> {
    let Some(text) = parameters.get(key) else {
        return Ok(default);
    };
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Ok(true),
        "0" | "no" | "false" | "off" => Ok(false),
        _ => Err(refused(key, text, "it must be 'true' or 'false'")),
    }
}

fn refused(key: &str, text: &str, rule: &str) -> LoadError {
    LoadError::new(format!(
        "the parameter '{key}' of the model configuration is '{text}'; {rule}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_have_the_usual_words() {
        let read = |text: &str| {
            let parameters = [("KEY".to_owned(), text.to_owned())].into();
            switch(&parameters, "KEY", true)
        };
        assert!(
            ["1", "yes", " True ", "ON"]
                .map(read)
                .into_iter()
                .all(|on| on.unwrap())
        );
        assert!(
            ["0", "no", "False", "off"]
                .map(read)
                .into_iter()
                .all(|on| !on.unwrap())
        );
        let error = read("perhaps").unwrap_err().message;
        assert!(
            error.contains("'KEY'") && error.contains("'perhaps'"),
            "{error}"
        );
        assert!(switch(&BTreeMap::new(), "KEY", true).unwrap());
    }
}
