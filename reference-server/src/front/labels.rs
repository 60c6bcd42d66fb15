//! Labels of the elements of outputs, from the files that a model's configuration names.

use std::path::Path;

use proto::inference::ModelConfig;

/// The labels of each of the `outputs`, by the index of the element; none where the configuration
/// names no file.
///
/// # Errors
/// A file cannot be read, or lies outside of the model's folder.
pub fn read<'a>(
    configuration: &ModelConfig,
    folder: &Path,
    outputs: impl Iterator<Item = &'a str>,
) -> Result<Vec<Vec<String>>, String> {
    outputs
        .map(|output| {
            let declared = configuration
                .output
                .iter()
                .find(|given| given.name == output);
            match declared.map(|declared| declared.label_filename.as_str()) {
                None | Some("") => Ok(Vec::new()),
                Some(file) => lines(folder, file).map_err(|reason| {
                    format!("failed to read the label file '{file}' of output '{output}': {reason}")
                }),
            }
        })
        .collect()
}

fn lines(folder: &Path, file: &str) -> Result<Vec<String>, String> {
    let told = |error: std::io::Error| error.to_string();
    let path = folder.join(file).canonicalize().map_err(told)?;
    if !path.starts_with(folder.canonicalize().map_err(told)?) {
        return Err("it lies outside of the model's folder; copy it there".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(told)?;
    Ok(text.lines().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use proto::inference::ModelOutput;

    use super::*;

    #[test]
    fn labels_are_lines_of_a_file_in_the_models_folder() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        std::fs::create_dir(&model).unwrap();
        std::fs::write(model.join("labels.txt"), "cat\n\nbig dog\n").unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), model.join("link")).unwrap();
        let read = |file: &str| {
            let configuration = ModelConfig {
                output: vec![ModelOutput {
                    name: "y".into(),
                    label_filename: file.into(),
                    ..ModelOutput::default()
                }],
                ..ModelConfig::default()
            };
            super::read(&configuration, &model, ["x", "y"].into_iter())
        };
        let labels = read("labels.txt").unwrap();
        assert_eq!(labels, [vec![], vec!["cat", "", "big dog"]]);
        assert_eq!(read("").unwrap(), [Vec::<String>::new(), Vec::new()]);
        for (file, expected) in [
            ("absent", "No such file"),
            ("../secret", "outside of the model's folder"),
            ("link", "outside of the model's folder"),
            ("/etc/passwd", "outside of the model's folder"),
        ] {
            let error = read(file).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
