//! Which framework a model belongs to, as far as its folder tells a reader who does not load it.

use std::fs;
use std::path::Path;

use regex::Regex;
use runtimes::Framework;

/// The framework of the model in `folder`: by the backend or platform that its configuration names,
/// or else by the name of the file in one of its versions. `None`: neither is one of the four.
pub fn framework_of(folder: &Path) -> Option<Framework> {
    let configuration = fs::read_to_string(folder.join("config.pbtxt")).unwrap_or_default();
    match field(&configuration, "backend").or_else(|| field(&configuration, "platform")) {
        Some(name) => framework_named(&name),
        None => by_file(folder),
    }
}

/// The value of a field of the configuration's outermost level, or what looks like one.
fn field(configuration: &str, name: &str) -> Option<String> {
    let pattern = format!(r#"(?m)^[^#\n]*\b{name}\s*:\s*["']([^"']+)["']"#);
    let pattern = Regex::new(&pattern).expect("the pattern is well formed");
    Some(pattern.captures(configuration)?[1].to_owned())
}

/// Backends are called like their frameworks, and platforms begin with that.
fn framework_named(name: &str) -> Option<Framework> {
    let mut frameworks = Framework::ALL.into_iter();
    frameworks.find(|framework| {
        let rest = name.strip_prefix(framework.name());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

fn by_file(folder: &Path) -> Option<Framework> {
    const FILES: [(&str, Framework); 5] = [
        ("model.onnx", Framework::OnnxRuntime),
        ("model.pt", Framework::PyTorch),
        ("model.savedmodel", Framework::TensorFlow),
        ("model.graphdef", Framework::TensorFlow),
        ("model.plan", Framework::TensorRt),
    ];
    let versions = fs::read_dir(folder).into_iter().flatten().flatten();
    let versions: Vec<_> = versions.map(|entry| entry.path()).collect();
    FILES
        .into_iter()
        .find(|(file, _)| versions.iter().any(|version| version.join(file).exists()))
        .map(|(_, framework)| framework)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(configuration: Option<&str>, file: &str) -> Option<Framework> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("1")).unwrap();
        fs::write(folder.path().join("1").join(file), "").unwrap();
        if let Some(configuration) = configuration {
            fs::write(folder.path().join("config.pbtxt"), configuration).unwrap();
        }
        framework_of(folder.path())
    }

    #[test]
    fn the_configuration_counts_before_the_file() {
        for (configuration, framework) in [
            ("name: \"m\"\nbackend: \"tensorrt\"", Framework::TensorRt),
            ("platform: 'tensorflow_savedmodel'", Framework::TensorFlow),
            (
                "name: \"m\" platform : \"pytorch_libtorch\"",
                Framework::PyTorch,
            ),
            (
                "# backend: \"tensorrt\"\nmax_batch_size: 4",
                Framework::OnnxRuntime,
            ),
        ] {
            assert_eq!(
                of(Some(configuration), "model.onnx"),
                Some(framework),
                "{configuration}"
            );
        }
        assert_eq!(of(None, "model.graphdef"), Some(Framework::TensorFlow));
        assert_eq!(of(Some("backend: \"python\""), "model.onnx"), None);
        assert_eq!(of(None, "weights.bin"), None);
    }

    proptest! {
        #[test]
        fn any_configuration_is_read_or_not(text in "[a-z:\"'#_ \n]{0,60}") {
            let _ = of(Some(&text), "model.py");
        }
    }
}
